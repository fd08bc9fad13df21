"""The report: rows of calls, tokens and dollars, for terminals, notebooks, DataFrames and pipes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.prices.day_ledger import day_of, zone_of
from hydrochat_otel.reporting import lists, periods, service
from hydrochat_otel.reporting.found import Found
from hydrochat_otel.reporting.service import ServiceError
from hydrochat_otel.settings import Settings
from hydrochat_otel.views import formats, usage_table
from hydrochat_otel.views.usage_table import Sample, Usage
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Snapshot

COLUMNS: Final = ("name", "calls", "failed", "tokens", "cost_usd", "p95_s")
_HEADS: Final = {"name": "", "cost_usd": "$", "p95_s": "p95, s", "took_s": "took, s"}
_SECONDS: Final = frozenset({"p95_s", "took_s"})
_SHOWN_USD: Final = 1e-4
_LABELS: Final = {"operation": "hydrochat_operation", "root": "hydrochat_root_operation"}
_MODELS: Final = ("gen_ai_response_model", "gen_ai_request_model")


class ReportError(ValueError):
    """There is nothing to report; the message is one sentence."""


class NoAnswerError(ReportError):
    """The service does not answer, or refuses the token."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was used. Prints as a table, also in a notebook, and ``DataFrame(report.rows)`` works.

    Attributes:
        by: The subject of a row: ``operation``, ``root``, ``model``, or the name of a dimension.
        period: The period, in words.
        rows: The rows, the most expensive first: `name`, `calls`, `failed`, `tokens`, `cost_usd` (None: unknown),
            `p95_s` (None: unknown), and what the sums miss: `unpriced_tokens`, `unreconciled_calls`,
            `incomplete_calls`.
        total: The same of all rows.
        notes: What is missing, in sentences.
        columns: The columns that are printed.
    """

    by: str
    period: str
    rows: list[dict[str, Any]]
    total: dict[str, Any]
    notes: list[str]
    columns: tuple[str, ...] = COLUMNS

    @property
    def _printed(self) -> list[list[str]]:
        heads = [_HEADS.get(name, name) or (self.by if self.total else name) for name in self.columns]
        shown = [*self.rows, self.total] if self.total else self.rows
        return [heads, *([_cell(name, row[name]) for name in self.columns] for row in shown)]

    def as_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return {name: getattr(self, name) for name in ("by", "period", "rows", "total", "notes")}

    def __str__(self) -> str:
        cells = self._printed
        widths = [max(len(row[index]) for row in cells) for index in range(len(self.columns))]
        lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in cells]
        return "\n".join([f"Gemini, {self.period}", *lines, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        first, *others = self._printed
        heads = "".join(f"<th>{escape(text)}</th>" for text in first)
        body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in others)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        caption = f"<caption>Gemini, {escape(self.period)}</caption>"
        return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{notes}"


def report(
    *,
    by: str = "operation",
    since: str | None = None,
    day: str | None = None,
    state: str | None = None,
    url: str | None = None,
    token: str | None = None,
) -> Report:
    """Report calls, tokens and dollars of this process and of all that share its state.

    Without a period the counters are read: everything since the start, or since a durable state was made. With a period
    the entries of the window are read; a note says so if the window does not reach back that far. Whole days are exact
    for 430 days by model; by operation, a row of its own has the calls that left the window, and the total is exact.

    Args:
        by: ``operation`` (the tracked one that a call was made in), ``root``, ``model``, or a cost dimension's name; or
            a list of single pieces of work in the window: ``slow``, ``failed``, ``dear``, ``unpriced``.
        since: A period until now: ``1h``, ``7d``, ``today``, a date or a time.
        day: One day: ``yesterday`` or a date, in the time zone of the budget.
        state: A durable state to read instead, such as ``sqlite:///path``.
        url: The address of a running service to read instead.
        token: The service's token; ``HYDROCHAT_METRICS_TOKEN`` if not given.

    Raises:
        ReportError: An invalid period, a missing state, no answer, or two sources at once.
        SettingsError: A setting is invalid.
    """
    if state is not None and url is not None:
        raise ReportError("Give a state or a url, not both.")
    settings = Settings.load(state=state, metrics_token=token)
    first, last, words = _period(since, day, settings)
    if first is None and by in lists.NAMES:
        first, words = 0.0, "in the window"
    if url is not None:
        try:
            found = service.look(url, settings.metrics_token, first, settings.budget_timezone)
        except ServiceError as error:
            raise NoAnswerError(str(error)) from None
    else:
        found = _here(settings, state)
    if first is None:
        return _made(by, words, _of_counters(found.samples, by), [])
    until = last if last is not None else time.time() + 1
    entries = [one for one in found.entries if first <= one.end_unix_s < until]
    notes = _missing_of_window(first, found.begins_unix_s)
    if by in lists.NAMES:
        return _listed(by, words, entries, notes if since or day else [])
    if by == "model" and found.days and (notes or day is not None):
        days_from, until_day = (_date(moment, settings.budget_timezone) for moment in (first, until - 1))
        counted = [row for row in found.days if days_from <= row[0].day <= until_day]
        if day is None:
            words = f"since {days_from} ({settings.budget_timezone}, whole days)"
        return _made(by, words, usage_table.of_days(counted), _missing_of_days(days_from, found))
    table = usage_table.of_entries(entries, _key(by))
    if day is not None and found.days:
        notes = [*notes, *_add_what_left(table, found, _date(first, settings.budget_timezone))]
    return _made(by, words, table, notes)


def _add_what_left(table: dict[str, Usage], found: Found, day: str) -> list[str]:
    """Add the row of the calls of a day that left the window, if there are any, and return the note about them."""
    whole = usage_table.total(usage_table.of_days(row for row in found.days if row[0].day == day))
    rest = usage_table.left(whole, table)
    if rest is None:
        return []
    table[usage_table.LEFT] = rest
    return [f"{rest.calls:,.0f} of {whole.calls:,.0f} calls of this day left the window."]


def _period(since: str | None, day: str | None, settings: Settings) -> tuple[float | None, float | None, str]:
    """Return the first and the last moment, None for none, and the period in words."""
    if since is not None and day is not None:
        raise ReportError("Give a period or a day, not both.")
    now = datetime.now(UTC)
    zone = UTC if settings.budget_timezone == "UTC" else ZoneInfo(settings.budget_timezone)
    try:
        if day is not None:
            begins, ends = periods.day(day, now, zone)
            return begins.timestamp(), ends.timestamp(), f"{begins:%Y-%m-%d} ({settings.budget_timezone})"
        if since is not None:
            begins = periods.since(since, now, zone)
            return begins.timestamp(), None, f"since {begins.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    except (ValueError, OverflowError) as error:
        raise ReportError(str(error)) from None
    return None, None, "since the start"


def _date(unix_s: float, timezone: str) -> str:
    return day_of(unix_s, zone_of(timezone)).isoformat()


def _here(settings: Settings, state: str | None) -> Found:
    """Read this process's pipeline, or join a named state only to read it."""
    try:
        running = pipeline.current()
    except PipelineError:
        running = None
    if state is not None and running is not None:
        raise ReportError("This process has a pipeline of its own: read another state from another process.")
    named = settings.state
    if running is None:
        if named in {"auto", "memory"}:
            raise ReportError(
                "There is nothing to read: name a state (sqlite:///path, a Redis) or the url of a service."
            )
        file = Path("/" + named.removeprefix("sqlite:///").lstrip("/"))
        if named.startswith("sqlite:///") and not file.exists():
            raise ReportError(f"There is no state at {file}.")
        snapshot = _read(settings)
    else:
        snapshot = running.snapshot()
    if snapshot.sharing.problem and running is None:
        raise ReportError(snapshot.sharing.problem)
    kept = snapshot.retention
    begins = snapshot.unix_s - kept.ttl_hours * 3600
    if kept.current_entries >= kept.max_entries:
        begins = max(begins, min(entry.end_unix_s for entry in snapshot.entries))
    zone = snapshot.budget.timezone
    days = [(key, counts) for key, counts in snapshot.days.items() if key.zone == zone]
    return Found(list(usage_table.samples(snapshot)), list(snapshot.entries), begins, days)


def _read(settings: Settings) -> Snapshot:
    """Join the state as a process that measures nothing, read it, and leave."""
    try:
        return pipeline.install(replace(settings, instrument_gemini=False)).snapshot()
    except PipelineError as error:
        raise ReportError(str(error)) from None
    finally:
        pipeline.shutdown()


def _of_counters(found: list[Sample], by: str) -> dict[str, Usage]:
    if by == "model":
        named = any(attributes.get(_MODELS[0]) for _, attributes, _ in found)
        return usage_table.of_counters(found, _MODELS[0] if named else _MODELS[1])
    return usage_table.of_counters(found, _LABELS.get(by, f"hydrochat_dimension_{by}"))


def _key(by: str) -> Callable[[Entry], str | None]:
    keys: dict[str, Callable[[Entry], str | None]] = {
        "operation": lambda entry: entry.operation_name,
        "root": lambda entry: entry.root_operation,
        "model": lambda entry: entry.model or usage_table.UNKNOWN,
    }
    if by not in keys:
        raise ReportError(f"by={by!r} needs the counters: omit the period, or use operation, root or model.")
    return keys[by]


def _missing_of_window(first: float | None, begins: float | None) -> list[str]:
    if first is None or begins is None or begins <= first:
        return []
    reached = datetime.fromtimestamp(begins, UTC)
    since = f"{reached:%Y-%m-%d %H:%M} UTC"
    return [f"Incomplete: the window reaches back to {since} only (METRICS_MAX_ENTRIES)."]


def _missing_of_days(first_day: str, found: Found) -> list[str]:
    oldest = min(key.day for key, _ in found.days)
    return [f"Nothing is known of the time before {oldest}."] if first_day < oldest else []


def _listed(by: str, period: str, entries: list[Entry], notes: list[str]) -> Report:
    rows, number = lists.rows(by, entries)
    if number > len(rows):
        notes = [*notes, f"{number - len(rows):,} more are not listed."]
    if not rows:
        notes = [*notes, "Nothing in this period."]
    return Report(by, period, rows, {}, notes, lists.COLUMNS)


def _made(by: str, period: str, table: dict[str, Usage], notes: list[str]) -> Report:
    rows = [usage.as_row(name) for name, usage in table.items()]
    rows.sort(key=lambda row: (-(row["cost_usd"] or 0.0), -(row["calls"] or 0), row["name"]))
    whole = usage_table.total(table).as_row("all")
    for name, what in (
        ("unpriced_tokens", "tokens have no known price"),
        ("unreconciled_calls", "calls have tokens that do not add up"),
        ("incomplete_calls", "calls ended before their usage was known"),
    ):
        if whole[name]:
            notes = [*notes, f"Lower bound: {whole[name]:,} {what}."]
    if not rows:
        notes = [*notes, "No call to Gemini in this period."]
    return Report(by, period, rows, whole, notes)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "unknown" if name == "cost_usd" else ""
    if name == "cost_usd":
        return f"{value:,.6f}" if value >= _SHOWN_USD or not value else formats.usd_text(value).removeprefix("$")
    return f"{value:,.3f}" if name in _SECONDS else f"{value:,}" if isinstance(value, int) else str(value)
