"""``hydrochat-otel prices``: the price of each model, and the source of each rate."""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from hydrochat_otel.cli.exit_codes import MistakeError
from hydrochat_otel.prices.book import ChargeListing, PriceBook
from hydrochat_otel.prices.charges import FREE_CHARGES, LISTED_ON, PRICED_UNITS
from hydrochat_otel.prices.price_file import PriceFileError
from hydrochat_otel.prices.rates import FACTORS, Rate, usd_per_million
from hydrochat_otel.prices.usage import STANDARD
from hydrochat_otel.settings import Settings, SettingsError

_Row = tuple[str, str, Rate | None]
_SOURCES: Final = {
    "file": "your price file",
    "contract": "contract",
    "genai-prices": "genai-prices",
    "list": f"Google's list of {LISTED_ON}",
}
_CHARGE_UNITS: Final = {1_000: "1000 uses", 1_000_000: "1M token-hours", 1: "unit"}


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

    With MODELS it also lists what their service tiers, searches, stored cache, images and seconds of video cost. A
    model without a known price is "unpriced": its tokens are counted, and its cost is unknown, not zero.
    """
    try:
        book = PriceBook(path or Settings.load().prices_file)
    except (PriceFileError, SettingsError) as error:
        raise MistakeError(error) from None
    now = time.time()
    listings: list[_Row] = [row for model in models for row in _look_up(book, model, now)] or list(book.listings(now))
    charges = [charge for model in models for charge in book.charge_listings(model, now)]
    if as_json:
        rows = [_as_dict(*listing) for listing in listings] + [_charge_as_dict(charge) for charge in charges]
        click.echo(json.dumps(rows, indent=2))
        return
    _console().print(_table(listings))
    if charges := [charge for charge in charges if charge.charge not in FREE_CHARGES]:
        click.echo()
        _console().print(_charge_table(charges))
    if not models:
        click.echo(
            f"The price book is {book.age_s(now) / 86_400:.0f} days old. Order: price file, contract, genai-prices."
        )


def _look_up(book: PriceBook, model: str, now: float) -> list[_Row]:
    """Return the model's standard rate, even if unknown, and the known rates of its other service tiers."""
    others = ((model, tier, book.rate(model, now, tier)) for tier in FACTORS)
    return [(model, STANDARD, book.rate(model, now)), *(row for row in others if row[2] and not row[2].is_free)]


def _console() -> Console:
    # A pipe has no width, and a truncated table is useless there.
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
            table.add_row(model, "", "unpriced", "", "", "", "no source")
            continue
        costs = ("free", "", "") if rate.is_free else (_usd(rate.input), _usd(rate.cached), _usd(rate.output))
        table.add_row(model, "" if tier == STANDARD else tier, *costs, _rest(rate), _source(rate))
    return table


def _charge_table(charges: Iterable[ChargeListing]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("model", "charge", "for"):
        table.add_column(name, no_wrap=True)
    table.add_column("dollars", justify="right", no_wrap=True)
    table.add_column("from", no_wrap=True)
    for model, charge, price in charges:
        units = _CHARGE_UNITS[PRICED_UNITS[charge]]
        table.add_row(model, charge, units, f"{price.usd:f}", _SOURCES[price.source])
    return table


def _source(rate: Rate) -> str:
    derived = "" if rate.factor is None else f" x {rate.factor:f} (factor of the tier)"
    return f"{_SOURCES[rate.source]}{derived}"


def _rest(rate: Rate) -> str:
    parts = [
        f"{direction} {name.lower()} {_usd(price)}" for (direction, name), price in sorted(rate.modalities.items())
    ]
    if rate.thinking is not None:
        parts.append(f"thinking {_usd(rate.thinking)}")
    for above, higher in rate.tiers:
        parts.append(f"above {above:,} input tokens {_usd(higher.input)}/{_usd(higher.cached)}/{_usd(higher.output)}")
    return "; ".join(parts)


def _usd(femtodollars: int) -> str:
    """Return dollars for a million tokens, with at least two decimals."""
    whole, _, decimals = f"{usd_per_million(femtodollars):f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _as_dict(model: str, tier: str, rate: Rate | None) -> dict[str, Any]:
    row: dict[str, Any] = {"model": model, "service_tier": tier}
    if rate is None:
        return row | {"status": "unpriced", "source": None}
    row |= {"status": "free" if rate.is_free else "priced", "source": rate.source}
    if rate.factor is not None:
        row["factor_of_standard"] = f"{rate.factor:f}"
    return row | _prices_of(rate)


def _charge_as_dict(charge: ChargeListing) -> dict[str, Any]:
    units = PRICED_UNITS[charge.charge]
    price = {"usd": f"{charge.price.usd:f}", "units": units, "source": charge.price.source}
    return {"model": charge.model, "charge": charge.charge} | price


def _prices_of(rate: Rate) -> dict[str, Any]:
    row: dict[str, Any] = {name: _usd(getattr(rate, name)) for name in ("input", "cached", "output")}
    if rate.thinking is not None:
        row["thinking"] = _usd(rate.thinking)
    for (direction, name), price in rate.modalities.items():
        row[f"{direction}_{name.lower()}"] = _usd(price)
    if rate.tiers:
        row["tiers"] = [{"above_input_tokens": above} | _prices_of(higher) for above, higher in rate.tiers]
    return row
