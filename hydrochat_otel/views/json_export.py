"""The JSON export: the contract's four sections, budget, state, and the entries of the window on request.

Everything is rendered from one snapshot.
"""

from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views import completeness, entry_page, formats, refused_names
from hydrochat_otel.views.entry_page import Filter
from hydrochat_otel.window import digest, summary
from hydrochat_otel.window.snapshot import Forecast, Snapshot

EVERYTHING: Final = Filter()
_AGEING: Final = (b'\n  "timestamp": ', b'\n    "stale_seconds": ')
"""How the lines begin that change without anything new; no text in a document has a line break."""


def render(snapshot: Snapshot, shown: Filter = EVERYTHING) -> bytes:
    """Return the export as JSON text in UTF-8; its shape is :func:`schema`."""
    return formats.encoded(document(snapshot, shown))


def entity_tag(text: bytes) -> str:
    """Return the weak entity tag of a rendered document: equal for two that differ only in their time of rendering."""
    for line in _AGEING:
        begin = text.find(line)
        if begin >= 0:
            text = text[:begin] + text[text.index(b"\n", begin + 1) :]
    return f'W/"{blake2b(text, digest_size=12).hexdigest()}"'


def document(snapshot: Snapshot, shown: Filter = EVERYTHING) -> dict[str, Any]:
    """Return the export as a dictionary.

    `performance_metrics` covers the operations of the window that match the filter. `llm_api_metrics` covers the
    counters, to which no filter applies: every call is exactly one of successful, failed, cancelled and blocked, and
    `total_calls` is their sum. A number that is NaN or infinite is null. The entries of a page are JSON text.
    """
    entries = snapshot.entries
    performance = summary.headline(shown(entries)) if shown.selects else digest.headline(entries)
    retention = snapshot.retention
    outcomes = snapshot.sums_by(semconv.LLM_CALLS, semconv.OUTCOME)
    buckets = snapshot.sums_by(semconv.LLM_TOKENS, semconv.TOKEN_BUCKET)
    input_tokens = sum(buckets.get((bucket,), 0) for bucket in semconv.INPUT_BUCKETS)
    output_tokens = sum(buckets.get((bucket,), 0) for bucket in semconv.OUTPUT_BUCKETS)
    export: dict[str, Any] = {
        "timestamp": formats.utc(snapshot.unix_s),
        "performance_metrics": {
            "metrics_count": performance.metrics_count,
            "max_response_time": formats.finite(performance.max_response_time),
            "avg_response_time": formats.finite(performance.avg_response_time),
            "threshold_violations": performance.threshold_violations,
        },
        "llm_api_metrics": {
            "total_calls": formats.count(sum(outcomes.values())),
            "successful_calls": formats.count(outcomes.get(("ok",), 0)),
            "failed_calls": formats.count(outcomes.get(("error",), 0)),
            "cancelled_calls": formats.count(outcomes.get(("cancelled",), 0)),
            "blocked_calls": formats.count(outcomes.get(("blocked",), 0)),
            "total_tokens_used": formats.count(input_tokens + output_tokens),
            "prompt_tokens": formats.count(input_tokens),
            "completion_tokens": formats.count(output_tokens),
            "total_cost_usd": formats.usd(float(snapshot.total(semconv.LLM_COST))),
            "savings_usd": completeness.counted_usd(snapshot, semconv.LLM_SAVINGS),
            "retry_cost_usd": completeness.counted_usd(snapshot, semconv.LLM_RETRY_COST),
            **completeness.document(completeness.of_snapshot(snapshot)),
        },
        "retention_policy": {
            "max_entries": retention.max_entries,
            "ttl_hours": retention.ttl_hours,
            "current_entries": retention.current_entries,
            "storage_utilization_percent": round(retention.storage_utilization_percent, 4),
        },
        "budget": _budget(snapshot),
        "state": _state(snapshot),
        "refused_names": refused_names.document(snapshot),
    }
    if shown.days:
        export["days"] = days_document(snapshot)
    if shown.entries:
        export |= entry_page.page(shown(snapshot.entries), shown)
    return export


def schema() -> bytes:
    """Return the JSON Schema (draft 2020-12) of the export."""
    return files("hydrochat_otel").joinpath("assets/schema/export.schema.json").read_bytes()


def days_document(snapshot: Snapshot) -> dict[str, Any]:
    """Return the days that are kept, by the zone whose midnights separate them; `zone` is that of the budget."""
    zones: dict[str, list[dict[str, Any]]] = {snapshot.budget.timezone: []}
    for key, counts in sorted(snapshot.days.items()):
        row = {
            "day": key.day,
            "model": key.model,
            "outcome": key.outcome,
            "calls": counts.calls,
            "tokens": dict(zip(semconv.TOKEN_BUCKETS, counts.tokens, strict=True)),
            "total_tokens": sum(counts.tokens),
            "cost_usd": formats.usd(counts.cost_usd),
            **completeness.document(counts.missing),
        }
        zones.setdefault(key.zone, []).append(row)
    return {"zone": snapshot.budget.timezone, "zones": zones}


def _budget(snapshot: Snapshot) -> dict[str, Any]:
    """Return what is spent today and this month, what that misses, the budgets and the forecast; null if unknown."""
    budget = snapshot.budget
    return {
        "spent_today_usd": formats.usd(budget.spent_day_usd),
        "spent_this_month_usd": formats.usd(budget.spent_month_usd),
        "budget_today_usd": formats.usd(budget.day_usd),
        "budget_this_month_usd": formats.usd(budget.month_usd),
        "missing_today": completeness.document(budget.missing_day),
        "missing_this_month": completeness.document(budget.missing_month),
        "forecast": forecast_document(budget.forecast),
    }


def forecast_document(forecast: Forecast | None) -> dict[str, Any] | None:
    """Return the forecast for the end of the month; None if there is none yet."""
    if forecast is None:
        return None
    return {
        "month_usd": formats.usd(forecast.month_usd),
        "low_usd": formats.usd(forecast.low_usd),
        "high_usd": formats.usd(forecast.high_usd),
        "spent_on": forecast.spent_on,
    }


def _state(snapshot: Snapshot) -> dict[str, str | int | float | None]:
    """Return the state's kind, the number of processes that it covers, its problem and its notice."""
    sharing = snapshot.sharing
    return {
        "kind": sharing.state,
        "workers": sharing.workers,
        "stale_seconds": formats.seconds(sharing.stale_s),
        "problem": sharing.problem,
        "notice": sharing.notice,
    }
