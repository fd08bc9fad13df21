"""Reconciliation: what was metered beside what was billed, by day and model.

A billing export is a CSV with a header; the columns are known by the names that Google's exports and common sense give
them. A stock-keeping unit ("Gemini 2.5 Flash Lite Text Input") belongs to the longest model id that its text contains.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from hydrochat_otel.prices.model_names import bare_id, price_ids

UNKNOWN: Final = "(unknown model)"
"""Stands for models of the vendor that nobody here knows."""
FOREIGN: Final = "(no model)"
"""Stands for everything else that a bill may hold."""
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "date": ("date", "day", "usage date", "usage start date", "usage start time", "usage_date"),
    "model": ("model", "sku", "sku description", "sku.description", "sku_description", "gen_ai_request_model"),
    "tokens": ("tokens", "usage", "usage amount", "usage.amount", "usage_amount", "quantity"),
    "cost": ("cost", "cost ($)", "cost (usd)", "cost_usd", "cost usd", "subtotal ($)", "subtotal"),
}
_AMOUNT_NOISE: Final = re.compile(r"[,$\s]|USD")
_N = TypeVar("_N", int, Decimal)
_VENDOR: Final = re.compile(r"gemini|gemma|imagen|veo|embedding|vertex ai|generative", re.IGNORECASE)
_GAP: Final = re.compile(r"[^a-z0-9.]+")


class BillingError(ValueError):
    """A billing export cannot be read; the message names file, line and what is expected."""


class Amount(NamedTuple):
    """Tokens and dollars; None where a source does not tell them."""

    tokens: int | None = None
    cost_usd: Decimal | None = None

    def plus(self, other: "Amount") -> "Amount":
        """Return the sum, in which what only one of them tells stands."""
        return Amount(_sum(self.tokens, other.tokens), _sum(self.cost_usd, other.cost_usd))


Amounts = dict[tuple[date, str], Amount]
"""By day (UTC) and bare id of the model."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model on one day: what was metered and what was billed."""

    day: date
    model: str
    metered: Amount
    billed: Amount

    @property
    def coverage(self) -> float | None:
        """Metered tokens divided by billed tokens; None where nothing was billed or a side is not told."""
        if self.metered.tokens is None or not self.billed.tokens:
            return None
        return self.metered.tokens / self.billed.tokens

    @property
    def difference_usd(self) -> Decimal | None:
        """Billed minus metered dollars; None where a side is not told."""
        if self.billed.cost_usd is None or self.metered.cost_usd is None:
            return None
        return self.billed.cost_usd - self.metered.cost_usd


def read_billing(path: Path, models: Iterable[str]) -> Amounts:
    """Read a billing export, or a table of metered amounts in the same form.

    Args:
        path: A CSV file with a header line, UTF-8.
        models: Ids of the models that a stock-keeping unit may be of.

    Raises:
        BillingError: It cannot be read, or lacks a column, or a line has no date or number.
    """
    amounts: Amounts = {}
    known = _Known(models)
    for line, row in _rows(path):
        day = _day(row["date"], path, line)
        model = known.model_of(row["model"])
        tokens = _number(row.get("tokens"), path, line, "tokens")
        cost_usd = _number(row.get("cost"), path, line, "cost")
        amount = Amount(None if tokens is None else round(tokens), cost_usd)
        amounts[day, model] = amounts.get((day, model), Amount()).plus(amount)
    return amounts


def compare(metered: Amounts, billed: Amounts) -> list[Comparison]:
    """Return both sides for each day and model that either knows, in that order; what is no model is left out.

    What a side has no line for is zero tokens and dollars.
    """
    nothing = Amount(0, Decimal(0))
    return [
        Comparison(*key, metered.get(key, nothing), billed.get(key, nothing))
        for key in sorted(metered.keys() | billed.keys())
        if key[1] != FOREIGN
    ]


def normalised(model: str) -> str:
    """Return the id under which a model is compared: bare, and without release suffix."""
    *_, shortest = price_ids(bare_id(model))
    return shortest


class _Known:
    """Finds the model that a text speaks of."""

    def __init__(self, models: Iterable[str]) -> None:
        self._models = sorted({normalised(model) for model in models}, key=len, reverse=True)

    def model_of(self, text: str) -> str:
        name = normalised(text)
        if name in self._models:
            return name
        words = f"-{_GAP.sub('-', text.lower())}-"
        nobody = UNKNOWN if _VENDOR.search(text) else FOREIGN
        return next((model for model in self._models if f"-{model}-" in words), nobody)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader, [])]
            places = {
                column: header.index(name)
                for column, names in _COLUMNS.items()
                for name in reversed(names)
                if name in header
            }
            if missing := {"date", "model"} - places.keys():
                column = min(missing)
                raise BillingError(f"{path}: has no column for the {column}: one of {', '.join(_COLUMNS[column])}.")
            if not {"tokens", "cost"} & places.keys():
                names = (*_COLUMNS["tokens"], *_COLUMNS["cost"])
                raise BillingError(f"{path}: has neither tokens nor costs: one of {', '.join(names)}.")
            for row in reader:
                if any(cell.strip() for cell in row):
                    padded = row + [""] * (len(header) - len(row))
                    yield reader.line_num, {column: padded[place].strip() for column, place in places.items()}
    except OSError as error:
        raise BillingError(f"{path}: cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BillingError(f"{path}: is no CSV in UTF-8 ({error}).") from None


def _day(text: str, path: Path, line: int) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise BillingError(f"{path}, line {line}: {text!r} is no date such as 2025-10-01.") from None


def _number(text: str | None, path: Path, line: int, column: str) -> Decimal | None:
    if not text:
        return None
    try:
        number = Decimal(_AMOUNT_NOISE.sub("", text))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BillingError(f"{path}, line {line}: {text!r} is no number of {column}.")
    return number


def _sum(one: _N | None, other: _N | None) -> _N | None:
    if one is None:
        return other
    return one if other is None else one + other
