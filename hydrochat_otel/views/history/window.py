"""A history from the entries of the window: exact, and as long as the window; whole days reach back further."""

from datetime import UTC, datetime
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views.history.steps import UNKNOWN_CALLS, UNKNOWN_OPERATIONS, Steps, document, row
from hydrochat_otel.window import days, digest
from hydrochat_otel.window.days import DayCounts, Missing
from hydrochat_otel.window.snapshot import Snapshot
from hydrochat_otel.window.summary import Summary
from hydrochat_otel.window.timelines import CallSums

_DAY_S: Final = 86_400


def from_window(snapshot: Snapshot, steps: Steps) -> dict[str, Any]:
    """Return the history of the entries.

    The counts and costs of a step that begins before `complete_since` are null: entries of it may have left the window.
    If the steps are whole days of UTC, calls, tokens and dollars come from the days that are kept beyond the window.
    """
    sums = digest.steps(snapshot.entries, steps.start_unix_s, steps.step_s, steps.number)
    since_unix_s = _complete_since(snapshot)
    kept = days.by_day(snapshot.days, "UTC") if steps.step_s % _DAY_S == 0 else {}
    rows = []
    for index, (of_operations, of_calls) in enumerate(sums):
        begin_unix_s = steps.start_unix_s + index * steps.step_s
        is_complete = begin_unix_s >= since_unix_s
        operations = _of_operations(of_operations) if is_complete else dict(UNKNOWN_OPERATIONS)
        calls = _of_calls(of_calls) if is_complete and not kept else dict(UNKNOWN_CALLS)
        if kept:
            calls = _of_days(kept, begin_unix_s, steps.step_s)
        rows.append(row(**operations, **calls))
    return document(steps, "window", rows, complete_since_unix_s=since_unix_s)


def _complete_since(snapshot: Snapshot) -> float:
    """Return the moment since which nothing has left the window and everything was counted."""
    since_unix_s = snapshot.counted_since_unix_s
    if since_unix_s is None or snapshot.total(semconv.RETENTION_EVICTED):
        oldest_unix_s = digest.oldest_unix_s(snapshot.entries)
        since_unix_s = snapshot.unix_s if oldest_unix_s is None else oldest_unix_s
    return max(since_unix_s, snapshot.unix_s - snapshot.retention.ttl_hours * 3600)


def _of_operations(summary: Summary) -> dict[str, Any]:
    if not summary.metrics_count:
        return {}
    return {
        "count": summary.metrics_count,
        "avg_s": summary.avg_response_time,
        "p50_s": summary.p50_response_time,
        "p95_s": summary.p95_response_time,
        "p99_s": summary.p99_response_time,
        "violations": summary.threshold_violations,
        "errors": summary.errors,
        "error_rate": summary.errors / summary.metrics_count,
    }


def _of_calls(sums: CallSums) -> dict[str, Any]:
    return _numbers(sums.calls, sums.tokens, sums.cost_usd, sums.missing)


def _of_days(kept: dict[str, DayCounts], begin_unix_s: int, step_s: int) -> dict[str, Any]:
    """Return the calls of a step of whole days; unknown if it ends before the first day that is kept."""
    first, last = (
        datetime.fromtimestamp(unix_s, UTC).date().isoformat() for unix_s in (begin_unix_s, begin_unix_s + step_s - 1)
    )
    if first < next(iter(kept)):
        return dict(UNKNOWN_CALLS)
    sums = days.NOTHING
    for day, counts in kept.items():
        if first <= day <= last:
            sums = sums.plus(counts)
    return _numbers(sums.calls, sum(sums.tokens), sums.cost_usd, sums.missing)


def _numbers(calls: int, tokens: int, cost_usd: float, missing: Missing) -> dict[str, Any]:
    return {"calls": calls, "tokens": tokens, "cost_usd": cost_usd, **missing._asdict()}
