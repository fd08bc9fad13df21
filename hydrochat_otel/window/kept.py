"""What the window holds: entries, dictionaries that the application added, and finished work whose entry is not made.

Each is there with the moment it was born.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, cast

from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.waiting import Waiting

Kept = Entry | dict[str, Any]
"""What readers of the window see."""
Held = Kept | Waiting
Aged = tuple[float, Kept]
"""With the moment of its birth, by the monotonic clock."""
Batch = tuple[float, Sequence[Held]]
"""Some that were born at the same moment."""

BORN: Final = itemgetter(0)

_MADE: Final = frozenset({Entry, dict})


def younger(aged: list[Aged], born_after_s: float) -> list[Aged]:
    """Return what was born later, of a list in its order of age."""
    return aged[bisect_right(aged, born_after_s, key=BORN) :]


def made(held: list[Held]) -> list[Kept]:
    """Return the same with the entries of what waits; the same list if nothing waits, which is seen in C."""
    if _MADE.issuperset(map(type, held)):
        return cast("list[Kept]", held)
    return [one if isinstance(one, Entry | dict) else one.entry() for one in held]


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
