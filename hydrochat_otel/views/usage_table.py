"""Calls, tokens and dollars by operation, model or dimension, from counters or from entries.

Unknown is None, never 0: a row whose calls all have no price has no dollars, and each row says what its sums miss.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views import formats
from hydrochat_otel.window.days import DayCounts, DayKey
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Snapshot

OUTSIDE: Final = "none"
"""Name for calls outside of every tracked operation, and for a dimension without a value."""

UNKNOWN: Final = "other"
"""Name for an unknown model."""

LEFT: Final = "(left the window)"
"""Name for the calls of whole days whose entries have left the window, so that nothing more is known of them."""

_FACTS: Final = (
    (semconv.LLM_CALLS, "calls"),
    (semconv.LLM_TOKENS, "tokens"),
    (semconv.LLM_COST, "cost_usd"),
    (semconv.LLM_UNPRICED_TOKENS, "unpriced_tokens"),
    (semconv.LLM_UNRECONCILED_CALLS, "unreconciled_calls"),
    (semconv.LLM_INCOMPLETE_CALLS, "incomplete_calls"),
)
_COUNTED: Final = {spec.name.replace(".", "_"): fact for spec, fact in _FACTS}
_OUTCOME: Final = semconv.OUTCOME.replace(".", "_")
_P95: Final = 0.95

Sample = tuple[str, Mapping[str, str], float]
"""Name of a metric without `_total`, attributes with underscores, value."""


@dataclass(slots=True)
class Usage:
    """What one operation, model or dimension used; `durations_s` are empty if only counters are available."""

    calls: float = 0
    failed: float = 0
    tokens: float = 0
    cost_usd: float = 0.0
    unpriced_tokens: float = 0
    unpriced_calls: float = 0
    unreconciled_calls: float | None = 0
    incomplete_calls: float = 0
    durations_s: list[float] = field(default_factory=list)

    def as_row(self, name: str) -> dict[str, Any]:
        """Return the row for output, DataFrames and JSON; seconds, tokens and dollars."""
        nothing_priced = self.cost_usd == 0 and self.unpriced_tokens > 0
        ordered = sorted(self.durations_s)
        return {
            "name": name,
            "calls": formats.count(self.calls),
            "failed": formats.count(self.failed),
            "tokens": formats.count(self.tokens),
            "cost_usd": None if nothing_priced else formats.usd(self.cost_usd),
            "p95_s": formats.seconds(ordered[min(len(ordered) - 1, int(len(ordered) * _P95))]) if ordered else None,
            "unpriced_tokens": formats.count(self.unpriced_tokens),
            "unreconciled_calls": None if self.unreconciled_calls is None else formats.count(self.unreconciled_calls),
            "incomplete_calls": formats.count(self.incomplete_calls),
        }


def samples(snapshot: Snapshot) -> Iterable[Sample]:
    """Yield the counters of a snapshot with the names of a scrape."""
    for spec, _ in _FACTS:
        name = spec.name.replace(".", "_")
        for point in snapshot.numbers(spec):
            yield name, {key.replace(".", "_"): value for key, value in point.attributes.items()}, float(point.value)


def of_counters(found: Iterable[Sample], label: str) -> dict[str, Usage]:
    """Return the usage since the start by the value of a label, such as ``hydrochat_operation``."""
    table: defaultdict[str, Usage] = defaultdict(Usage)
    for name, attributes, value in found:
        fact = _COUNTED.get(name.removesuffix("_total"))
        if fact is None or value == 0:
            continue
        usage = table[attributes.get(label) or (UNKNOWN if "model" in label else OUTSIDE)]
        setattr(usage, fact, getattr(usage, fact) + value)
        if fact == "calls" and attributes.get(_OUTCOME) == "error":
            usage.failed += value
    return dict(table)


def of_entries(entries: Iterable[Entry], key: Callable[[Entry], str | None]) -> dict[str, Usage]:
    """Return the usage of the calls among entries, grouped by `key`."""
    table: defaultdict[str, Usage] = defaultdict(Usage)
    for entry in entries:
        if not entry.is_billed:
            continue
        usage = table[key(entry) or OUTSIDE]
        tokens = sum(entry.tokens or ())
        if entry.is_call:
            usage.calls += 1
            usage.failed += entry.outcome == "error"
            usage.durations_s.append(entry.duration_s)
        usage.tokens += tokens
        usage.incomplete_calls += entry.incomplete
        usage.unreconciled_calls = None  # an entry does not have it
        if entry.cost_usd is not None:
            usage.cost_usd += entry.cost_usd
        elif tokens:
            usage.unpriced_tokens += tokens
            usage.unpriced_calls += 1
    return dict(table)


def of_days(found: Iterable[tuple[DayKey, DayCounts]]) -> dict[str, Usage]:
    """Return the usage by model of rows of the days."""
    table: defaultdict[str, Usage] = defaultdict(Usage)
    for key, counts in found:
        usage = table[key.model]
        usage.calls += counts.calls
        usage.failed += counts.calls if key.outcome == "error" else 0
        usage.tokens += sum(counts.tokens)
        usage.cost_usd += counts.cost_usd
        usage.unpriced_tokens += counts.unpriced_tokens
        usage.unpriced_calls += counts.unpriced_calls
        usage.incomplete_calls += counts.incomplete_calls
        usage.unreconciled_calls = (usage.unreconciled_calls or 0) + counts.unreconciled_calls
    return dict(table)


def left(whole: Usage, table: Mapping[str, Usage]) -> Usage | None:
    """Return what the whole has beyond the rows of the table: calls that left the window; None if there are none."""
    known = total(table)
    rest = Usage(unreconciled_calls=whole.unreconciled_calls)
    for name in ("calls", "failed", "tokens", "cost_usd", "unpriced_tokens", "unpriced_calls", "incomplete_calls"):
        setattr(rest, name, max(0, getattr(whole, name) - getattr(known, name)))
    return rest if rest.calls or rest.tokens else None


def total(table: Mapping[str, Usage]) -> Usage:
    """Return the sum of all rows."""
    whole = Usage()
    for usage in table.values():
        for name in ("calls", "failed", "tokens", "cost_usd", "unpriced_tokens", "unpriced_calls", "incomplete_calls"):
            setattr(whole, name, getattr(whole, name) + getattr(usage, name))
        one, other = whole.unreconciled_calls, usage.unreconciled_calls
        whole.unreconciled_calls = None if one is None or other is None else one + other
        whole.durations_s += usage.durations_s
    return whole
