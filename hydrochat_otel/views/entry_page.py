"""Pages of entries, newest first, with a cursor that stays in place while new entries arrive."""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from hydrochat_otel.views import entry_rows
from hydrochat_otel.window import digest, latest
from hydrochat_otel.window.columns import end_of
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.latest import Placed, placed
from hydrochat_otel.window.moments import LAST_US

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000

_SLACK: Final = 8
"""Entries beyond a page that are sorted with it, because their ends may round to the same microsecond."""
_MICROSECOND_S: Final = 2e-6
"""Ends this close may have the same place; includes the rounding error of the clock's double."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two entries: that of the last one shown, and how many entries of that place were shown.

    A place is the end in whole microseconds since the epoch and the span's id.
    """

    PATTERN: ClassVar[str] = "^[0-9a-f]{16}-[0-9a-f]{16}-[0-9a-f]{8}$"

    end_us: int
    span_id: int
    shown: int = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the cursor that :meth:`__str__` wrote; ValueError if the text has another form."""
        if not re.fullmatch(cls.PATTERN.removesuffix("$"), text):
            raise ValueError
        return cls(*(int(part, 16) for part in text.split("-")))

    def __str__(self) -> str:
        return f"{self.end_us:016x}-{self.span_id:016x}-{self.shown:08x}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries of the window the export covers.

    Attributes:
        since_unix_s: Only entries that ended then or later, in seconds since the epoch.
        operation: Only entries of this name.
        entries: Whether the entries themselves are listed, newest first.
        days: Whether the days that are kept beyond the window are listed.
        limit: The most entries on one page.
        cursor: Where the page begins; None begins with the newest.
    """

    since_unix_s: float | None = None
    operation: str | None = None
    entries: bool = False
    days: bool = False
    limit: int = DEFAULT_LIMIT
    cursor: Cursor | None = None

    @property
    def selects(self) -> bool:
        """Whether it leaves any entry out."""
        return self.since_unix_s is not None or self.operation is not None

    def __call__(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the entries that match."""
        if not self.selects:
            return entries
        return [
            entry
            for entry in entries
            if (self.operation is None or entry.operation == self.operation)
            and (self.since_unix_s is None or entry.end_unix_s >= self.since_unix_s)
        ]


def page(matching: Sequence[Entry], shown: Filter) -> dict[str, Any]:
    """Return the section `entries` of the export and `page`, which says where the next page begins.

    The entries are JSON text, in a document that is encoded with indentation.
    """
    is_newest = shown.cursor is None and not shown.selects and shown.limit <= latest.MOST
    newest = digest.latest(matching, shown.limit, entry_rows.written) if is_newest else None
    if newest is None:
        listed, next_cursor = _listed(matching, shown)
        rows = entry_rows.all_written(listed)
    else:
        rows = newest.rows
        next_cursor = str(Cursor(*newest.last, 1)) if newest.has_older else None
    return {
        "entries": entry_rows.joined(rows),
        "page": {"limit": shown.limit, "matching": len(matching), "next_cursor": next_cursor},
    }


def _listed(matching: Sequence[Entry], shown: Filter) -> tuple[list[Placed], str | None]:
    """Return the entries of the page, newest first, and the cursor of the next page."""
    cursor = shown.cursor
    # Ends beyond the calendar have its last microsecond.
    upto_unix_s = math.inf
    if cursor is not None and cursor.end_us < LAST_US:
        upto_unix_s = cursor.end_us / 1e6 + _MICROSECOND_S
    ends = sorted(map(end_of, matching)) if shown.selects else None
    number = shown.limit + _SLACK
    while True:
        found = digest.newest(matching, number, upto_unix_s, ends)
        listed, next_cursor = _cut(found.entries, shown, ends_here=found.are_all)
        # An entry that ended in the same microsecond as the last one of the page could have to be in its place.
        if found.are_all or (listed and listed[-1][1].end_unix_s - _MICROSECOND_S > found.since_unix_s):
            return listed, next_cursor
        number *= 4


def _cut(candidates: Sequence[Entry], shown: Filter, *, ends_here: bool) -> tuple[list[Placed], str | None]:
    """Return the page out of its candidates; `ends_here` says whether no older ones exist."""
    listed = placed(candidates)
    places = [one[0] for one in listed]
    end = len(listed)
    if (cursor := shown.cursor) is not None:
        first, last = (side(places, (cursor.end_us, cursor.span_id)) for side in (bisect_left, bisect_right))
        end = max(first, last - cursor.shown)
    start = max(0, end - shown.limit)
    next_cursor = None
    if start < end and (start > 0 or not ends_here):
        next_cursor = str(Cursor(*places[start], bisect_right(places, places[start]) - start))
    return listed[start:end][::-1], next_cursor
