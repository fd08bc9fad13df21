"""What the window holds: entries, and dictionaries that the application added, each with the moment it was born."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from hydrochat_otel.window.entry import Entry

Kept = Entry | dict[str, Any]
Aged = tuple[float, Kept]
"""With the moment of its birth, by the monotonic clock."""

BORN: Final = itemgetter(0)


def younger(aged: list[Aged], born_after_s: float) -> list[Aged]:
    """Return what was born later, of a list in its order of age."""
    return aged[bisect_right(aged, born_after_s, key=BORN) :]


def entries_of(kept: list[Kept]) -> list[Entry]:
    """Return the entries among what is kept; nearly always that is everything, which is seen in C."""
    if set(map(type, kept)) <= {Entry}:
        return kept  # type: ignore[return-value]  # each is an entry, as the line before says
    return [one for one in kept if isinstance(one, Entry)]


def as_dicts(kept: Iterable[Kept]) -> list[dict[str, Any]]:
    """Return everything as dictionaries of the public API."""
    return [one.as_dict() if isinstance(one, Entry) else dict(one) for one in kept]


def unix_s_of(kept: Kept) -> float:
    """Return when it ended, in seconds since the epoch."""
    if isinstance(kept, Entry):
        return kept.end_unix_s
    timestamp: datetime = kept["timestamp"]
    return timestamp.timestamp()
