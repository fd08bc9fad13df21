"""The newest entries of the window, in the order in which pages list them; they follow the window between two pages."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from hydrochat_otel.window.differences import Difference
from hydrochat_otel.window.entries import all_ends, newest_between
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.moments import all_microseconds, microseconds

MOST: Final = 128
"""The most entries that can be asked for."""
_HELD: Final = MOST + 32
"""So many are looked for at first; beyond twice as many, the older half is let go."""
_END: Final = itemgetter(Entry._fields.index("end_unix_s"))
_SPAN_ID: Final = itemgetter(Entry._fields.index("span_id"))
_PLACE: Final = itemgetter(0)
_BELOW_ALL: Final = -1
_ABOVE_IDS: Final = 2**64

Place = tuple[int, int]
"""Of an entry in the order of pages: its end in whole microseconds since the epoch, at least 0, and its span's id."""


Placed = tuple[Place, int, Entry, list[Any]]
"""An entry with its place, its end in whole microseconds since the epoch, and what a page has made of it."""


class Newest(NamedTuple):
    """The newest entries in the order of their places, and whether the window has older ones."""

    listed: list[Placed]
    has_older: bool


def placed(entries: Sequence[Entry]) -> list[Placed]:
    """Return entries in the order of their places; those of one place stay in their order."""
    ends_us = all_microseconds(list(map(_END, entries)))
    not_below = ends_us if min(ends_us, default=0) >= 0 else [max(0, end_us) for end_us in ends_us]
    places = zip(not_below, map(_SPAN_ID, entries), strict=True)
    nothing_made: list[list[Any]] = [[] for _ in entries]
    return sorted(zip(places, ends_us, entries, nothing_made, strict=True), key=_PLACE)


class Latest:
    """All entries of the window that ended after a certain microsecond.

    Args:
        entries: The window.
    """

    __slots__ = ("_bound_us", "_has_equals", "_listed", "_places")

    def __init__(self, entries: Sequence[Entry]) -> None:
        ascending = sorted(all_ends(entries))
        after_s, self._bound_us, missing = -math.inf, _BELOW_ALL, len(ascending)
        if missing > _HELD:
            after_s = ascending[-_HELD - 1]
            self._bound_us = max(0, microseconds(after_s))
            missing -= bisect_right(ascending, after_s)
        some = placed(newest_between(entries, math.nextafter(after_s, math.inf), math.inf, missing))
        self._take([one for one in some if one[0][0] > self._bound_us])

    def _take(self, listed: list[Placed]) -> None:
        self._listed = listed
        self._places = list(map(_PLACE, listed))
        self._has_equals = len(set(self._places)) < len(listed)

    def change(self, difference: Difference) -> None:
        """Remove and add entries.

        Raises:
            LookupError: One that is removed is not there.
        """
        self._remove(difference.removed)
        self._add(difference.added)
        if len(self._listed) > 2 * _HELD:
            self._bound_us = self._places[-_HELD - 1][0]
            self._take(self._listed[bisect_right(self._places, (self._bound_us, _ABOVE_IDS)) :])

    def _remove(self, entries: Sequence[Entry]) -> None:
        ends = all_ends(entries)
        if not ends or microseconds(max(ends)) <= self._bound_us:
            return
        for place, _, entry, _ in placed(tuple(entries)):
            if place[0] > self._bound_us:
                first, last = (side(self._places, place) for side in (bisect_left, bisect_right))
                at = next((at for at in range(first, last) if self._listed[at][2] == entry), None)
                if at is None:
                    raise LookupError
                del self._listed[at]
                del self._places[at]

    def _add(self, entries: Sequence[Entry]) -> None:
        added = placed(entries)
        places = list(map(_PLACE, added))
        if places and places[0][0] > self._bound_us and (not self._places or places[0] > self._places[-1]):
            self._has_equals = self._has_equals or len(set(places)) < len(places)
            self._places += places
            self._listed += added
            return
        for place, one in zip(places, added, strict=True):
            if place[0] > self._bound_us:
                at = bisect_right(self._places, place)
                if at and self._places[at - 1] == place:
                    self._has_equals = True
                self._places.insert(at, place)
                self._listed.insert(at, one)

    def newest(self, number: int) -> Newest | None:
        """Return so many of the newest; None if they are not known here, nor is the order of those of one place."""
        has_older = len(self._listed) > number
        if self._has_equals or number > MOST or not (has_older or self._bound_us == _BELOW_ALL):
            return None
        return Newest(self._listed[-number:], has_older)

    @property
    def is_exhausted(self) -> bool:
        """Whether so many have left that a new one should be made."""
        return self._bound_us != _BELOW_ALL and len(self._listed) <= MOST
