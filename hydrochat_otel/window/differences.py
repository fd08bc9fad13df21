"""What distinguishes two states of the window: the entries that left and those that arrived."""

from collections.abc import Sequence
from itertools import islice
from operator import is_
from typing import Final, NamedTuple

from hydrochat_otel.window.entry import Entry

_FEW: Final = 64
"""This many differences are worth following, however small the window is."""


class Difference(NamedTuple):
    """The entries that are in one state of the window only."""

    removed: Sequence[Entry]
    added: Sequence[Entry]


def between(before: Sequence[Entry], after: Sequence[Entry]) -> Difference | None:
    """Return what left and what arrived; None if they have so little in common that a new start costs less.

    Usually the oldest entries left and newer ones were appended. Some may have been inserted near the end: late ones,
    or those of other processes.
    """
    if before is after:
        return Difference((), ())
    before, after = tuple(before), tuple(after)
    if not before or not after:
        return None
    try:
        start = before.index(after[0])
    except ValueError:
        return None
    # Compared in C: a hundred thousand entries take 2 ms.
    alike = list(map(is_, islice(before, start, None), after))
    same = alike.index(False) if False in alike else len(alike)
    old, new = before[start + same :], after[same:]
    known, kept = set(map(id, old)), set(map(id, new))
    removed = (*before[:start], *(entry for entry in old if id(entry) not in kept))
    added = [entry for entry in new if id(entry) not in known]
    return Difference(removed, added) if len(removed) + len(added) <= max(_FEW, len(after) // 4) else None
