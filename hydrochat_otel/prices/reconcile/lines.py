"""The lines of a billing file, streamed in bounded memory: finds the header, and makes a record of each line."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hydrochat_otel.prices.reconcile.amounts import BillingError, day, number, shown
from hydrochat_otel.prices.reconcile.shapes import (
    MAX_LINES_BEFORE_HEADER,
    ZONES,
    Header,
    currency_of,
    header_of,
)

Role = Literal["usage", "credit", "tax", "adjustment", "rounding", "subtotal", "total"]

_LONGEST_LINE: Final = 1_000_000
_LONGEST_CELL: Final = 131_072
_ROLES: Final[dict[str, Role]] = {
    "": "usage",
    "usage": "usage",
    "regular": "usage",
    "purchase": "usage",
    "tax": "tax",
    "credit": "credit",
    "adjustment": "adjustment",
    "rounding error": "rounding",
    "rounding_error": "rounding",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill.

    Attributes:
        number: Of the line in the file.
        role: The kind of money: only ``usage`` counts tokens.
        sku: The text of the stock-keeping unit.
        first: The first day of the usage; None if the file has no dates.
        last: The last day.
        amount: The usage in `unit`.
        unit: As written; '' if the file names none.
        cost: Money in `currency`, before credits.
        credit: Credits on the same line, below 0.
        currency: Of the money; None if the file names none.
        per_usd: Units of the currency for a dollar, if the line states it.
        stated: Of a total, the sum that it states.
    """

    number: int
    role: Role
    sku: str
    first: date | None
    last: date | None
    amount: Decimal | None
    unit: str
    cost: Decimal | None
    credit: Decimal
    currency: str | None
    per_usd: Decimal | None
    stated: Decimal | None


@dataclass(frozen=True, slots=True)
class BillFile:
    """A file whose header was found; `lines` streams what follows and can be read once."""

    name: str
    header: Header
    zone: str
    lines: Iterator[Line]


def open_bill(file: TextIO, name: str, zone: str | None = None) -> BillFile:
    """Find the header of a file and return its lines as a stream.

    Args:
        file: The text, read once and never as a whole.
        name: Its name in sentences.
        zone: The zone whose midnights separate the days; by default Google's for this shape.

    Raises:
        BillingError: It has no header, or a line that cannot be read; the lines raise it as well.
    """
    rows = _rows(file, name)
    currency = None
    for position, (_, row) in enumerate(rows):
        _refuse_other_separators(row, name)
        currency = currency or currency_of(row)
        if (header := header_of(row, currency)) is not None:
            zone = zone or ZONES[header.shape]
            return BillFile(name, header, zone, _lines(rows, header, name, zone_of(zone)))
        if position == MAX_LINES_BEFORE_HEADER:
            break
    raise BillingError(
        f"{name} has no header with a SKU or model, and usage or cost, in its first {MAX_LINES_BEFORE_HEADER} lines."
    )


def opened(path: Path) -> TextIO:
    """Open a file for :func:`open_bill`.

    Raises:
        BillingError: It cannot be read.
    """
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except (OSError, ValueError) as error:
        raise BillingError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from None


def zone_of(name: str) -> tzinfo:
    """Return the time zone of a name.

    Raises:
        BillingError: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BillingError(f"{shown(name)} is not a time zone such as America/Los_Angeles or UTC.") from None


def _rows(file: TextIO, name: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(_bounded(file, name))
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        if isinstance(error, UnicodeDecodeError):
            raise BillingError(
                f"{name} is not UTF-8; use the file as Google gives it, or save it as CSV UTF-8."
            ) from None
        raise BillingError(f"{name}, line {max(1, reader.line_num)}: this line is not CSV ({error}).") from None
    except OSError as error:
        raise BillingError(f"{name}: cannot be read ({error.strerror}).") from None


def _refuse_other_separators(row: list[str], name: str) -> None:
    """Raise BillingError for a header whose cells are not separated by commas: its numbers may be written otherwise."""
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(row) == 1 and header_of(row[0].split(separator), None) is not None:
            raise BillingError(f"{name} separates its cells by {word}; use the file as Google gives it, with commas.")


def _bounded(file: TextIO, name: str) -> Iterator[str]:
    while text := file.readline(_LONGEST_LINE):
        if len(text) == _LONGEST_LINE:
            raise BillingError(f"{name} has a line of more than {_LONGEST_LINE} characters.")
        yield text


def _lines(rows: Iterator[tuple[int, list[str]]], header: Header, name: str, zone: tzinfo) -> Iterator[Line]:
    for line, row in rows:
        try:
            read = _line(line, row, header, zone)
            if len(row) < header.width and read.role == "usage":
                raise BillingError(f"{name}, line {line}: this line ends before its last cell; the file is incomplete.")
            yield read
        except _CellError as error:
            raise BillingError(f"{name}, line {line}: {shown(error.text)} is not a {error.expected}.") from None


class _CellError(Exception):
    def __init__(self, text: str, expected: str) -> None:
        super().__init__()
        self.text, self.expected = text, expected


def _line(line: int, row: list[str], header: Header, zone: tzinfo) -> Line:
    label = header.label(row)
    role = _role(header, row, label)
    cost = _number(header.cell(row, "cost") or header.cell(row, "rounded"), "cost")
    discounts = sum((_number(cell, "discount") or Decimal(0) for cell in header.cells(row, "discount")), Decimal(0))
    first = last = None
    if role == "usage" and "start" in header.places:
        first = _day(header.cell(row, "start"), zone)
        ends = header.cell(row, "end")
        # Hours of a day end with the next one's midnight; only the Cost table's lines span days, by dates.
        last = max(first, _day(ends, zone)) if ends and header.shape in {"cost_table", "reports"} else first
    return Line(
        number=line,
        role=role,
        sku=header.cell(row, "sku"),
        first=first,
        last=last,
        amount=_number(header.cell(row, "amount"), "usage amount") if role == "usage" else None,
        unit=header.cell(row, "unit"),
        cost=cost,
        credit=(_credits(header.cell(row, "credit")) + discounts) if role == "usage" else Decimal(0),
        currency=header.cell(row, "currency").upper()[:8] or header.currency,
        per_usd=_number(header.cell(row, "rate"), "conversion rate"),
        stated=(_number(header.cell(row, "sum"), "sum") or cost) if role in {"total", "subtotal"} else None,
    )


def _role(header: Header, row: list[str], label: str | None) -> Role:
    if label == "total":
        return "total"
    if label == "subtotal":
        return "subtotal"
    if label == "rounding":
        return "rounding"
    role = _ROLES.get(header.cell(row, "cost_type").lower(), "adjustment")
    if label == "tax" or role == "tax":
        return "tax"
    # BigQuery's column `credits` holds them beside the usage; in the Cost table a credit has a line of its own.
    if header.cell(row, "credit_type") and header.shape != "bigquery":
        return "credit"
    return role


def _number(text: str, expected: str) -> Decimal | None:
    try:
        return number(text)
    except ValueError:
        raise _CellError(text, f"number for a {expected}") from None


def _day(text: str, zone: tzinfo) -> date:
    try:
        return day(text, zone)
    except (ValueError, OverflowError):
        raise _CellError(text, "date such as 2025-10-01") from None


def _credits(text: str) -> Decimal:
    """Return the sum of the credits of a cell: a number, or BigQuery's array written as JSON."""
    if not text.startswith("["):
        return _number(text, "credit") or Decimal(0)
    try:
        found = json.loads(text)
        amounts = [number(str(one.get("amount") or 0)) or Decimal(0) for one in found]
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise _CellError(text, "list of credits") from None
    return sum(amounts, Decimal(0))
