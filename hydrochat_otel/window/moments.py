"""Moments as whole microseconds since the epoch.

Everything that orders or dates entries uses them: with two roundings, entries could be listed in one order and dated in
another.
"""

import math
from collections.abc import Sequence
from typing import Final

_FIRST_US: Final = -62_135_596_800_000_000
LAST_US: Final = 253_402_300_799_999_999
"""Microseconds since the epoch of the first and the last moment that Python's calendar has."""
_FIRST_S: Final = _FIRST_US // 10**6
_LAST_S: Final = LAST_US // 10**6


def microseconds(unix_s: float) -> int:
    """Return whole microseconds since the epoch, within Python's calendar; an invalid time counts as the epoch."""
    if math.isnan(unix_s):
        return 0
    return round(min(max(unix_s * 1e6, _FIRST_US), LAST_US))


def all_microseconds(unix_s: Sequence[float]) -> list[int]:
    """Return :func:`microseconds` of each time, several times faster."""
    if are_usual(unix_s):
        return [round(one * 1e6) for one in unix_s]
    return [microseconds(one) for one in unix_s]


def are_usual(unix_s: Sequence[float]) -> bool:
    """Return whether none is NaN or outside of Python's calendar."""
    return bool(unix_s) and math.isfinite(sum(unix_s)) and min(unix_s) > _FIRST_S and max(unix_s) < _LAST_S
