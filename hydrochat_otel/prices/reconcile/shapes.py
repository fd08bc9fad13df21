"""The shapes of Google's billing files: the meaning of each column, and where the table begins.

Four shapes are recognised by their headers: the console's Cost table, its Reports, BigQuery's standard and detailed
export, and FOCUS 1.x. A plain table with a date, a model and tokens or dollars is read, too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Shape = Literal["cost_table", "reports", "bigquery", "focus", "plain"]

MAX_LINES_BEFORE_HEADER: Final = 40

PACIFIC: Final = "America/Los_Angeles"
ZONES: Final[Mapping[Shape, str]] = {
    "cost_table": PACIFIC,
    "reports": PACIFIC,
    "bigquery": "UTC",
    "focus": "UTC",
    "plain": "UTC",
}
"""The zone whose midnights separate Google's days, by shape."""

_Columns = Mapping[str, tuple[str, ...]]

# The first matching name in a header is used, so the exact amount comes before the rounded one.
_COMMON: Final[_Columns] = {
    "start": (
        "usage start date", "usage start time", "usage_start_time", "chargeperiodstart", "usage date", "date", "day",
    ),
    "end": ("usage end date", "usage_end_time", "usage end time", "chargeperiodend"),
    "sku": (
        "sku description", "sku.description", "sku_description", "chargedescription", "skumeter", "sku", "model",
        "gen_ai_request_model",
    ),
    "amount": (
        "usage amount", "usage.amount", "usage_amount", "consumedquantity", "pricingquantity", "usage", "tokens",
        "quantity",
    ),
    "unit": ("usage unit", "usage.unit", "usage_unit", "consumedunit", "pricingunit", "unit"),
    "cost": (
        "unrounded cost", "cost", "billedcost", "effectivecost", "cost_usd", "cost usd", "unrounded subtotal",
        "subtotal",
    ),
    "rounded": ("cost", "subtotal"),
    "sum": ("subtotal",),
    "cost_type": ("cost type", "cost_type", "chargecategory"),
    "credit_type": ("credit type", "credits.type", "credits_type", "credit.type", "credits.name", "credits_name"),
    "credit": ("credits.amount", "credits_amount", "credit.amount", "credits total", "credits_total", "credits"),
    "discount": ("discounts", "promotions and others", "negotiated savings"),
    "currency": ("billingcurrency", "currency", "currency code"),
    "rate": ("currency_conversion_rate", "currency conversion rate"),
}  # fmt: skip
_MONEY: Final = re.compile(r"\s*\((?P<currency>[^)]{1,8})\)\s*$")
_SYMBOLS: Final[Mapping[str, str]] = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_LABELS: Final[Mapping[str, str]] = {
    "total": "total",
    "filtered total": "total",
    "subtotal": "subtotal",
    "tax": "tax",
    "rounding error": "rounding",
}


@dataclass(frozen=True, slots=True)
class Header:
    """The positions of a file's columns; `currency` is named in the header or a line before it, else None."""

    shape: Shape
    places: Mapping[str, tuple[int, ...]]
    width: int
    currency: str | None

    def cell(self, row: Sequence[str], column: str) -> str:
        """Return the cell of a column; '' if the file has no such column or the row is shorter."""
        places = self.places.get(column, ())
        return row[places[0]].strip() if places and places[0] < len(row) else ""

    def cells(self, row: Sequence[str], column: str) -> list[str]:
        """Return the cells of a column that a shape has several of."""
        return [row[place].strip() for place in self.places.get(column, ()) if place < len(row)]

    def label(self, row: Sequence[str]) -> str | None:
        """Return the kind of a line without usage: ``total``, ``subtotal``, ``tax`` or ``rounding``; else None."""
        kind = _LABELS.get(self.cell(row, "cost_type").lower())
        if kind is not None and kind != "tax":
            return kind
        if self.cell(row, "start") not in {"", self.cell(row, "cost_type")} and self.cell(row, "sku"):
            return None
        return next((_LABELS[text] for cell in row if (text := cell.strip().lower()) in _LABELS), None)


def header_of(row: Sequence[str], named_currency: str | None) -> Header | None:
    """Return the header in the row, or None if it is another line."""
    names = [" ".join(cell.strip().lower().split()) for cell in row]
    bare = [_MONEY.sub("", name) for name in names]
    places = {
        column: tuple(bare.index(name) for name in known if name in bare)[: 8 if column == "discount" else 1]
        for column, known in _COMMON.items()
    }
    places = {column: where for column, where in places.items() if where}
    if "subtotal" in bare[places.get("cost", (0,))[0]]:
        places.pop("discount", None)  # they are already deducted
    if "sku" not in places or not {"amount", "cost"} & places.keys() or len(names) < 2:  # noqa: PLR2004 - a pair
        return None
    currencies = [match["currency"].upper() for name in names if (match := _MONEY.search(name))]
    currency = named_currency or next((_SYMBOLS.get(one, one) for one in currencies), None)
    if currency is None and "cost_usd" in bare:
        currency = "USD"
    return Header(_shape(bare, places), places, len(names), currency)


def currency_of(row: Sequence[str]) -> str | None:
    """Return the currency that a line before the header names, such as ``Currency,SGD``."""
    cells = [cell.strip() for cell in row if cell.strip()]
    if len(cells) >= 2 and cells[0].lower().rstrip(":") in {"currency", "billing currency"}:  # noqa: PLR2004 - a pair
        return cells[1].upper()[:8]
    return None


def _shape(names: Sequence[str], places: Mapping[str, tuple[int, ...]]) -> Shape:
    known = set(names)
    if {"chargeperiodstart", "billedcost"} & known:
        return "focus"
    if {"usage_start_time", "usage.amount", "usage_amount", "sku.description", "sku_description"} & known:
        return "bigquery"
    if {"unrounded cost", "cost type"} & known:
        return "cost_table"
    if {"discounts", "promotions and others"} & known or ("subtotal" in known and "start" not in places):
        return "reports"
    return "plain"
