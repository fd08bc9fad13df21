"""PromQL over the declared metrics: names and labels come from the specs, so that no query names a missing one.

An expression is plain text; a :class:`Series` is a selector that becomes text where it is formatted.
"""

from dataclasses import dataclass, replace
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.views.prometheus.naming import family_name, labels

JOB: Final = "job"
INSTANCE: Final = "instance"
_OF_THE_SCRAPE: Final = frozenset({JOB, INSTANCE})


def label(attribute: str) -> str:
    """Return the Prometheus label of an attribute."""
    return labels({attribute: "_"}).partition("=")[0]


OPERATION: Final = label(semconv.OPERATION)
MODEL: Final = label(semconv.GEN_AI_REQUEST_MODEL)
ROOT: Final = label(semconv.ROOT_OPERATION)
ROLE: Final = label(semconv.ROLE)
OUTCOME: Final = label(semconv.OUTCOME)
BUCKET: Final = label(semconv.TOKEN_BUCKET)
REASON: Final = label(semconv.REASON)
SEAM: Final = label(semconv.SEAM)
ERROR_TYPE: Final = label(semconv.ERROR_TYPE)
LIBRARY: Final = label(semconv.LIBRARY)
LIBRARY_VERSION: Final = label(semconv.LIBRARY_VERSION)
PERIOD: Final = label(semconv.PERIOD)
BOUND: Final = label(semconv.BOUND)
CHARGE: Final = label(semconv.CHARGE)
LABEL: Final = label(semconv.LABEL)
VERSION: Final = label(semconv.VERSION)


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one name whose labels match.

    Attributes:
        name: Of the samples, with its suffix.
        allowed: The labels that a matcher may use.
        matchers: As they are written between braces.
    """

    name: str
    allowed: frozenset[str]
    matchers: tuple[str, ...] = ()

    def where(self, name: str, operator: str, value: str) -> "Series":
        """Return the same series, narrowed down.

        Raises:
            ValueError: The metric has no such label.
        """
        if name not in self.allowed:
            raise ValueError(f"{self.name} has no label {name}; it has {', '.join(sorted(self.allowed))}.")
        text = value.replace("\\", "\\\\")
        return replace(self, matchers=(*self.matchers, f'{name}{operator}"{text}"'))

    def scoped(self, **matchers: str) -> "Series":
        """Return the same series, restricted by regular expressions for those of the labels that it has."""
        narrowed = self
        for name, pattern in matchers.items():
            if name in self.allowed:
                narrowed = narrowed.where(name, "=~", pattern)
        return narrowed

    def __str__(self) -> str:
        return f"{self.name}{{{','.join(self.matchers)}}}" if self.matchers else self.name


def _series(spec: MetricSpec, suffix: str, *more: str) -> Series:
    name, _ = family_name(spec.name, spec.unit, is_counter=spec.kind in {"counter", "observable_counter"})
    allowed = _OF_THE_SCRAPE | {label(one) for one in spec.attributes} | set(more)
    return Series(name + suffix, frozenset(allowed))


def total(spec: MetricSpec) -> Series:
    """Return the samples of a counter."""
    _expect(spec, "counter", "observable_counter")
    return _series(spec, "_total")


def gauge(spec: MetricSpec) -> Series:
    """Return the samples of a gauge."""
    _expect(spec, "gauge")
    return _series(spec, "")


def count(spec: MetricSpec) -> Series:
    """Return the number of measurements of a histogram."""
    _expect(spec, "histogram")
    return _series(spec, "_count")


def sum_of(spec: MetricSpec) -> Series:
    """Return the sum of a histogram's measurements."""
    _expect(spec, "histogram")
    return _series(spec, "_sum")


def bucket(spec: MetricSpec) -> Series:
    """Return the buckets of a histogram."""
    _expect(spec, "histogram")
    return _series(spec, "_bucket", "le")


def up_to(spec: MetricSpec, edge: float) -> Series:
    """Return the number of measurements at or below one of the edges.

    Raises:
        ValueError: The histogram has no such edge.
    """
    if edge not in spec.edges:
        raise ValueError(f"{spec.name} has no edge at {edge}; it has {spec.edges}.")
    # OpenMetrics and Prometheus 3 write 2.0, the collector and the older text format 2.
    return bucket(spec).where("le", "=~", f"{edge:g}([.]0)?")


def _expect(spec: MetricSpec, *kinds: str) -> None:
    if spec.kind not in kinds:
        raise ValueError(f"{spec.name} is a {spec.kind}, not a {kinds[0]}.")


def grew(series: Series, window: str) -> str:
    """Return the growth of counters in the window, including the first value of a series that appeared in it.

    `increase` alone misses a series that appears with its first event and then does not change, which is how errors and
    retries look in a quiet service. A series appeared in the window if it has fewer samples there than the same
    process's gauge of window entries, which exists from the first scrape on: so neither a new Prometheus nor a gap in
    the scrapes makes old counters grow.
    """
    process = by((JOB, INSTANCE), f"count_over_time({_always_there()}[{window}])", "max")
    appeared = f"count_over_time({series}[{window}]) < on ({JOB}, {INSTANCE}) group_left () {process}"
    return f"({series} and {appeared}) or increase({series}[{window}])"


def _always_there() -> Series:
    return gauge(semconv.RETENTION_ENTRIES)


def by(names: tuple[str, ...], expression: str, aggregation: str = "sum") -> str:
    """Return the expression aggregated by labels; without labels, to one number."""
    return f"{aggregation} by ({', '.join(names)}) ({expression})" if names else f"{aggregation}({expression})"


def or_zero(expression: str, like: str) -> str:
    """Return the expression, and zero where only `like` has a series: no recorded failure is zero failures."""
    return f"({expression} or 0 * {like})"


def ratio(part: str, whole: str) -> str:
    """Return part by whole, zero if there is no part, nothing if there is no whole."""
    return f"{or_zero(part, whole)} / ({whole} > 0)"


def quantile(q: float, spec: MetricSpec, window: str, names: tuple[str, ...], **scope: str) -> str:
    """Return a quantile of a histogram over the window by labels."""
    rates = by((*names, "le"), f"rate({bucket(spec).scoped(**scope)}[{window}])")
    return f"histogram_quantile({q:g}, {rates})"
