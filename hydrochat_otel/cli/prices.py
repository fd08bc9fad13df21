"""``hydrochat-otel prices``: what would be charged for each model, and where each rate comes from."""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from hydrochat_otel.instrumentation.gemini import PriceBook, PriceFileError
from hydrochat_otel.prices.rates import Rate, usd_per_million
from hydrochat_otel.prices.usage import STANDARD
from hydrochat_otel.settings import Settings, SettingsError

_Row = tuple[str, str, Rate | None]
_SOURCES: Final = {"file": "your price file", "contract": "contract", "genai-prices": "genai-prices"}


@click.command()
@click.argument("models", nargs=-1)
@click.option(
    "--prices",
    "path",
    type=click.Path(path_type=Path),
    help="A price file, TOML or JSON.  [default: the one that HYDROCHAT_PRICES names]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def prices(models: tuple[str, ...], path: Path | None, *, as_json: bool) -> None:
    """List the price of every known model, or of MODELS, in US dollars for a million tokens.

    A model without a known price is "unpriced": its tokens are counted, and its cost is not taken for zero.
    """
    try:
        book = PriceBook(path or Settings.load().prices_file)
    except (PriceFileError, SettingsError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    now = time.time()
    listings: list[_Row] = [_look_up(book, model, now) for model in models] or list(book.listings(now))
    if as_json:
        click.echo(json.dumps([_as_dict(*listing) for listing in listings], indent=2))
        return
    _console().print(_table(listings))
    if not models:
        click.echo(
            f"The price book is {book.age_s(now) / 86_400:.0f} days old. Order: price file, contract, genai-prices."
        )


def _look_up(book: PriceBook, model: str, now: float) -> _Row:
    return model, STANDARD, book.rate(model, now)


def _console() -> Console:
    # A pipe has no width; a table that is cut there is of no use.
    return Console() if sys.stdout.isatty() else Console(width=160)


def _table(listings: Iterable[_Row]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model", "tier"):
        table.add_column(name, no_wrap=True)
    for name in ("input", "cached", "output"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("else")
    table.add_column("from", no_wrap=True)
    for model, tier, rate in listings:
        if rate is None:
            table.add_row(model, "", "unpriced", "", "", "", "nobody")
            continue
        costs = ("free", "", "") if rate.is_free else (_usd(rate.input), _usd(rate.cached), _usd(rate.output))
        table.add_row(model, "" if tier == STANDARD else tier, *costs, _rest(rate), _SOURCES[rate.source])
    return table


def _rest(rate: Rate) -> str:
    told = [f"{direction} {name.lower()} {_usd(price)}" for (direction, name), price in sorted(rate.modalities.items())]
    if rate.thinking is not None:
        told.append(f"thinking {_usd(rate.thinking)}")
    for above, dearer in rate.tiers:
        told.append(f"above {above:,} input tokens {_usd(dearer.input)}/{_usd(dearer.cached)}/{_usd(dearer.output)}")
    return "; ".join(told)


def _usd(femtodollars: int) -> str:
    """Return dollars for a million tokens, with at least two decimals."""
    whole, _, decimals = f"{usd_per_million(femtodollars):f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _as_dict(model: str, tier: str, rate: Rate | None) -> dict[str, Any]:
    row: dict[str, Any] = {"model": model, "service_tier": tier}
    if rate is None:
        return row | {"status": "unpriced", "source": None}
    return row | {"status": "free" if rate.is_free else "priced", "source": rate.source} | _prices_of(rate)


def _prices_of(rate: Rate) -> dict[str, Any]:
    row: dict[str, Any] = {name: _usd(getattr(rate, name)) for name in ("input", "cached", "output")}
    if rate.thinking is not None:
        row["thinking"] = _usd(rate.thinking)
    for (direction, name), price in rate.modalities.items():
        row[f"{direction}_{name.lower()}"] = _usd(price)
    if rate.tiers:
        row["tiers"] = [{"above_input_tokens": above} | _prices_of(dearer) for above, dearer in rate.tiers]
    return row
