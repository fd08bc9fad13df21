"""``hydrochat-otel reconcile``: what was metered beside what was billed, by model and day."""

import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from hydrochat_otel.cli.endings import MistakeError, NegativeError
from hydrochat_otel.instrumentation.gemini import PriceBook
from hydrochat_otel.prices.reconcile.billing_export import (
    FOREIGN,
    UNKNOWN,
    Amount,
    BillingError,
    Comparison,
    compare,
    read_billing,
)
from hydrochat_otel.prices.reconcile.prometheus_totals import MeteredError, read_prometheus


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--metered",
    default="http://127.0.0.1:9090",
    show_default=True,
    metavar="URL_OR_CSV",
    help="Where the metered amounts are: a Prometheus server, or a CSV in the same form as FILE.",
)
@click.option(
    "--fail-above",
    type=click.FloatRange(min=0),
    metavar="PERCENT",
    help="End with exit code 1 if the dollars (or else the tokens) of the whole differ by more.",
)
def reconcile(file: Path, metered: str, fail_above: float | None) -> None:
    """Compare a billing export with what was metered.

    FILE is a CSV with columns for the date, the model or SKU, and tokens, cost or both. Prints, for each day and
    model, both sides, the coverage (metered tokens divided by billed tokens) and the difference in dollars.
    """
    try:
        rows, left_out = _compare(file, metered)
    except (BillingError, MeteredError) as error:
        raise MistakeError(error) from None
    total = Comparison(
        min(row.day for row in rows), "", _total([row.metered for row in rows]), _total([row.billed for row in rows])
    )
    (Console() if sys.stdout.isatty() else Console(width=140)).print(_table(rows, total))
    if any(row.model == UNKNOWN for row in rows):
        click.echo(f"SKUs of models that are not known here are shown as {UNKNOWN}.")
    if left_out.cost_usd:
        click.echo(f"Left out: ${_usd(left_out.cost_usd)} of SKUs that are of no model.")
    off = _off_percent(total)
    if fail_above is not None and (off is None or off > fail_above):
        raise NegativeError(f"The two differ by {'an unknown amount' if off is None else f'{off:.2f} %'}.")


def _compare(file: Path, metered: str) -> tuple[list[Comparison], Amount]:
    known = {listing.model for listing in PriceBook().listings(time.time())}
    if metered.startswith(("http://", "https://")):
        days = sorted({day for day, _ in read_billing(file, known)})
        ours = read_prometheus(metered, days)
    else:
        ours = read_billing(Path(metered), known)
    billed = read_billing(file, known | {model for _, model in ours})
    if not (rows := compare(ours, billed)):
        raise BillingError(f"{file}: has no line of a model to compare.")
    return rows, _total([amount for (_, model), amount in billed.items() if model == FOREIGN])


def _total(amounts: Sequence[Amount]) -> Amount:
    whole = Amount()
    for amount in amounts:
        whole = whole.plus(amount)
    return whole


def _off_percent(total: Comparison) -> float | None:
    difference = total.difference_usd
    if difference is not None and total.billed.cost_usd:
        return float(abs(difference) / abs(total.billed.cost_usd) * 100)
    return None if total.coverage is None else abs(1 - total.coverage) * 100


def _table(rows: Sequence[Comparison], total: Comparison) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("day", no_wrap=True)
    table.add_column("model", no_wrap=True)
    for name in ("metered tokens", "billed tokens", "coverage", "metered $", "billed $", "difference $"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.day.isoformat(), row.model, *_cells(row))
    table.add_section()
    table.add_row("all", "", *_cells(total), style="bold")
    return table


def _cells(row: Comparison) -> tuple[str, ...]:
    return (
        _count(row.metered.tokens),
        _count(row.billed.tokens),
        "" if row.coverage is None else f"{row.coverage:.2%}",
        _usd(row.metered.cost_usd),
        _usd(row.billed.cost_usd),
        _usd(row.difference_usd),
    )


def _count(tokens: int | None) -> str:
    return "" if tokens is None else f"{tokens:,}"


def _usd(usd: Decimal | None) -> str:
    return "" if usd is None else f"{usd:,.6f}"
