"""The numbers that summarise a window of response times, computed once for every view."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from hydrochat_otel.window.ascending import Ascending
from hydrochat_otel.window.columns import is_measured
from hydrochat_otel.window.entries import operations_of
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.exact_sum import as_float, exact


class Summary(NamedTuple):
    """Count, response times in seconds, violations of the threshold and failures of a window of operations."""

    metrics_count: int = 0
    avg_response_time: float = 0.0
    max_response_time: float = 0.0
    min_response_time: float = 0.0
    p50_response_time: float = 0.0
    p95_response_time: float = 0.0
    p99_response_time: float = 0.0
    threshold_violations: int = 0
    violation_rate: float = 0.0
    errors: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the summary with the public key names; `total_operations` is another name of `metrics_count`."""
        return {**self._asdict(), "total_operations": self.metrics_count}


class Headline(NamedTuple):
    """The part of a summary that needs no percentile."""

    metrics_count: int = 0
    avg_response_time: float = 0.0
    max_response_time: float = 0.0
    threshold_violations: int = 0


class Times(NamedTuple):
    """Response times to add to a :class:`Tally` or to remove from it.

    Attributes:
        durations_s: In seconds.
        total: Their sum, as :func:`exact` returns it.
        violations: How many exceeded their threshold.
        errors: How many failed.
    """

    durations_s: Collection[float]
    total: int
    violations: int
    errors: int

    @classmethod
    def of(cls, durations_s: Collection[float], flags: bytes) -> "Times":
        """Return the times of durations with one byte of :func:`flags_of` for each."""
        return cls(durations_s, exact(durations_s), exceeded(flags), flags.count(2) + flags.count(3))


class Tally:
    """Response times that come and go.

    Sums and order are exact, so its summary has the same digits as if all were added up and sorted at once.
    """

    __slots__ = ("_errors", "_times", "_total", "violations")

    def __init__(self, times: Times) -> None:
        durations_s, self._total, self.violations, self._errors = times
        self._times = Ascending(durations_s)

    def __len__(self) -> int:
        return len(self._times)

    def add(self, times: Times) -> None:
        """Add response times."""
        self._times.add(times.durations_s)
        self._total += times.total
        self.violations += times.violations
        self._errors += times.errors

    def remove(self, times: Times) -> None:
        """Remove response times.

        Raises:
            LookupError: One of them was not added.
        """
        self._times.remove(times.durations_s)
        self._total -= times.total
        self.violations -= times.violations
        self._errors -= times.errors

    def headline(self) -> Headline:
        """Return the part of the summary that needs no percentile; zeros without response times."""
        times = self._times.values
        if not times:
            return Headline()
        return Headline(len(times), as_float(self._total) / len(times), times[-1], self.violations)

    def summary(self) -> Summary:
        """Return the summary; zeros without response times. Percentiles are interpolated linearly between ranks."""
        times = self._times.values
        if not times:
            return Summary()
        number = len(times)
        return Summary(
            metrics_count=number,
            avg_response_time=as_float(self._total) / number,
            max_response_time=times[-1],
            min_response_time=times[0],
            p50_response_time=percentile(times, 0.50),
            p95_response_time=percentile(times, 0.95),
            p99_response_time=percentile(times, 0.99),
            threshold_violations=self.violations,
            violation_rate=self.violations / number,
            errors=self._errors,
        )


def exceeded(flags: bytes) -> int:
    """Return how many exceeded their threshold."""
    return flags.count(1) + flags.count(3)


def times_of(entries: Iterable[Entry]) -> Times:
    """Return the times of the operations among entries."""
    durations_s, flags = list[float](), bytearray()
    for columns in operations_of(entries):
        durations_s += columns.durations_s
        flags += columns.flags
    return Times.of(durations_s, bytes(flags))


def headline(entries: Iterable[Entry]) -> Headline:
    """Return count, mean, maximum and violations of the operations among entries."""
    return Tally(times_of(entries)).headline()


def summarise(entries: Iterable[Entry]) -> Summary:
    """Summarise the operations among entries; an empty window gives zeros.

    An operation whose duration is not finite is left out.
    """
    return Tally(times_of(entries)).summary()


def summarise_by_operation(entries: Sequence[Entry]) -> dict[str, Summary]:
    """Summarise the operations among entries by name, names in alphabetical order."""
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        if is_measured(entry):
            by_name.setdefault(entry.operation, []).append(entry)
    return {name: summarise(by_name[name]) for name in sorted(by_name)}


def percentile(ascending: Sequence[float], fraction: float) -> float:
    """Return the value below which the fraction (0 to 1) of a sorted, non-empty sequence lies."""
    position = (len(ascending) - 1) * fraction
    below = int(position)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (ascending[above] - ascending[below]) * (position - below)
