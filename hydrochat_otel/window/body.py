"""The body of the window: what it holds, in the order of age; older entries in packed runs, the newest as they came.

Its caller holds a lock.
"""

import math
from bisect import bisect, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from hydrochat_otel.window.entries import Entries, Part
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.kept import BORN, Aged, Kept, entries_of
from hydrochat_otel.window.packed import LENGTH, Plain, Run, run_of

_UNPACKED: Final = 1024
"""The newest stay as they came: a window of the usual size is never packed, which would cost more than it saves."""

_CLOCK_WOBBLE_S: Final = 0.005
"""Two clocks read one after the other differ by up to this; within it the order of arrival is the order of age."""


class Body:
    """What the window holds, in the order of age.

    Each change ends with steps that call nothing, so that a signal handler raises before all of them or after.

    Args:
        aged: What it holds at first, in that order.

    Attributes:
        born: The moments of birth of the newest; the window appends where it must not call a function.
        kept: The newest themselves.
    """

    def __init__(self, aged: Iterable[Aged] = ()) -> None:
        self.born: list[float] = []
        self.kept: list[Kept] = []
        for born_s, kept in aged:
            self.born.append(born_s)
            self.kept.append(kept)
        self._runs: list[Run] = []
        self._in_runs = 0
        self._gone = 0  # of the first run
        self.pack()

    def __len__(self) -> int:
        return self._in_runs + len(self.born)

    @property
    def newest_s(self) -> float:
        """When the newest was born; minus infinity if there is none."""
        if self.born:
            return self.born[-1]
        return self._runs[-1].born[-1] if self._runs else -math.inf

    def next_of(self, waiting: list[Aged]) -> tuple[int, list[float], list[Kept]]:
        """Return how many of those that wait are next in the order of age, and the columns that they are appended as.

        A single one that is older than the newest is inserted instead.
        """
        born, newest_s = list(map(BORN, waiting)), self.newest_s
        kept = [one for _, one in waiting]
        if born[0] >= newest_s and born == sorted(born):
            return len(waiting), born, kept
        order = list(accumulate(born, max, initial=newest_s))[1:]
        late = (place for place, born_s in enumerate(born) if born_s <= order[place] - _CLOCK_WOBBLE_S)
        number = next(late, len(waiting))
        if not number:
            self.insert(waiting[0])
            return 1, [], []
        return number, order[:number], kept[:number]

    def insert(self, arrived: Aged) -> None:
        """Insert one that is older than the newest at its place, unless an interrupted call did it already."""
        born_s = arrived[0]
        if not self._runs or (self.born and born_s >= self.born[0]):
            found = _inserted(self.born, self.kept, arrived)
            if found is not None:
                # Nothing is called from here on.
                self.born, self.kept = found
            return
        number = max(0, bisect([run.born[0] for run in self._runs], born_s) - 1)
        gone = 0 if number else self._gone
        items = self._runs[number].items(gone)
        found = _inserted([one for one, _ in items], [one for _, one in items], arrived)
        if found is None:
            return
        born, everything = found
        half = len(born) if len(born) <= 2 * LENGTH else LENGTH
        runs = [Plain(born[part], everything[part]) for part in (slice(half), slice(half, None)) if born[part]]
        still_gone = self._gone - gone
        # Nothing is called from here on.
        self._runs[number : number + 1] = runs
        self._gone = still_gone
        self._in_runs += 1

    def drop(self, most: int, until_s: float, counts: dict[str, int], reason: str) -> int:
        """Let the oldest leave and return how many did.

        Args:
            most: No more than these.
            until_s: Only what was born then or earlier.
            counts: Each that leaves is counted here.
            reason: Under this name.
        """
        left = most
        while left > 0 and self._runs:
            run, first = self._runs[0], self._gone
            last = min(len(run), first + left, bisect_right(run.born, until_s, first))
            number = last - first
            if not number:
                return most - left
            is_whole = last == len(run)
            # Nothing is called from here on.
            counts[reason] += number
            self._in_runs -= number
            self._gone = last
            if is_whole:
                self._gone = 0
                del self._runs[0]
            left -= number
        if left > 0:
            number = min(left, bisect_right(self.born, until_s))
            left -= number
            # Nothing is called from here on.
            counts[reason] += number
            del self.born[:number]
            del self.kept[:number]
        return most - left

    def pack(self) -> None:
        """Put the oldest of the tail into runs if there are many."""
        number = (len(self.born) - _UNPACKED) // LENGTH * LENGTH
        if number <= 0:
            return
        parts = [slice(first, first + LENGTH) for first in range(0, number, LENGTH)]
        runs = [run_of(self.born[part], self.kept[part]) for part in parts]
        # Nothing is called from here on.
        self._runs += runs
        self._in_runs += number
        del self.born[:number]
        del self.kept[:number]

    def items(self) -> list[Aged]:
        """Return everything."""
        gone = (self._gone, *(0 for _ in self._runs[1:]))
        found = [one for run, first in zip(self._runs, gone, strict=False) for one in run.items(first)]
        return [*found, *zip(self.born, self.kept, strict=True)]

    def entries(self, after_s: float, *, has_own: bool) -> Sequence[Entry]:
        """Return the entries that were born later, oldest first; not what the application added itself, if it did."""
        kept = self.kept[bisect_right(self.born, after_s) :]
        newest: tuple[Entry, ...] = tuple(entries_of(kept) if has_own else kept)  # type: ignore[arg-type]  # only entries
        live = [run for run in self._runs if run.born[-1] > after_s]
        if not live:
            return newest
        gone = self._gone if live[0] is self._runs[0] else 0
        oldest = Part(live[0], bisect_right(live[0].born, after_s, gone))
        return Entries([oldest, *(Part(run, 0) for run in live[1:])], newest)

    def oldest_s(self, after_s: float) -> float | None:
        """Return when the oldest that is younger than a moment was born; None if there is none."""
        for number, run in enumerate(self._runs):
            first = bisect_right(run.born, after_s, 0 if number else self._gone)
            if first < len(run):
                return run.born[first]
        first = bisect_right(self.born, after_s)
        return self.born[first] if first < len(self.born) else None

    def number_until(self, until_s: float) -> int:
        """Return how many were born at a moment or earlier."""
        found = bisect_right(self.born, until_s)
        for number, run in enumerate(self._runs):
            gone = 0 if number else self._gone
            found += bisect_right(run.born, until_s, gone) - gone
        return found


def _inserted(born: list[float], kept: list[Kept], arrived: Aged) -> tuple[list[float], list[Kept]] | None:
    """Return both with one more at its place; None if it is there already."""
    born_s, one = arrived
    place = bisect(born, born_s)
    if place and kept[place - 1] is one:
        return None
    return [*born[:place], born_s, *born[place:]], [*kept[:place], one, *kept[place:]]
