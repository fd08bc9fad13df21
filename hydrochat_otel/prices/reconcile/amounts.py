"""Amounts of a bill: tokens and dollars, and the parsing of numbers, units and days.

Whatever a file holds, a text becomes a number of bounded size or :class:`BillingError` with one sentence.
"""

import re
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple, TypeVar

_N = TypeVar("_N", int, Decimal)

_LONGEST_NUMBER: Final = 64
_MOST_DIGITS: Final = 30
_NOISE: Final = re.compile(r"[\s$€£¥₹]|^[A-Z]{2,3}\$?|[A-Z]{3}$")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{2,3})*,\d{3}(\.\d*)?", re.ASCII)
"""Groups of thousands, or of lakhs and crores; a decimal comma is refused."""
_UNIT: Final = re.compile(
    r"(?P<times>[\d,]{0,12})\s*(?P<scale>(?:k|m|b|thousand|million|billion)\b)?\s*(?P<of>[a-z][a-z _/-]*|)", re.ASCII
)
_SCALES: Final = {None: 1, "k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "b": 10**9, "billion": 10**9}
_TOKEN_UNITS: Final = frozenset({"", "token", "tokens", "count", "counts", "unit", "units", "usage"})
_SHOWN: Final = 40


class BillingError(ValueError):
    """A file cannot be compared; the message is one sentence that names the file and, if known, the line."""


class Amount(NamedTuple):
    """Tokens and dollars; None if a source does not state them."""

    tokens: int | None = None
    cost_usd: Decimal | None = None

    def plus(self, other: "Amount") -> "Amount":
        """Return the sum; an amount that only one of the two states is unchanged."""
        return Amount(_sum(self.tokens, other.tokens), _sum(self.cost_usd, other.cost_usd))


def number(text: str) -> Decimal | None:
    """Return the number of a cell, None for an empty one.

    Raises:
        ValueError: It is not a finite number of at most 30 digits before the point.
    """
    text = text.strip()
    if not text:
        return None
    if len(text) > _LONGEST_NUMBER:
        raise ValueError
    text = _NOISE.sub("", text)
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if not _NUMBER.fullmatch(text):
        raise ValueError
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError from None
    if value and not -_MOST_DIGITS <= value.adjusted() < _MOST_DIGITS:
        raise ValueError
    return value


def tokens_per_unit(unit: str) -> int | None:
    """Return the tokens in one unit: ``count`` 1, ``k`` 1000, ``1M tokens`` a million; None for other units.

    Token-hours of caching storage, characters, images, seconds and queries are not tokens.
    """
    match = _UNIT.fullmatch(unit.strip().lower()[:_LONGEST_NUMBER])
    if match is None or match["of"].strip() not in _TOKEN_UNITS:
        return None
    times = match["times"].replace(",", "")
    return (int(times) if times else 1) * _SCALES[match["scale"]]


def day(text: str, zone: tzinfo) -> date:
    """Return the day in the zone of a date, or of a moment as BigQuery and FOCUS write it.

    A date without a time is the bill's own day, whatever the zone; a moment without an offset is in UTC.

    Raises:
        ValueError: It is neither.
    """
    text = text.strip()[:_SHOWN]
    if len(text) <= len("2025-10-01"):
        return date.fromisoformat(text)
    text = text.removesuffix(" UTC")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        if moment.hour == moment.minute == moment.second == 0 and "T" in text:
            return moment.date()
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(zone).date()


def shown(text: str) -> str:
    """Return a cell for use in a sentence: short, without control characters."""
    return repr(text[:_SHOWN])


def _sum(one: _N | None, other: _N | None) -> _N | None:
    if one is None:
        return other
    return one if other is None else one + other
