"""Sums of doubles without rounding, from which single numbers can be taken away again.

Every double is a whole multiple of 2^-1074, so a sum in that unit is an integer.
"""

import math
from collections.abc import Collection
from typing import Final

_SUBNORMAL_BITS: Final = 1074
_UNIT: Final = 1 << _SUBNORMAL_BITS


def exact(values: Collection[float]) -> int:
    """Return the sum of finite numbers, in units of 2^-1074.

    `fsum` rounds once. What it rounds off is found by adding up again with its result subtracted, two or three times.
    """
    total, parts = 0, list(values)
    if len(parts) == 1:
        return _in_units(parts[0])
    try:
        while part := math.fsum(parts):
            total += _in_units(part)
            parts.append(-part)
    except OverflowError:  # the numbers are finite and their sum is not
        return sum(map(_in_units, values))
    return total


def as_float(total: int) -> float:
    """Return a sum of :func:`exact` as the nearest double, which is what `fsum` returns."""
    try:
        return total / _UNIT
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def _in_units(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator << (_SUBNORMAL_BITS + 1 - denominator.bit_length())
