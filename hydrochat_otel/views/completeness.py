"""Completeness: what a sum of tokens and dollars does not contain, for display beside every such sum."""

from typing import Any

from hydrochat_otel import semconv
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.views import formats
from hydrochat_otel.window import days
from hydrochat_otel.window.days import Missing
from hydrochat_otel.window.snapshot import Snapshot


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


def counted_usd(snapshot: Snapshot, spec: MetricSpec) -> float | None:
    """Return the dollars of one of our counters; None if nothing was counted, which is not the same as zero."""
    return formats.usd(snapshot.total(spec)) if snapshot.points(spec) else None


def document(missing: Missing) -> dict[str, Any]:
    """Return the numbers by name."""
    return missing._asdict()
