"""The page's numbers: one picture of totals, windows, models and newest failures, as JSON and as plain tables.

Only the fields named here leave the process. Numbers about Gemini come from counters and speak of the time since the
start; numbers about operations come from the retained window.
"""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from operator import itemgetter
from typing import Any, Final

import orjson

from hydrochat_otel import semconv
from hydrochat_otel.views.thresholds import Alert
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Retention, Sharing, Snapshot
from hydrochat_otel.window.summary import Summary, summarise, summarise_by_operation

WINDOWS_H: Final = (1.0, 6.0, 24.0)
"""The windows that the page offers, in hours; a longer time to live adds itself."""

MAX_POINTS: Final = 1000
MAX_NEWEST: Final = 50

_DURATION: Final = itemgetter(Entry._fields.index("duration_s"))
_FAILED_OUTCOMES: Final = frozenset({"error", "blocked"})


def render(snapshot: Snapshot, alerts: Sequence[Alert], *, threshold_s: float = 2.0) -> bytes:
    """Return :func:`picture` as JSON text in UTF-8."""
    return orjson.dumps(picture(snapshot, alerts, threshold_s=threshold_s), option=orjson.OPT_APPEND_NEWLINE)


def picture(snapshot: Snapshot, alerts: Sequence[Alert], *, threshold_s: float = 2.0) -> dict[str, Any]:
    """Return everything that the page shows.

    `totals.operations` and `operations` speak of the whole retained window, `windows` of its last hours, `points` are
    ``(unix_ms, duration_s, operation, exceeded, error)`` of the newest operations in order of their end, `newest` are
    slow and failed operations and calls with the newest first. Durations are in seconds, costs in dollars.

    Args:
        snapshot: What is shown.
        alerts: The thresholds that it exceeds.
        threshold_s: The default threshold, a line in the chart; whether an operation exceeded its own is in its entry.
    """
    operations = snapshot.operations()
    models = _models(snapshot)
    # Sorted once: what is picked from it stays ascending, and a sort of the ascending is one linear pass.
    ascending = sorted(operations, key=_DURATION)
    whole = _window(ascending)
    return {
        "taken_at": datetime.fromtimestamp(snapshot.unix_s, UTC).isoformat(timespec="milliseconds"),
        "taken_unix_ms": round(snapshot.unix_s * 1000),
        "service": _service(snapshot),
        "health": "needs_attention" if any(alert.needs_attention for alert in alerts) else "healthy",
        "threshold_s": threshold_s,
        "totals": {
            "operations": whole["summary"],
            "llm_calls": _calls(snapshot),
            "tokens": _tokens(model["tokens"] for model in models),
            "cost_usd": _rounded(snapshot.total(semconv.LLM_COST)),
            "unpriced_tokens": round(snapshot.total(semconv.LLM_UNPRICED_TOKENS)),
            "unreconciled_calls": round(snapshot.total(semconv.LLM_UNRECONCILED_CALLS)),
            "retries": round(snapshot.total(semconv.LLM_RETRIES)),
            "telemetry_errors": round(snapshot.total(semconv.TELEMETRY_ERRORS)),
        },
        "operations": whole["operations"],
        "windows": _windows(snapshot, ascending, whole),
        "models": models,
        "points": [
            (round(entry.end_unix_s * 1000), entry.duration_s, entry.operation, entry.exceeded_threshold, entry.error)
            for entry in operations[-MAX_POINTS:]
        ],
        "points_omitted": max(0, len(operations) - MAX_POINTS),
        "newest": _newest(snapshot.entries),
        "retention": _retention(snapshot.retention),
        "budget": _budget(snapshot.budget),
        "state": _state(snapshot.sharing),
        "alerts": [
            {"name": alert.name, "message": alert.message, "needs_attention": alert.needs_attention} for alert in alerts
        ],
    }


def _service(snapshot: Snapshot) -> str | None:
    name = snapshot.resource.get("service.name", "")
    return None if not name or name.startswith("unknown_service") else name


def _calls(snapshot: Snapshot) -> dict[str, int]:
    sums = snapshot.sums_by(semconv.LLM_CALLS, semconv.OUTCOME)
    return {
        "total": round(sum(sums.values())),
        **{outcome: round(sums.get((outcome,), 0)) for outcome in semconv.OUTCOMES},
    }


def _tokens(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Add up records of tokens by bucket and total."""
    sums: dict[str, int] = {"total": 0} | dict.fromkeys(semconv.TOKEN_BUCKETS, 0)
    for part in parts:
        for name, count in part.items():
            sums[name] += count
    return sums


def _models(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the models that were called, the dearest first."""
    calls = snapshot.sums_by(semconv.LLM_CALLS, semconv.GEN_AI_REQUEST_MODEL)
    failed = snapshot.sums_by(semconv.LLM_CALLS, semconv.GEN_AI_REQUEST_MODEL, semconv.OUTCOME)
    buckets = snapshot.sums_by(semconv.LLM_TOKENS, semconv.GEN_AI_REQUEST_MODEL, semconv.TOKEN_BUCKET)
    costs = snapshot.sums_by(semconv.LLM_COST, semconv.GEN_AI_REQUEST_MODEL)
    unpriced = snapshot.sums_by(semconv.LLM_UNPRICED_TOKENS, semconv.GEN_AI_REQUEST_MODEL)
    names = {name for name, *_ in (*calls, *buckets, *costs, *unpriced)}
    rows: list[dict[str, Any]] = []
    for name in names:
        tokens: dict[str, int] = {bucket: round(buckets.get((name, bucket), 0)) for bucket in semconv.TOKEN_BUCKETS}
        rows.append(
            {
                "model": name,
                "calls": round(calls.get((name,), 0)),
                "failed": round(failed.get((name, "error"), 0)),
                "tokens": {"total": sum(tokens.values()), **tokens},
                "cost_usd": _rounded(costs.get((name,), 0.0)),
                "unpriced_tokens": round(unpriced.get((name,), 0)),
                "priced": not unpriced.get((name,), 0),
            }
        )
    return sorted(rows, key=lambda row: (-row["cost_usd"], -row["tokens"]["total"], row["model"]))


def _windows(snapshot: Snapshot, ascending: list[Entry], whole: dict[str, Any]) -> list[dict[str, Any]]:
    oldest_unix_s = min((entry.end_unix_s for entry in ascending), default=snapshot.unix_s)
    longest_h = snapshot.retention.ttl_hours
    windows = []
    for hours in (*WINDOWS_H, longest_h) if longest_h > WINDOWS_H[-1] else WINDOWS_H:
        since_unix_s = snapshot.unix_s - hours * 3600
        if oldest_unix_s >= since_unix_s:
            windows.append({"hours": hours, **whole})
        else:
            inside = [entry for entry in ascending if entry.end_unix_s >= since_unix_s]
            windows.append({"hours": hours, **_window(inside)})
    return windows


def _window(ascending: list[Entry]) -> dict[str, Any]:
    rows = summarise_by_operation(ascending)
    return {
        "summary": _summary(summarise(ascending)),
        "operations": [{"operation": name, **_summary(row)} for name, row in rows.items()],
    }


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
    for entry in reversed(entries):
        if not (entry.exceeded_threshold or entry.error is not None or entry.outcome in _FAILED_OUTCOMES):
            continue
        rows.append(
            {
                "unix_ms": round(entry.end_unix_s * 1000),
                "kind": entry.kind,
                "name": entry.operation,
                "model": entry.model,
                "duration_s": entry.duration_s,
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
    periods = (("day", budget.spent_day_usd, budget.day_usd), ("month", budget.spent_month_usd, budget.month_usd))
    return [
        {
            "period": period,
            "spent_usd": _rounded(spent_usd),
            "budget_usd": None if budget_usd is None else _rounded(budget_usd),
        }
        for period, spent_usd, budget_usd in periods
    ]


def _state(sharing: Sharing) -> dict[str, Any]:
    return {
        "kind": sharing.state,
        "workers": sharing.workers,
        "stale_s": round(sharing.stale_s, 3),
        "problem": sharing.problem,
    }


def _rounded(usd: float) -> float:
    # Doubles are added; what is beyond a millionth of a millionth of a dollar is their rounding.
    return round(usd, 12)


# -- plain tables, for a browser without JavaScript ---------------------------------------------------------------

_OPERATION_HEADS: Final = (
    "Operation",
    "Count",
    "Slow",
    "Failed",
    "Average, s",
    "p50, s",
    "p95, s",
    "p99, s",
    "Max, s",
)
_MODEL_HEADS: Final = (
    "Model",
    "Calls",
    "Failed",
    "Tokens",
    "Input",
    "Cached",
    "Tool",
    "Answer",
    "Thinking",
    "Cost, USD",
)
_NEWEST_HEADS: Final = ("Time, UTC", "What", "Model", "Took, s", "Why", "Trace")


def html_tables(shown: dict[str, Any]) -> str:
    """Return the picture as escaped HTML tables that need no script."""
    totals = shown["totals"]
    alerts = "".join(f"<li>{escape(alert['message'])}</li>" for alert in shown["alerts"])
    return "\n".join(
        (
            f"<p>As of {_utc(shown['taken_unix_ms'])} UTC. Reload the page for newer numbers.</p>",
            f'<ul class="alerts">{alerts}</ul>' if alerts else "<p>No alert: nothing exceeds its threshold.</p>",
            _table("Totals", ("What", "Number"), _total_rows(totals, shown["retention"])),
            _table("Spent, USD", ("Period", "Spent", "Budget"), map(_budget_row, shown["budget"])),
            f"<p>{escape(_state_sentence(shown['state']))}</p>",
            _table("Response times by operation, retained window", _OPERATION_HEADS, map(_row, shown["operations"])),
            _table("Gemini by model, since the start", _MODEL_HEADS, map(_model_row, shown["models"])),
            _table("Newest slow and failed", _NEWEST_HEADS, map(_newest_row, shown["newest"]), numbers=range(3, 4)),
        )
    )


def _total_rows(totals: dict[str, Any], retention: dict[str, Any]) -> list[tuple[str, ...]]:
    operations, calls = totals["operations"], totals["llm_calls"]
    return [
        ("Operations in the retained window", f"{operations['count']:,}"),
        ("of them slower than their threshold", f"{operations['violations']:,}"),
        ("of them failed", f"{operations['errors']:,}"),
        ("Calls to Gemini since the start", f"{calls['total']:,}"),
        ("of them failed", f"{calls['error']:,}"),
        ("Tokens", f"{totals['tokens']['total']:,}"),
        ("Cost, USD", _usd(totals["cost_usd"])),
        ("Tokens without a price", f"{totals['unpriced_tokens']:,}"),
        ("Calls whose usage does not balance", f"{totals['unreconciled_calls']:,}"),
        ("Repeated requests", f"{totals['retries']:,}"),
        ("Failures inside the telemetry", f"{totals['telemetry_errors']:,}"),
        ("Retained entries", f"{retention['current_entries']:,} of {retention['max_entries']:,}"),
    ]


_PERIODS: Final = {"day": "Today", "month": "This month"}


def _budget_row(row: dict[str, Any]) -> tuple[str, ...]:
    budget = "not set" if row["budget_usd"] is None else _usd(row["budget_usd"])
    return (_PERIODS[row["period"]], _usd(row["spent_usd"]), budget)


def _state_sentence(state: dict[str, Any]) -> str:
    workers = "1 process" if state["workers"] == 1 else f"{state['workers']:,} processes"
    problem = f" {state['problem']}" if state["problem"] else ""
    return f"Numbers of {workers}; state: {state['kind']}.{problem}"


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    times = (f"{row[name]:.3f}" for name in ("avg_s", "p50_s", "p95_s", "p99_s", "max_s"))
    return (row["operation"], f"{row['count']:,}", f"{row['violations']:,}", f"{row['errors']:,}", *times)


def _model_row(row: dict[str, Any]) -> tuple[str, ...]:
    tokens = (f"{row['tokens'][name]:,}" for name in ("total", *semconv.TOKEN_BUCKETS))
    cost = _usd(row["cost_usd"]) if row["priced"] else f"{_usd(row['cost_usd'])} + unpriced"
    return (row["model"] or "(unknown)", f"{row['calls']:,}", f"{row['failed']:,}", *tokens, cost)


def _newest_row(row: dict[str, Any]) -> tuple[str, ...]:
    why = ", ".join(filter(None, ("slow" if row["exceeded"] else "", row["error"] or ""))) or row["outcome"]
    time = _utc(row["unix_ms"])
    return (time, row["name"], row["model"] or "", f"{row['duration_s']:.3f}", why, row["trace_id"] or "")


def _table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: range = range(1, sys.maxsize)
) -> str:
    """Return one table; columns of numbers are aligned to the right."""
    aligned = [' class="number"' if column in numbers else "" for column in range(len(heads))]
    head = "".join(f'<th scope="col"{how}>{escape(text)}</th>' for how, text in zip(aligned, heads, strict=True))
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td{how}>{escape(cell)}</td>" for how, cell in zip(aligned[1:], cells, strict=True))
        + "</tr>"
        for first, *cells in rows
    )
    if not body:
        body = f'<tr><td colspan="{len(heads)}">None yet.</td></tr>'
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _usd(amount: float) -> str:
    return f"{amount:,.6f}"


def _utc(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
