"""The newest entries of the window, in the order in which pages list them; they follow the window between two pages."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Final, NamedTuple

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

Place = tuple[int, int]
"""Of an entry in the order of pages: its end in whole microseconds since the epoch, at least 0, and its span's id."""

Placed = tuple[Place, Entry]

Write = Callable[[int, Entry], bytes | None]
"""Writes the row of an entry, whose end is as in its place; None leaves it out."""


class Newest(NamedTuple):
    """The rows of the newest entries, newest first; the place of the last one; whether the window has older ones."""

    rows: list[bytes]
    last: Place
    has_older: bool


def placed(entries: Sequence[Entry]) -> list[Placed]:
    """Return entries in the order of their places; those of one place stay in their order."""
    places = zip(_ends_us(entries), map(_SPAN_ID, entries), strict=True)
    return sorted(zip(places, entries, strict=True), key=_PLACE)


def _ends_us(entries: Iterable[Entry]) -> list[int]:
    """Return the ends in microseconds, as they are in places."""
    ends_us = all_microseconds(list(map(_END, entries)))
    return ends_us if min(ends_us, default=0) >= 0 else [max(0, end_us) for end_us in ends_us]


class Latest:
    """All entries of the window that ended after a certain microsecond, in columns.

    Args:
        entries: The window.
    """

    __slots__ = ("_bound_us", "_ends_us", "_entries", "_has_equals", "_rows")

    def __init__(self, entries: Sequence[Entry]) -> None:
        ascending = sorted(all_ends(entries))
        after_s, self._bound_us, missing = -math.inf, _BELOW_ALL, len(ascending)
        if missing > _HELD:
            after_s = ascending[-_HELD - 1]
            self._bound_us = max(0, microseconds(after_s))
            missing -= bisect_right(ascending, after_s)
        some = placed(newest_between(entries, math.nextafter(after_s, math.inf), math.inf, missing))
        listed = [one for one in some if one[0][0] > self._bound_us]
        places = list(map(_PLACE, listed))
        self._ends_us = [end_us for end_us, _ in places]
        self._entries = [entry for _, entry in listed]
        self._rows: list[bytes | None] = [None] * len(listed)
        self._has_equals = len(set(places)) < len(places)

    def change(self, difference: Difference) -> None:
        """Remove and add entries.

        Raises:
            LookupError: One that is removed is not there.
        """
        if difference.removed:
            self._remove(difference.removed)
        if difference.added:
            self._add(difference.added)
        if len(self._entries) > 2 * _HELD:
            self._bound_us = self._ends_us[-_HELD - 1]
            gone = slice(bisect_right(self._ends_us, self._bound_us))
            del self._ends_us[gone], self._entries[gone], self._rows[gone]

    def _remove(self, entries: Sequence[Entry]) -> None:
        ends = all_ends(entries)
        # A sum that is not finite has an end without an order, of which `max` could return any.
        if math.isfinite(sum(ends)) and microseconds(max(ends)) <= self._bound_us:
            return
        for end_us, entry in zip(_ends_us(entries), entries, strict=True):
            if end_us > self._bound_us:
                first, last = self._at(end_us)
                equal = self._entries[first:last]
                if entry not in equal:
                    raise LookupError
                at = first + equal.index(entry)
                del self._ends_us[at], self._entries[at], self._rows[at]

    def _at(self, end_us: int) -> tuple[int, int]:
        """Return between which places the entries of one end are."""
        return bisect_left(self._ends_us, end_us), bisect_right(self._ends_us, end_us)

    def _add(self, entries: Sequence[Entry]) -> None:
        ends_us = _ends_us(entries)
        is_newer = ends_us[0] > (self._ends_us[-1] if self._ends_us else self._bound_us)
        if is_newer and ends_us == sorted(set(ends_us)):
            self._ends_us += ends_us
            self._entries += entries
            self._rows += repeat(None, len(ends_us))
            return
        for end_us, entry in zip(ends_us, entries, strict=True):
            if end_us > self._bound_us:
                first, last = self._at(end_us)
                ids = [other.span_id for other in self._entries[first:last]]
                at = first + bisect_right(ids, entry.span_id)
                self._has_equals = self._has_equals or entry.span_id in ids
                self._ends_us.insert(at, end_us)
                self._entries.insert(at, entry)
                self._rows.insert(at, None)

    def newest(self, number: int, write: Write) -> Newest | None:
        """Return so many of the newest; None if they are not known here, nor is the order of those of one place.

        A row is written once; what was left out is tried again.
        """
        has_older = len(self._entries) > number
        if self._has_equals or number > MOST or not (has_older or self._bound_us == _BELOW_ALL):
            return None
        rows = self._rows[-number:]
        first = len(self._rows) - len(rows)
        for at in range(rows.index(None) if None in rows else len(rows), len(rows)):
            if rows[at] is None:
                rows[at] = self._rows[first + at] = write(self._ends_us[first + at], self._entries[first + at])
        last = (self._ends_us[first], self._entries[first].span_id) if rows else (0, 0)
        return Newest(list(filter(None, reversed(rows))), last, has_older)

    @property
    def is_exhausted(self) -> bool:
        """Whether so many have left that a new one should be made."""
        return self._bound_us != _BELOW_ALL and len(self._entries) <= MOST
