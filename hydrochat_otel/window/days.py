"""Days: calls, tokens and dollars by day, model and outcome, kept long after the entries have left the window.

Plain numbers that add up, so that days of several members, and of departed ones, become those of all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from operator import add, sub
from typing import Final, NamedTuple

from hydrochat_otel import semconv
from hydrochat_otel.window import dollars

MAX_DAYS: Final = 430
"""Days that are kept for each time zone: more than 400, so that the same day a year ago is included."""
MAX_ROWS: Final = 24_000
"""Rows that are kept. Beyond this, the models of the oldest days are added up under ``other``."""


class DayKey(NamedTuple):
    """The key of a row: the day as an ISO date, and the time zone whose midnights separate the days."""

    zone: str
    day: str
    model: str
    outcome: str


class Missing(NamedTuple):
    """What a sum of dollars and tokens does not contain.

    Attributes:
        unpriced_calls: Calls that used tokens without a known price.
        unpriced_tokens: Their tokens.
        unreconciled_calls: Calls whose usage is missing or does not balance.
        incomplete_calls: Calls that ended before their usage was stated in full.
        incomplete_tokens: Their tokens as far as stated, a lower bound.
    """

    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    unreconciled_calls: int = 0
    incomplete_calls: int = 0
    incomplete_tokens: int = 0


NOTHING_MISSING: Final = Missing()


class DayCounts(NamedTuple):
    """The numbers of one row; the five counts of tokens are in the order of :data:`semconv.TOKEN_BUCKETS`."""

    calls: int = 0
    input_fresh: int = 0
    input_cached: int = 0
    input_tool: int = 0
    output_answer: int = 0
    output_thinking: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    unreconciled_calls: int = 0
    incomplete_calls: int = 0
    incomplete_tokens: int = 0

    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens by bucket."""
        return self[1:6]

    @property
    def missing(self) -> Missing:
        """What the tokens and dollars do not contain."""
        return Missing(*self[7:])

    def plus(self, other: "DayCounts") -> "DayCounts":
        """Return the sums; of dollars as :mod:`dollars` adds them."""
        return DayCounts(*map(add, self, other))._replace(cost_usd=dollars.plus(self.cost_usd, other.cost_usd))

    def less(self, other: "DayCounts") -> "DayCounts":
        """Return the differences."""
        return DayCounts(*map(sub, self, other))._replace(cost_usd=dollars.rounded(self.cost_usd - other.cost_usd))


Days = Mapping[DayKey, DayCounts]

NOTHING: Final = DayCounts()
_COST: Final = DayCounts._fields.index("cost_usd")


def added(calls: Sequence[DayCounts]) -> tuple[Sequence[float], DayCounts]:
    """Return the dollars of each of several calls, and the sums of all their other numbers."""
    columns = list(zip(*calls, strict=True))
    calls_usd, columns[_COST] = columns[_COST], ()
    return calls_usd, DayCounts(*map(sum, columns))


def with_calls(known: DayCounts, sums: DayCounts, calls_usd: Sequence[float]) -> DayCounts:
    """Return the sums with more calls, whose dollars are added one by one: they may be too small for `plus`."""
    return DayCounts(*map(add, known, sums))._replace(cost_usd=reduce(add, calls_usd, known.cost_usd))


def merged(parts: Iterable[Days]) -> dict[DayKey, DayCounts]:
    """Return the days of all parts together, bounded: addition, so the order of the parts does not matter."""
    whole: dict[DayKey, DayCounts] = {}
    for days in parts:
        for key, counts in days.items():
            known = whole.get(key)
            whole[key] = counts if known is None else known.plus(counts)
    return bounded(whole)


def minus(days: Days, base: Days) -> Days:
    """Return the days less what the base had counted already."""
    if not base:
        return days
    less = {key: counts.less(base.get(key, NOTHING)) for key, counts in days.items()}
    return {key: counts for key, counts in less.items() if any(counts)}


def with_costs(days: Days, convert: Callable[[float], float]) -> Days:
    """Return the days with each cost converted."""
    return {key: counts._replace(cost_usd=convert(counts.cost_usd)) for key, counts in days.items()}


def total(days: Days, zone: str, *, first: str = "", last: str = "9999") -> DayCounts:
    """Return the sum over the days of one zone, from the first to the last ISO date."""
    sums = NOTHING
    for key, counts in days.items():
        if key.zone == zone and first <= key.day <= last:
            sums = sums.plus(counts)
    return sums


def by_day(days: Days, zone: str) -> dict[str, DayCounts]:
    """Return the sums by day of one zone, the earliest first."""
    sums: dict[str, DayCounts] = {}
    for key, counts in days.items():
        if key.zone == zone:
            known = sums.get(key.day)
            sums[key.day] = counts if known is None else known.plus(counts)
    return dict(sorted(sums.items()))


def bounded(days: dict[DayKey, DayCounts]) -> dict[DayKey, DayCounts]:
    """Return at most 430 days of each zone and at most 24 000 rows; changes nothing of the argument."""
    by_zone: dict[str, set[str]] = {}
    for key in days:
        by_zone.setdefault(key.zone, set()).add(key.day)
    if any(len(dates) > MAX_DAYS for dates in by_zone.values()):
        newest = {zone: frozenset(sorted(dates)[-MAX_DAYS:]) for zone, dates in by_zone.items()}
        days = {key: counts for key, counts in days.items() if key.day in newest[key.zone]}
    return days if len(days) <= MAX_ROWS else _lumped(days)


def _lumped(days: dict[DayKey, DayCounts]) -> dict[DayKey, DayCounts]:
    kept = dict(days)
    for date in sorted({key.day for key in days}):
        for key in [key for key in kept if key.day == date and key.model != semconv.OTHER]:
            counts, other = kept.pop(key), key._replace(model=semconv.OTHER)
            kept[other] = kept.get(other, NOTHING).plus(counts)
        if len(kept) <= MAX_ROWS:
            break
    return kept
