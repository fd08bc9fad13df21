"""The snapshot: metrics and window at one moment, frozen, from which every view is rendered.

The types are plain data without SDK types, so that snapshots of several workers can be merged and kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from hydrochat_otel import semconv
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.window.days import NOTHING_MISSING, Days, Missing
from hydrochat_otel.window.entry import Entry

Attributes = Mapping[str, str]
FamilyKind = Literal["counter", "gauge", "histogram"]


class Exemplar(NamedTuple):
    """One measurement with the trace it came from; ids in hexadecimal, time in seconds since the epoch."""

    value: float
    unix_s: float
    trace_id: str
    span_id: str


class NumberPoint(NamedTuple):
    """The value of one series of a counter or gauge."""

    attributes: Attributes
    value: float
    exemplars: tuple[Exemplar, ...] = ()


class HistogramPoint(NamedTuple):
    """One series of a histogram: `counts` has one more than `edges` (the last is open) and is not cumulative."""

    attributes: Attributes
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float
    exemplars: tuple[Exemplar, ...] = ()


Point = NumberPoint | HistogramPoint


@dataclass(frozen=True, slots=True)
class Family:
    """All series of one metric of one instrumentation scope.

    Attributes:
        additive: Of a gauge: whether the values of several processes add up (an up-down counter's do).
        made: What was made of it, by the maker's key: a family that has not changed since the last snapshot is the same
            object.
    """

    name: str
    kind: FamilyKind
    unit: str
    description: str
    scope: str
    scope_version: str
    points: tuple[Point, ...]
    additive: bool = False
    made: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Retention:
    """The bounds of the window and how full it is."""

    max_entries: int
    ttl_hours: float
    current_entries: int
    storage_utilization_percent: float


class Forecast(NamedTuple):
    """The expected dollars of the whole month, and the bounds of 80 of 100 cases.

    Attributes:
        month_usd: The expected sum.
        low_usd: The lower bound, at least what is spent already.
        high_usd: The upper bound.
        spent_on: The day, as an ISO date, on which the month's budget is or will be spent; None if it lasts.
    """

    month_usd: float
    low_usd: float
    high_usd: float
    spent_on: str | None = None

    def bounds(self) -> Iterator[tuple[str, float]]:
        """Yield the name and the value of each number: ``expected``, ``low``, ``high``."""
        return zip(semconv.BOUNDS, self[:3], strict=True)


@dataclass(frozen=True, slots=True)
class Budget:
    """What calls to Gemini cost since midnight and this month, in dollars, and the budget.

    Attributes:
        spent_day_usd: Since midnight, in the time zone of the settings.
        spent_month_usd: Since the first of the month.
        day_usd: The budget of a day; None if none is set.
        month_usd: The budget of this month: that of a day times its days.
        missing_day: What the spend since midnight does not contain.
        missing_month: What the spend since the first of the month does not contain.
        forecast: The forecast of the month; None if there is none yet.
        timezone: Name of the zone whose midnights separate the days.
    """

    spent_day_usd: float = 0.0
    spent_month_usd: float = 0.0
    day_usd: float | None = None
    month_usd: float | None = None
    missing_day: Missing = NOTHING_MISSING
    missing_month: Missing = NOTHING_MISSING
    forecast: Forecast | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Sharing:
    """Which processes a snapshot covers.

    Attributes:
        state: ``memory``, ``sqlite`` or ``redis``.
        workers: Processes that reported recently, this one included.
        stale_s: Age of the others' numbers if the shared state cannot be read; 0 if it can.
        problem: Why it cannot be read, in one sentence; None if it can.
        notice: Which other services' numbers it may hold as well, in one sentence; None if the service has a name.
    """

    state: str = "memory"
    workers: int = 1
    stale_s: float = 0.0
    problem: str | None = None
    notice: str | None = None


class Metrics(NamedTuple):
    """The metrics of a snapshot, for a view that shows nothing else of it.

    Attributes:
        families: Every metric the process emits, of all scopes; the same object as long as nothing has changed.
        resource: The process's resource attributes, as text.
        sharing: Which processes they cover.
    """

    families: tuple[Family, ...]
    resource: Attributes
    sharing: Sharing = Sharing()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Metrics and window at one moment.

    Attributes:
        unix_s: When it was taken, in seconds since the epoch.
        resource: The process's resource attributes, as text.
        families: Every metric the process emits, of all scopes.
        entries: The live entries, oldest first; a tuple, or of 128 and more a sequence that makes them when read.
        retention: Bounds and filling of the window.
        budget: What was spent of the budget.
        days: Calls, tokens and dollars by day, model and outcome.
        counted_since_unix_s: Since when everything was counted; None if unknown.
        sharing: Which processes it covers.
    """

    unix_s: float
    resource: Attributes
    families: tuple[Family, ...]
    entries: Sequence[Entry]
    retention: Retention
    budget: Budget = Budget()
    sharing: Sharing = Sharing()
    days: Days = field(default_factory=dict)
    counted_since_unix_s: float | None = None
    _by_name: dict[str, tuple[Point, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __repr__(self) -> str:
        counts = f"{len(self.families)} metrics, {len(self.entries)} entries, {self.sharing.workers} processes"
        return f"<Snapshot at {self.unix_s:.0f} s since the epoch: {counts}>"

    def metrics(self) -> Metrics:
        """Return its metrics alone."""
        return Metrics(self.families, self.resource, self.sharing)

    def points(self, spec: MetricSpec) -> tuple[Point, ...]:
        """Return the series of one of our metrics; empty if nothing was recorded."""
        if not self._by_name:
            by_name: dict[str, tuple[Point, ...]] = {}
            for family in self.families:
                if family.scope == semconv.SCOPE:
                    by_name[family.name] = by_name.get(family.name, ()) + family.points
            self._by_name.update(by_name)
        return self._by_name.get(spec.name, ())

    def numbers(self, spec: MetricSpec) -> Iterator[NumberPoint]:
        """Yield the series of one of our counters or gauges."""
        return (point for point in self.points(spec) if isinstance(point, NumberPoint))

    def total(self, spec: MetricSpec, matches: Callable[[Attributes], bool] = lambda _: True) -> float:
        """Return the sum of one of our counters over the series whose attributes match."""
        if not self.points(spec):
            return 0
        return sum(point.value for point in self.numbers(spec) if matches(point.attributes))

    def sums_by(self, spec: MetricSpec, *attributes: str) -> dict[tuple[str, ...], float]:
        """Return the sums of one of our counters by the values of the attributes, '' where one is missing."""
        sums: dict[tuple[str, ...], float] = {}
        for point in self.numbers(spec):
            key = tuple(point.attributes.get(name, "") for name in attributes)
            sums[key] = sums.get(key, 0) + point.value
        return sums

    def operations(self) -> list[Entry]:
        """Return the operations of the window, oldest first, without calls to Gemini and other spans."""
        return [entry for entry in self.entries if entry.kind == "operation"]
