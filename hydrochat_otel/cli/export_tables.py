"""An export as tables for people: in a terminal of 60 columns values wrap, and in a pipe none is cut."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from hydrochat_otel.reporting.service import entry_of
from hydrochat_otel.views import formats, usage_table
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.summary import summarise_by_operation

SECTIONS: Final = ("performance_metrics", "llm_api_metrics", "retention_policy")

_TITLES: Final = {
    "performance_metrics": "Operations, in the window",
    "llm_api_metrics": "Gemini, since the start",
    "retention_policy": "Retention",
}
_WIDE: Final = 4000
"""Columns of a pipe: enough that no value is cut or wrapped."""


def console() -> Console:
    """Return the console of the standard output."""
    return Console() if sys.stdout.isatty() else Console(width=_WIDE)


def drawn(export: Mapping[str, Any], limit: int) -> Group:
    """Return the tables: the sections, operations and models of the listed entries, and the newest entries.

    Args:
        export: The document, with its entries.
        limit: How many of the newest entries to list.
    """
    parts: list[Any] = [_section(name, export[name]) for name in SECTIONS]
    rows = export.get("entries", [])
    if "entries" in export and not rows:
        parts.append(Text("No entry matches."))
    if rows:
        entries = [entry_of(row) for row in rows]
        matching = export["page"]["matching"]
        covers = f"of the newest {len(rows)} entries" if matching > len(rows) else "in the window"
        parts += [*_operations(entries, covers), *_models(entries, covers)]
    if listed := rows[:limit]:
        parts.append(_entries(listed, f"Newest {len(listed)} of {export['page']['matching']}"))
    parts.append(Text(f"as of {export['timestamp']}", style="dim"))
    return Group(*parts)


def _section(name: str, section: Mapping[str, Any]) -> Table:
    table = Table(title=_TITLES[name], title_justify="left", show_header=False, min_width=44)
    table.add_column(overflow="fold")
    table.add_column(justify="right", overflow="fold")
    for key, value in section.items():
        table.add_row(_label(key), _number(key, value))
    return table


def _operations(entries: Sequence[Entry], covers: str) -> Iterable[Table]:
    rows = summarise_by_operation(entries)
    if rows:
        table = _table(f"Operations, {covers}", ("Operation", "Count", "p95, s", "Max, s", "Slow", "Failed"))
        for name, row in sorted(rows.items(), key=lambda item: -item[1].p95_response_time):
            times = (f"{row.p95_response_time:,.3f}", f"{row.max_response_time:,.3f}")
            counts = (f"{row.threshold_violations:,}", f"{row.errors:,}")
            table.add_row(name, f"{row.metrics_count:,}", *times, *counts)
        yield table


def _models(entries: Sequence[Entry], covers: str) -> Iterable[Table]:
    found = usage_table.of_entries(entries, lambda entry: entry.model or usage_table.UNKNOWN)
    if found:
        table = _table(f"Models, {covers}", ("Model", "Calls", "Failed", "p95, s", "Tokens", "USD"))
        for row in sorted((one.as_row(name) for name, one in found.items()), key=lambda row: -(row["cost_usd"] or 0.0)):
            lacks = " + unpriced" if row["unpriced_tokens"] and row["cost_usd"] is not None else ""
            p95 = "" if row["p95_s"] is None else f"{row['p95_s']:,.3f}"
            counts = (f"{row['calls']:,}", f"{row['failed']:,}", p95, f"{row['tokens']:,}")
            table.add_row(row["name"], *counts, _usd(row["cost_usd"]) + lacks)
        yield table


def _entries(rows: Sequence[Mapping[str, Any]], title: str) -> Table:
    heads = ("Ended (UTC)", "Kind", "Operation", "Took, s", "Outcome", "Model", "Tokens", "USD")
    table = _table(title, heads, numbers={"Took, s", "Tokens", "USD"})
    for row in rows:
        slow = "yellow" if row["exceeded_threshold"] else None
        outcome = row["error"] or ("slow" if row["exceeded_threshold"] else row["outcome"])
        cells = (row["timestamp"][:19].replace("T", " "), row["kind"], row["operation"])
        tokens = row.get("tokens")
        used = (
            "" if tokens is None else f"{sum(tokens.values()):,}",
            _usd(row["cost_usd"]) if "cost_usd" in row else "",
        )
        style = "red" if row["error"] else slow
        table.add_row(*cells, f"{row['duration']:.3f}", outcome, row.get("model") or "", *used, style=style)
    return table


def _table(title: str, heads: Sequence[str], numbers: Iterable[str] | None = None) -> Table:
    table = Table(title=title, title_justify="left")
    right = set(heads[1:]) if numbers is None else set(numbers)
    for head in heads:
        table.add_column(head, justify="right" if head in right else "left", overflow="fold")
    return table


def _usd(amount: float | None) -> str:
    return formats.usd_text(amount).removeprefix("$")


def _label(name: str) -> str:
    for ending, unit in (
        ("_usd", ", USD"),
        ("_percent", ", %"),
        ("_hours", ", h"),
        ("_response_time", " response time, s"),
    ):
        if name.endswith(ending):
            name = name.removesuffix(ending) + unit
    return name.replace("_", " ").capitalize().replace(" usd", " USD").replace("Ttl", "Time to live")


def _number(name: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if not isinstance(value, int | float):
        return str(value)
    if name.endswith("_usd"):
        return _usd(value)
    return f"{value:,.3f}" if name.endswith("_time") else f"{value:,}"
