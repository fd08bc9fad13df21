"""The numbers that summarise a window of response times, computed once for every view."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple

from hydrochat_otel.window.entry import Entry

# Read by position in C: a loop over a hundred thousand entries is several times slower.
_DURATION: Final = itemgetter(Entry._fields.index("duration_s"))
_EXCEEDED: Final = itemgetter(Entry._fields.index("exceeded_threshold"))
_ERROR: Final = itemgetter(Entry._fields.index("error"))


@dataclass(frozen=True, slots=True)
class Summary:
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
        return {**asdict(self), "total_operations": self.metrics_count}


def measured(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return the entries whose duration is a finite number; NaN or infinity would spoil the sums."""
    if math.isfinite(sum(map(_DURATION, entries))):
        return entries
    return [entry for entry in entries if math.isfinite(entry.duration_s)]


class Headline(NamedTuple):
    """The part of a summary that needs no sorting: equal to that of :func:`summarise` to the last digit."""

    metrics_count: int = 0
    avg_response_time: float = 0.0
    max_response_time: float = 0.0
    threshold_violations: int = 0


def headline(entries: Sequence[Entry]) -> Headline:
    """Return count, mean, maximum and violations, several times faster than a whole summary of many operations."""
    entries = measured(entries)
    if not entries:
        return Headline()
    durations_s = list(map(_DURATION, entries))
    return Headline(len(entries), math.fsum(durations_s) / len(entries), max(durations_s), sum(map(_EXCEEDED, entries)))


def summarise(entries: Sequence[Entry]) -> Summary:
    """Summarise operations; an empty window gives zeros. Percentiles are interpolated linearly between ranks.

    An operation whose duration is not finite is left out.
    """
    entries = measured(entries)
    if not entries:
        return Summary()
    durations_s = sorted(map(_DURATION, entries))
    violations = sum(map(_EXCEEDED, entries))
    return Summary(
        metrics_count=len(entries),
        avg_response_time=math.fsum(durations_s) / len(entries),  # exact, so in any order the same
        max_response_time=durations_s[-1],
        min_response_time=durations_s[0],
        p50_response_time=percentile(durations_s, 0.50),
        p95_response_time=percentile(durations_s, 0.95),
        p99_response_time=percentile(durations_s, 0.99),
        threshold_violations=violations,
        violation_rate=violations / len(entries),
        errors=len(entries) - list(map(_ERROR, entries)).count(None),
    )


def summarise_by_operation(entries: Sequence[Entry]) -> dict[str, Summary]:
    """Summarise operations by name, names in alphabetical order."""
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.operation, []).append(entry)
    return {name: summarise(by_name[name]) for name in sorted(by_name)}


def percentile(ascending: Sequence[float], fraction: float) -> float:
    """Return the value below which the fraction (0 to 1) of a sorted, non-empty sequence lies."""
    position = (len(ascending) - 1) * fraction
    below = int(position)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (ascending[above] - ascending[below]) * (position - below)
