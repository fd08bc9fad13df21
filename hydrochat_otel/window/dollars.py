"""Amounts of dollars as doubles that add up like decimals: the same amount is the same number wherever it is shown.

The last digits of a sum of doubles depend on the order of addition. Rounded after each addition to a millionth of a
millionth of a dollar, far below the price of a token, sums agree in every order, in every state and on every surface.
"""

from typing import Final

UNIT: Final = "{USD}"
"""Unit of the metrics that are amounts of dollars."""

_DIGITS: Final = 12
_LARGE_USD: Final = 4096.0
_LARGE_DIGITS: Final = 9
"""Above 4096 dollars a double has no room for twelve decimals."""


def rounded(usd: float) -> float:
    """Return the amount on the grid; a larger amount never becomes a smaller one."""
    return round(usd, _DIGITS)


def plus(one: float, other: float) -> float:
    """Return the sum of two amounts, on the grid."""
    return round(one + other, _DIGITS)


def shown(usd: float) -> float:
    """Return the amount as every surface shows it, without what is only the noise of adding doubles."""
    return round(usd, _DIGITS if -_LARGE_USD < usd < _LARGE_USD else _LARGE_DIGITS)
