"""Completeness: what a sum of tokens and dollars does not contain, for display beside every such sum."""

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from hydrochat_otel import semconv
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.views import formats
from hydrochat_otel.window import days
from hydrochat_otel.window.days import Missing
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Snapshot

_SETTLED: Final = frozenset({"ok", "cancelled"})


def of_snapshot(snapshot: Snapshot) -> Missing:
    """Return what the totals since the start do not contain."""
    counted = days.total(snapshot.days, snapshot.budget.timezone)
    return Missing(
        unpriced_calls=counted.unpriced_calls,
        unpriced_tokens=formats.count(snapshot.total(semconv.LLM_UNPRICED_TOKENS)) or 0,
        unreconciled_calls=formats.count(snapshot.total(semconv.LLM_UNRECONCILED_CALLS)) or 0,
        incomplete_calls=formats.count(snapshot.total(semconv.LLM_INCOMPLETE_CALLS)) or 0,
        incomplete_tokens=formats.count(snapshot.total(semconv.LLM_INCOMPLETE_TOKENS)) or 0,
    )


class CallSums(NamedTuple):
    """The sums over calls, and what they do not contain."""

    calls: int
    tokens: int
    cost_usd: float
    missing: Missing


def of_calls(calls: Sequence[Entry]) -> CallSums:
    """Return what calls and results of earlier work add up to; a cost that is no finite number is missing from it."""
    tokens = unpriced_calls = unpriced_tokens = unreconciled = incomplete_calls = incomplete_tokens = 0
    costs: list[float] = []
    for entry in calls:
        used = sum(entry.tokens) if entry.tokens is not None else 0
        tokens += used
        cost_usd = entry.cost_usd
        if cost_usd is not None and math.isfinite(cost_usd):
            costs.append(cost_usd)
        elif used:
            unpriced_calls += 1
            unpriced_tokens += used
        if entry.incomplete:
            incomplete_calls += 1
            incomplete_tokens += used
        if not used and entry.outcome in _SETTLED and entry.operation in semconv.TOKEN_OPERATIONS:
            unreconciled += 1
    missing = Missing(unpriced_calls, unpriced_tokens, unreconciled, incomplete_calls, incomplete_tokens)
    return CallSums(sum(1 for entry in calls if entry.is_call), tokens, math.fsum(costs), missing)


def counted_usd(snapshot: Snapshot, spec: MetricSpec) -> float | None:
    """Return the dollars of one of our counters; None if nothing was counted, which is not the same as zero."""
    return formats.usd(snapshot.total(spec)) if snapshot.points(spec) else None


def document(missing: Missing) -> dict[str, Any]:
    """Return the numbers by name."""
    return missing._asdict()
