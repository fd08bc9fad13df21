"""``hydrochat-otel reconcile``: compares what was metered with what Google billed, by day and model."""

import calendar
import re
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hydrochat_otel.cli.exit_codes import MistakeError, NegativeError
from hydrochat_otel.cli.export import Source, export_url
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.reconcile import metered
from hydrochat_otel.prices.reconcile.amounts import BillingError
from hydrochat_otel.prices.reconcile.bill import Bill, Span, read
from hydrochat_otel.prices.reconcile.comparison import MeteredDays, Row, compare, document, total
from hydrochat_otel.prices.reconcile.lines import open_bill, opened, zone_of
from hydrochat_otel.prices.reconcile.metered import MeteredError
from hydrochat_otel.prices.reconcile.skus import UNKNOWN
from hydrochat_otel.runtime.deadline_fetch import FetchError
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.views import formats
from hydrochat_otel.views.prometheus_server import PrometheusError, PrometheusServer

_DEADLINE_S: Final = 60.0
_MAX_BYTES: Final = 64_000_000
_PERIOD: Final = re.compile(r"(\d{4}-\d\d)|(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)", re.ASCII)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--metered",
    "source",
    metavar="URL_OR_CSV",
    help="The metered side: a Prometheus, the export of a service (its URL contains /api/hydrochat/), or a CSV with "
    "date, model, tokens, cost_usd.  [default: HYDROCHAT_PROMETHEUS_URL, else the export of this host's service]",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that holds the token of the export.  [default: the variable HYDROCHAT_METRICS_TOKEN]",
)
@click.option(
    "--zone",
    help="Time zone of the bill's days.  [default: Google's: America/Los_Angeles in files of the console, UTC in "
    "BigQuery and FOCUS]",
)
@click.option("--period", metavar="MONTH|FROM..TO", help="Only these days, such as 2025-10 or 2025-10-01..2025-10-07.")
@click.option(
    "--per-usd",
    type=float,
    metavar="RATE",
    help="Units of the bill's currency for a dollar, for a bill that is not in dollars and does not state it.",
)
@click.option(
    "--fail-above",
    type=click.FloatRange(min=0),
    metavar="PERCENT",
    help="Exit with status 1 if the dollars (or else the tokens) of the whole differ by more.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def reconcile(
    *,
    file: Path,
    source: str | None,
    token_file: Path | None,
    zone: str | None,
    period: str | None,
    per_usd: float | None,
    fail_above: float | None,
    as_json: bool,
) -> None:
    """Compare a billing file of Google with what was metered.

    FILE is a CSV from Google: the console's Cost table or Reports, BigQuery's standard or detailed export, or FOCUS;
    - reads the standard input. Credits, taxes and rounding are kept apart. Exits with status 1 beyond the tolerance or
    if a service does not answer, 2 if the file cannot be compared.
    """
    try:
        side = _side(source, token_file)
        bill = _bill(file, zone, period, per_usd)
        days, notes = side.read(bill)
    except (BillingError, MeteredError, SettingsError) as error:
        raise MistakeError(formats.printable(str(error))) from None
    except (PrometheusError, FetchError) as error:
        raise NegativeError(formats.printable(str(error))) from None
    rows = compare(days, bill)
    if (whole := total(rows)) is None:
        raise MistakeError(f"{bill.name} has no line of a model to compare.")
    notes += _notes(bill, rows)
    if as_json:
        found = formats.encoded(document(bill, rows, notes))
        sys.stdout.write(found.decode())
    else:
        _print(rows, whole, notes)
    off = whole.off_percent
    if fail_above is not None and (off is None or off > fail_above):
        raise NegativeError(f"The two differ by {'an unknown amount' if off is None else f'{off:.2f} %'}.")


@dataclass(frozen=True, slots=True)
class _Side:
    """The metered side: one of a table, a Prometheus and an export."""

    table: Path | None = None
    prometheus: PrometheusServer | None = None
    matchers: str = ""
    export: Source | None = None

    def read(self, bill: Bill) -> tuple[MeteredDays, list[str]]:
        """Return the days that the bill covers, and notes about them."""
        if self.table is not None:
            return metered.of_table(_bill(self.table, bill.zone, None, None)), []
        if self.prometheus is not None:
            server = self.prometheus
            spans = sorted({span for span, _ in bill.charged})
            return metered.of_prometheus(
                lambda query, at: server.instant(query, at, result="matrix"), spans, bill.zone, self.matchers
            ), []
        assert self.export is not None
        found: Any = orjson.loads(self.export.body())
        days, zone = metered.of_export(found, bill.zone)
        if zone == bill.zone:
            return days, []
        return days, [f"The service's days are of {zone}, the bill's of {bill.zone}: single days can differ."]


def _side(source: str | None, token_file: Path | None) -> _Side:
    settings = Settings.load()
    if source is None:
        source = settings.prometheus_url or f"http://{settings.host}:{settings.port}/api/hydrochat/"
    if not source.startswith(("http://", "https://")):
        return _Side(table=Path(source))
    if "/api/hydrochat/" in source:
        token = token_file.read_text(encoding="utf-8").strip() if token_file else settings.metrics_token
        return _Side(export=Source(export_url(source, "days=true"), token))
    server = PrometheusServer(source, deadline_s=_DEADLINE_S, max_bytes=_MAX_BYTES)
    return _Side(prometheus=server, matchers=settings.prometheus_matchers or "")


def _bill(path: Path, zone: str | None, period: str | None, per_usd: float | None) -> Bill:
    if zone is not None:
        zone_of(zone)
    known = {listing.model for listing in PriceBook().listings(time.time())}
    is_input = str(path) == "-"
    with nullcontext(sys.stdin) if is_input else opened(path) as text:
        return read(
            open_bill(text, "standard input" if is_input else str(path), zone),
            known,
            period=None if period is None else _span(period),
            per_usd=None if per_usd is None else Decimal(repr(per_usd)),
        )


def _span(text: str) -> Span:
    refused = BillingError("--period must be a month such as 2025-10, or 2025-10-01..2025-10-07.")
    if (match := _PERIOD.fullmatch(text)) is None:
        raise refused
    try:
        if match[1] is not None:
            first = date.fromisoformat(f"{match[1]}-01")
            return Span(first, first.replace(day=calendar.monthrange(first.year, first.month)[1]))
        span = Span(date.fromisoformat(match[2]), date.fromisoformat(match[3]))
    except ValueError:
        raise refused from None
    if span.first > span.last:
        raise refused
    return span


def _notes(bill: Bill, rows: Sequence[Row]) -> list[str]:
    """Return the sentences below the table."""
    notes = [
        f"{words}: ${usd:,.6f}."
        for usd, words in (
            (bill.credits, "Credits, kept apart"),
            (bill.taxes, "Taxes, kept apart"),
            (bill.adjustments, "Adjustments, kept apart"),
            (bill.rounding, "Rounding, kept apart"),
            (bill.left_out, "Left out, not of Gemini"),
        )
        if usd
    ]
    if not bill.is_priced:
        notes.append(
            f"The bill is in {bill.currency}: set --per-usd to compare dollars; without it only tokens are compared."
        )
    elif bill.currency != "USD":
        notes.append(f"The bill is in {bill.currency} and was converted into dollars.")
    if any(row.model == UNKNOWN for row in rows):
        notes.append(f"SKUs of unknown models are shown as {UNKNOWN}.")
    return notes


def _print(rows: Sequence[Row], whole: Row, notes: Sequence[str]) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=150)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("day", no_wrap=True)
    table.add_column("model", no_wrap=True)
    for name in ("metered tokens", "billed tokens", "coverage", "metered $", "billed $", "difference $"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(_days(row.span), Text(formats.printable(row.model)), *_cells(row))
    table.add_section()
    table.add_row("all", "", *_cells(whole), style="bold")
    console.print(table)
    for row in rows:
        for reason in row.reasons:
            line = f"{_days(row.span)} {row.model}: {reason}."
            console.print(Text(formats.printable(line)), soft_wrap=True)
    for note in notes:
        console.print(Text(formats.printable(note)), soft_wrap=True)


def _days(span: Span) -> str:
    return span.first.isoformat() if span.first == span.last else f"{span.first} to {span.last}"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        "unknown" if row.metered.tokens is None else f"{row.metered.tokens:,}",
        "unknown" if row.billed.tokens is None else f"{row.billed.tokens:,}",
        "" if row.coverage is None else f"{row.coverage:.2%}",
        _usd(row.metered.cost_usd),
        _usd(row.billed.cost_usd),
        _usd(row.difference_usd),
    )


def _usd(usd: Decimal | None) -> str:
    return "unknown" if usd is None else f"{usd:,.6f}"
