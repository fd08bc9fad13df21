"""The overview: the document of the page, with totals, windows, models and the newest failures.

Only the fields named here leave the process. Numbers about Gemini come from counters and cover the time since the
start; numbers about operations come from the window.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views import completeness, formats, refused_names
from hydrochat_otel.views.json_export import forecast_document
from hydrochat_otel.views.thresholds import Alert
from hydrochat_otel.window import digest
from hydrochat_otel.window.entries import newest_operations, troubled_backwards
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.operation_sums import Window
from hydrochat_otel.window.snapshot import Budget, Retention, Sharing, Snapshot
from hydrochat_otel.window.summary import Summary

WINDOWS_H: Final = (1.0, 6.0, 24.0)
"""The windows of the page, in hours; a longer time to live is added."""

MAX_POINTS: Final = 1000
MAX_NEWEST: Final = 50


def render(snapshot: Snapshot, alerts: Sequence[Alert], *, threshold_s: float = 2.0) -> bytes:
    """Return :func:`document` as JSON text in UTF-8."""
    return formats.encoded(document(snapshot, alerts, threshold_s=threshold_s), indented=False)


def document(snapshot: Snapshot, alerts: Sequence[Alert], *, threshold_s: float = 2.0) -> dict[str, Any]:
    """Return everything that the page shows.

    `totals.operations` and `operations` cover the whole window, `windows` its last hours. `points` are ``(unix_ms,
    duration_s, operation, exceeded, error)`` of the newest operations in order of their end. `newest` are slow and
    failed operations and calls, the newest first. Durations are in seconds, costs in dollars.

    Args:
        snapshot: What is shown.
        alerts: The thresholds that it exceeds.
        threshold_s: The default threshold, a line in the chart. An operation's entry says whether it exceeded its own.
    """
    models = _models(snapshot)
    whole, windows = _windows(snapshot)
    points = _points(snapshot.entries)
    return {
        "taken_at": formats.utc(snapshot.unix_s),
        "taken_unix_ms": formats.milliseconds(snapshot.unix_s),
        "service": _service(snapshot),
        "health": "needs_attention" if any(alert.needs_attention for alert in alerts) else "healthy",
        "threshold_s": threshold_s,
        "totals": {
            "operations": whole["summary"],
            "llm_calls": _calls(snapshot),
            "tokens": _tokens(model["tokens"] for model in models),
            "cost_usd": formats.usd(snapshot.total(semconv.LLM_COST)),
            "savings_usd": completeness.counted_usd(snapshot, semconv.LLM_SAVINGS),
            "retry_cost_usd": completeness.counted_usd(snapshot, semconv.LLM_RETRY_COST),
            **completeness.document(completeness.of_snapshot(snapshot)),
            "retries": formats.count(snapshot.total(semconv.LLM_RETRIES)),
            "telemetry_errors": formats.count(snapshot.total(semconv.TELEMETRY_ERRORS)),
        },
        "operations": whole["operations"],
        "windows": windows,
        "models": models,
        "points": points,
        "points_omitted": whole["summary"]["count"] - len(points),
        "newest": _newest(snapshot.entries),
        "retention": _retention(snapshot.retention),
        "budget": _budget(snapshot.budget),
        "state": _state(snapshot.sharing),
        "refused_names": refused_names.document(snapshot),
        "alerts": [
            *({"name": one.name, "message": one.message, "needs_attention": one.needs_attention} for one in alerts),
            *_notices(snapshot.sharing),
        ],
    }


def _notices(sharing: Sharing) -> list[dict[str, Any]]:
    if sharing.notice is None:
        return []
    return [{"name": "service_name", "message": sharing.notice, "needs_attention": False}]


def _service(snapshot: Snapshot) -> str | None:
    name = snapshot.resource.get("service.name", "")
    return None if not name or name.startswith("unknown_service") else name


def _calls(snapshot: Snapshot) -> dict[str, int | None]:
    sums = snapshot.sums_by(semconv.LLM_CALLS, semconv.OUTCOME)
    return {
        "total": formats.count(sum(sums.values())),
        **{outcome: formats.count(sums.get((outcome,), 0)) for outcome in semconv.OUTCOMES},
    }


def _tokens(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Add up tokens by bucket and total."""
    sums: dict[str, int] = {"total": 0} | dict.fromkeys(semconv.TOKEN_BUCKETS, 0)
    for part in parts:
        for name, count in part.items():
            sums[name] += count
    return sums


def _models(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the models that were called, the most expensive first."""
    calls = snapshot.sums_by(semconv.LLM_CALLS, semconv.GEN_AI_REQUEST_MODEL)
    failed = snapshot.sums_by(semconv.LLM_CALLS, semconv.GEN_AI_REQUEST_MODEL, semconv.OUTCOME)
    buckets = snapshot.sums_by(semconv.LLM_TOKENS, semconv.GEN_AI_REQUEST_MODEL, semconv.TOKEN_BUCKET)
    costs = snapshot.sums_by(semconv.LLM_COST, semconv.GEN_AI_REQUEST_MODEL)
    unpriced = snapshot.sums_by(semconv.LLM_UNPRICED_TOKENS, semconv.GEN_AI_REQUEST_MODEL)
    names = {name for name, *_ in (*calls, *buckets, *costs, *unpriced)}
    rows: list[dict[str, Any]] = []
    for name in names:
        tokens: dict[str, int] = {
            bucket: formats.count(buckets.get((name, bucket), 0)) or 0 for bucket in semconv.TOKEN_BUCKETS
        }
        rows.append(
            {
                "model": name,
                "calls": formats.count(calls.get((name,), 0)),
                "failed": formats.count(failed.get((name, "error"), 0)),
                "tokens": {"total": sum(tokens.values()), **tokens},
                "cost_usd": formats.usd(costs.get((name,), 0.0)),
                "unpriced_tokens": formats.count(unpriced.get((name,), 0)),
                "priced": not unpriced.get((name,), 0),
            }
        )
    return sorted(rows, key=lambda row: (-(row["cost_usd"] or 0.0), -row["tokens"]["total"], row["model"]))


def _windows(snapshot: Snapshot) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the whole window, and its last hours."""
    longest_h = snapshot.retention.ttl_hours
    hours = (*WINDOWS_H, longest_h) if longest_h > WINDOWS_H[-1] else WINDOWS_H
    moments = [snapshot.unix_s - one * 3600 for one in hours]
    documents: dict[int, dict[str, Any]] = {}
    found = [
        documents.setdefault(id(window), _window(window))
        for window in digest.windows(snapshot.entries, [-math.inf, *moments])
    ]
    return found[0], [{"hours": one, **window} for one, window in zip(hours, found[1:], strict=True)]


def _window(window: Window) -> dict[str, Any]:
    return {
        "summary": _summary(window.whole),
        "operations": [{"operation": name, **_summary(row)} for name, row in window.by_operation.items()],
    }


def _points(entries: Sequence[Entry]) -> list[tuple[Any, ...]]:
    ends_unix_s, *shown = newest_operations(entries, MAX_POINTS)
    return list(zip(formats.all_milliseconds(ends_unix_s), *shown, strict=True))


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "count": summary.metrics_count,
        "avg_s": summary.avg_response_time,
        "p50_s": summary.p50_response_time,
        "p95_s": summary.p95_response_time,
        "p99_s": summary.p99_response_time,
        "max_s": summary.max_response_time,
        "violations": summary.threshold_violations,
        "errors": summary.errors,
    }


def _newest(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for entry in troubled_backwards(entries):
        rows.append(
            {
                "unix_ms": formats.milliseconds(entry.end_unix_s),
                "kind": entry.kind,
                "name": entry.operation,
                "model": entry.model,
                "duration_s": formats.finite(entry.duration_s),
                "exceeded": entry.exceeded_threshold,
                "error": entry.error,
                "outcome": entry.outcome,
                "trace_id": f"{entry.trace_id:032x}" if entry.trace_id else None,
            }
        )
        if len(rows) == MAX_NEWEST:
            break
    return rows


def _retention(retention: Retention) -> dict[str, Any]:
    return {
        "max_entries": retention.max_entries,
        "ttl_hours": retention.ttl_hours,
        "current_entries": retention.current_entries,
        "utilization_percent": round(retention.storage_utilization_percent, 4),
    }


def _budget(budget: Budget) -> list[dict[str, Any]]:
    periods = (
        ("day", budget.spent_day_usd, budget.day_usd, budget.missing_day, None),
        ("month", budget.spent_month_usd, budget.month_usd, budget.missing_month, budget.forecast),
    )
    return [
        {
            "period": period,
            "spent_usd": formats.usd(spent_usd),
            "budget_usd": formats.usd(budget_usd),
            "missing": completeness.document(missing),
            "forecast": forecast_document(forecast),
        }
        for period, spent_usd, budget_usd, missing, forecast in periods
    ]


def _state(sharing: Sharing) -> dict[str, Any]:
    return {
        "kind": sharing.state,
        "workers": sharing.workers,
        "stale_s": formats.seconds(sharing.stale_s),
        "problem": sharing.problem,
        "notice": sharing.notice,
    }
