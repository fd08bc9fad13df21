"""A history from the retained entries: exact, and as long as the window is."""

import math
from typing import Any

from hydrochat_otel import semconv
from hydrochat_otel.views.history.steps import Steps, document, row
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Snapshot
from hydrochat_otel.window.summary import summarise


def from_window(snapshot: Snapshot, steps: Steps) -> dict[str, Any]:
    """Return the history of the retained entries; one that has left the window is missing from its step."""
    ended_in: list[list[Entry]] = [[] for _ in range(steps.number)]
    for entry in snapshot.entries:
        index = steps.index(entry.end_unix_s)
        if 0 <= index < steps.number:
            ended_in[index].append(entry)
    since = min((entry.end_unix_s for entry in snapshot.entries), default=None)
    return document(steps, "window", [_row(entries) for entries in ended_in], complete_since_unix_s=since)


def _row(entries: list[Entry]) -> dict[str, Any]:
    if not entries:
        return row()
    operations = [entry for entry in entries if entry.kind == "operation" and math.isfinite(entry.duration_s)]
    calls = [
        entry for entry in entries if entry.kind == "gemini" and entry.operation not in semconv.UNBILLED_OPERATIONS
    ]
    numbers: dict[str, Any] = {
        "calls": len(calls),
        "tokens": sum(sum(entry.tokens or ()) for entry in calls),
        "cost_usd": sum(entry.cost_usd or 0.0 for entry in calls if math.isfinite(entry.cost_usd or 0.0)),
    }
    if not operations:
        return row(**numbers)
    summary = summarise(operations)
    return row(
        count=summary.metrics_count,
        avg_s=summary.avg_response_time,
        p50_s=summary.p50_response_time,
        p95_s=summary.p95_response_time,
        p99_s=summary.p99_response_time,
        violations=summary.threshold_violations,
        errors=summary.errors,
        error_rate=summary.errors / summary.metrics_count,
        **numbers,
    )
