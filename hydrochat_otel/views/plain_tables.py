"""The page as plain HTML tables, for a browser without JavaScript: overview, money by operation, newest turns."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.views import formats

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
_BUDGET_HEADS: Final = ("Period", "Spent", "Budget", "Calls without a price", "Forecast")
_NEWEST_HEADS: Final = ("Time, UTC", "What", "Model", "Took, s", "Why", "Trace")
_OPERATION_COST_HEADS: Final = ("Operation", "Calls", "Failed", "Tokens", "Cost, USD", "Tokens without a price")
_TURN_HEADS: Final = (
    "Time, UTC",
    "Operation",
    "Took, s",
    "Calls",
    "Failed calls",
    "Tokens",
    "Cost, USD",
    "Why",
    "Trace",
)

_REFUSED_HEADS: Final = ("Kind", "Name, as far as it is safe to show", "Times")


def render(shown: Mapping[str, Any], spent: Mapping[str, Any], latest: Mapping[str, Any]) -> str:
    """Return escaped HTML tables that need no script.

    Args:
        shown: The overview.
        spent: The money view.
        latest: The newest turns.
    """
    totals = shown["totals"]
    alerts = "".join(f"<li>{escape(alert['message'])}</li>" for alert in shown["alerts"])
    return "\n".join(
        (
            f"<p>As of {_utc(shown['taken_unix_ms'])} UTC. Reload the page for newer numbers.</p>",
            f'<ul class="alerts">{alerts}</ul>' if alerts else "<p>No alert: nothing exceeds its threshold.</p>",
            _table("Totals", ("What", "Number"), _total_rows(totals, shown["retention"])),
            _table("Spent, USD", _BUDGET_HEADS, map(_budget_row, shown["budget"])),
            _table("Names that are counted as other", _REFUSED_HEADS, map(_refused_row, shown["refused_names"])),
            f"<p>{escape(_state_sentence(shown['state']))}</p>",
            _table("Response times by operation, in the window", _OPERATION_HEADS, map(_row, shown["operations"])),
            _table("Gemini by model, since the start", _MODEL_HEADS, map(_model_row, shown["models"])),
            _table(
                f"Cost by operation that a caller waited for, {_COVERS[spent['by_operation_covers']]}",
                _OPERATION_COST_HEADS,
                map(_operation_cost_row, spent["by_root_operation"]),
            ),
            _table("Newest slow and failed", _NEWEST_HEADS, map(_newest_row, shown["newest"]), numbers=range(3, 4)),
            _table("Newest turns", _TURN_HEADS, map(_turn_row, latest["turns"]), numbers=range(2, 7)),
        )
    )


def _total_rows(totals: dict[str, Any], retention: dict[str, Any]) -> list[tuple[str, ...]]:
    operations, calls = totals["operations"], totals["llm_calls"]
    return [
        ("Operations in the window", _count(operations["count"])),
        ("of them slower than their threshold", _count(operations["violations"])),
        ("of them failed", _count(operations["errors"])),
        ("Calls to Gemini since the start", _count(calls["total"])),
        ("of them failed", _count(calls["error"])),
        ("Tokens", _count(totals["tokens"]["total"])),
        ("Cost, USD", _usd(totals["cost_usd"])),
        ("Saved by cached input, USD", _usd(totals["savings_usd"])),
        ("Cost of retries, USD", _usd(totals["retry_cost_usd"])),
        *((words, _count(totals[name])) for name, words in _MISSING.items()),
        ("Repeated requests", _count(totals["retries"])),
        ("Failures inside the telemetry", _count(totals["telemetry_errors"])),
        ("Retained entries", f"{retention['current_entries']:,} of {retention['max_entries']:,}"),
    ]


_MISSING: Final = {
    "unpriced_calls": "Not in the cost: calls without a price",
    "unpriced_tokens": "Not in the cost: tokens without a price",
    "unreconciled_calls": "Calls whose usage is missing or does not balance",
    "incomplete_calls": "Calls that ended before their usage was stated",
}
_COVERS: Final = {"start": "since the start", "window": "in the window"}
_PERIODS: Final = {"day": "Today", "month": "This month"}


def _budget_row(row: dict[str, Any]) -> tuple[str, ...]:
    budget = "not set" if row["budget_usd"] is None else _usd(row["budget_usd"])
    forecast = "" if row["forecast"] is None else _usd(row["forecast"]["month_usd"])
    return (_PERIODS[row["period"]], _usd(row["spent_usd"]), budget, _count(row["missing"]["unpriced_calls"]), forecast)


def _refused_row(row: dict[str, Any]) -> tuple[str, ...]:
    return (row["label"], row["name"] or "not shown", _count(row["count"]))


def _state_sentence(state: dict[str, Any]) -> str:
    workers = "1 process" if state["workers"] == 1 else f"{state['workers']:,} processes"
    sentences = "".join(f" {sentence}" for sentence in (state["problem"], state["notice"]) if sentence)
    return f"Numbers of {workers}; state: {state['kind']}.{sentences}"


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    times = (_seconds(row[name]) for name in ("avg_s", "p50_s", "p95_s", "p99_s", "max_s"))
    return (row["operation"], _count(row["count"]), _count(row["violations"]), _count(row["errors"]), *times)


def _model_row(row: dict[str, Any]) -> tuple[str, ...]:
    tokens = (_count(row["tokens"][name]) for name in ("total", *semconv.TOKEN_BUCKETS))
    cost = _usd(row["cost_usd"]) if row["priced"] else f"{_usd(row['cost_usd'])} + unpriced"
    return (row["model"] or "(unknown)", _count(row["calls"]), _count(row["failed"]), *tokens, cost)


def _operation_cost_row(row: dict[str, Any]) -> tuple[str, ...]:
    counts = (_count(row[name]) for name in ("calls", "failed", "tokens"))
    return (row["operation"], *counts, _usd(row["cost_usd"]), _count(row["unpriced_tokens"]))


def _newest_row(row: dict[str, Any]) -> tuple[str, ...]:
    time = _utc(row["unix_ms"])
    return (time, row["name"], row["model"] or "", _seconds(row["duration_s"]), _why(row), row["trace_id"] or "")


def _turn_row(row: dict[str, Any]) -> tuple[str, ...]:
    counts = (_count(row[name]) for name in ("calls", "failed_calls", "tokens"))
    time, took, cost = _utc(row["unix_ms"]), _seconds(row["duration_s"]), _usd(row["cost_usd"])
    return (time, row["operation"], took, *counts, cost, _why(row), row["trace_id"] or "")


def _why(row: dict[str, Any]) -> str:
    """Return why the row is remarkable, otherwise its outcome."""
    return ", ".join(filter(None, ("slow" if row["exceeded"] else "", row["error"] or ""))) or str(row["outcome"])


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


_UNKNOWN: Final = "unknown"


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def _seconds(number: float | None) -> str:
    return _UNKNOWN if number is None else f"{number:.3f}"


def _usd(amount: float | None) -> str:
    return _UNKNOWN if amount is None else f"{amount:,.6f}"


def _utc(unix_ms: int) -> str:
    return formats.utc(unix_ms / 1000)[:19].replace("T", " ")
