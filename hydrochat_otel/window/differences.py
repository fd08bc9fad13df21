"""What distinguishes two states of the window: the entries that left and those that arrived."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, islice
from operator import eq, is_
from typing import Final, NamedTuple

from hydrochat_otel.window.entries import Entries, Part
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
    found = _of_parts(before, after) if isinstance(after, Entries) else _of_all(tuple(before), tuple(after), is_)
    few = max(_FEW, len(after) // 4)
    return found if found is not None and len(found.removed) + len(found.added) <= few else None


def _of_all(
    before: Sequence[Entry], after: Sequence[Entry], alike: Callable[[Entry, Entry], bool]
) -> Difference | None:
    if before is after:
        return Difference((), ())
    if not before or not after:
        return None
    try:
        start = before.index(after[0])
    except ValueError:
        return None
    # Compared in C, first as a whole: usually newer ones were appended and nothing else happened.
    last = len(before) - start
    if before[start:] == after[:last]:
        return Difference(before[:start], after[last:])
    equal = list(map(alike, islice(before, start, None), after))
    same = equal.index(False) if False in equal else len(equal)
    old, new = before[start + same :], after[same:]
    removed = [*before[:start], *_without(old, new)]
    return Difference(removed, _without(new, old))


def _of_parts(before: Sequence[Entry], after: Entries) -> Difference | None:
    """Return the difference of two states that share most of their runs, which never change."""
    if not isinstance(before, Entries):
        return None
    old, new = before.parts, after.parts
    start = next((place for place, part in enumerate(old) if part.run is new[0].run), None)
    if start is None or new[0].first < old[start].first:
        return None
    same = _same_runs(old[start:], new)
    left = [*old[:start], Part(old[start].run, old[start].first, new[0].first)]
    old_rest, new_rest = _rest(old[start + same :], before.tail), _rest(new[same:], after.tail)
    found = _of_all(old_rest, new_rest, eq)
    if found is None:
        found = Difference(old_rest, new_rest)
    return Difference(Entries(left, found.removed, remembers=False), found.added)


def _same_runs(old: tuple[Part, ...], new: tuple[Part, ...]) -> int:
    """Return how many runs are the same, from the first on; the first may have lost more of its entries."""
    number = min(len(old), len(new))
    if old[1:number] == new[1:number]:  # compared in C
        return number
    return next((place for place in range(number) if old[place].run is not new[place].run), number)


def _rest(parts: Sequence[Part], tail: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return (*chain.from_iterable([part.entries() for part in parts]), *tail) if parts else tail


def _without(entries: Sequence[Entry], others: Sequence[Entry]) -> list[Entry]:
    """Return the entries that are not among the others, each as often as it is more often here."""
    return list((Counter(entries) - Counter(others)).elements())
