"""Numbers in ascending order, some of which come and go."""

from array import array
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable
from itertools import chain
from typing import Final

_MANY: Final = 32
"""From so many on, adding numbers sorts once instead of inserting each."""
_MOVES: Final = 1 << 17
"""Up to so many moved numbers, removing moves them one by one instead of copying all once."""


class Ascending:
    """Numbers in ascending order, some of which come and go.

    Attributes:
        values: The numbers; read only.
    """

    __slots__ = ("values",)

    def __init__(self, values: Iterable[float] = ()) -> None:
        self.values = array("d", sorted(values))

    def __len__(self) -> int:
        return len(self.values)

    def add(self, values: Collection[float]) -> None:
        """Add numbers."""
        if len(values) > _MANY:
            self.values = array("d", sorted(chain(self.values, values)))
        else:
            for value in values:
                insort(self.values, value)

    def remove(self, values: Collection[float]) -> None:
        """Remove numbers.

        Raises:
            LookupError: One of them is not there; some of the others are removed then.
        """
        known = self.values
        if len(values) * len(known) <= _MOVES:
            for value in values:
                del known[_place(known, value, 0)]
            return
        ascending = sorted(values)
        first = _place(known, ascending[0], 0)
        if known[first : first + len(ascending)] == array("d", ascending):  # usually the oldest ends
            del known[first : first + len(ascending)]
            return
        at, kept = 0, array("d")
        for value in ascending:
            place = _place(known, value, at)
            kept += known[at:place]
            at = place + 1
        self.values = kept + known[at:]


def _place(ascending: "array[float]", value: float, first: int) -> int:
    place = bisect_left(ascending, value, first)
    if place == len(ascending) or ascending[place] != value:
        raise LookupError
    return place
