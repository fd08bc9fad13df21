"""The body of the window: what it holds, in the order of age; in packed runs, but for the newest, too few for one.

Its caller holds a lock.
"""

import math
from bisect import bisect, bisect_right
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import accumulate, repeat
from typing import Final

from hydrochat_otel.window.entries import Entries, Part
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.kept import BORN, Aged, Batch, Held, Kept, entries_of, made
from hydrochat_otel.window.packed import LENGTH, Plain, Run, run_of

_CLOCK_WOBBLE_S: Final = 0.005
"""Two clocks read one after the other differ by up to this; within it the order of arrival is the order of age."""


class Body:
    """What the window holds, in the order of age.

    Each change ends with steps that call nothing, so that a signal handler raises before all of them or after.

    Args:
        aged: What it holds at first, in that order.

    Attributes:
        born: The moments of birth of the newest; the window appends where it must not call a function.
        held: The newest themselves.
    """

    def __init__(self, aged: Iterable[Aged] = ()) -> None:
        self.born: list[float] = []
        self.held: list[Held] = []
        for born_s, kept in aged:
            self.born.append(born_s)
            self.held.append(kept)
        self._runs: list[Run] = []
        self._in_runs = 0
        self._gone = 0  # of the first run
        self._late: list[Run] = []  # runs that late ones came into
        self.pack()

    def __len__(self) -> int:
        return self._in_runs + len(self.born)

    @property
    def newest_s(self) -> float:
        """When the newest was born; minus infinity if there is none."""
        if self.born:
            return self.born[-1]
        return self._runs[-1].born[-1] if self._runs else -math.inf

    def next_of(self, batches: list[Batch]) -> tuple[int, list[float], Sequence[Held]]:
        """Return how many of those that arrived are next in the order of age, and the columns to append them as.

        A single one that is older than the newest is inserted instead.
        """
        moments, newest_s = list(map(BORN, batches)), self.newest_s
        number = len(batches)
        if number == 1 and moments[0] >= newest_s:
            return 1, moments * len(batches[0][1]), batches[0][1]
        if moments[0] < newest_s or moments != sorted(moments):
            order = list(accumulate(moments, max, initial=newest_s))[1:]
            late = (place for place, born_s in enumerate(moments) if born_s <= order[place] - _CLOCK_WOBBLE_S)
            number = next(late, number)
            if not number:
                self.insert(batches[0])
                return 1, [], []
            moments = order
        born, held = list[float](), list[Held]()
        for born_s, (_, some) in zip(moments, batches[:number], strict=False):
            born += repeat(born_s, len(some))
            held += some
        return number, born, held

    def insert(self, batch: Batch) -> None:
        """Insert some that are older than the newest at their place, unless an interrupted call did it already."""
        born_s, some = batch
        if not self._runs or (self.born and born_s >= self.born[0]):
            found = _inserted(self.born, self.held, batch)
            if found is not None:
                # Nothing is called from here on.
                self.born, self.held = found
            return
        number = max(0, bisect([run.born[0] for run in self._runs], born_s) - 1)
        before = self._runs[number]
        gone = 0 if number else self._gone
        found = _inserted(list(before.born[gone:]), list(before.held(gone)), batch)
        if found is None:
            return
        born, held = found
        length = len(born) if len(born) <= 2 * LENGTH else LENGTH
        parts = [slice(first, first + length) for first in range(0, len(born), length)]
        runs: list[Run] = [Plain(born[part], held[part]) for part in parts]
        late = [*(run for run in self._late if run is not before), *runs]
        still_gone, in_runs = self._gone - gone, self._in_runs + len(some)
        # Nothing is called from here on.
        self._runs[number : number + 1] = runs
        self._gone = still_gone
        self._in_runs = in_runs
        self._late = late

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
            del self.held[:number]
        return most - left

    def pack(self) -> None:
        """Put the oldest of the tail into runs if there are enough, and then one run that late ones came into."""
        number = len(self.born) // LENGTH * LENGTH
        if not number:
            return
        parts = [slice(first, first + LENGTH) for first in range(0, number, LENGTH)]
        runs = [run_of(self.born[part], self.held[part]) for part in parts]
        # Nothing is called from here on.
        self._runs += runs
        self._in_runs += number
        del self.born[:number]
        del self.held[:number]
        if self._late:
            self._pack_late()

    def _pack_late(self) -> None:
        late = self._late[0]
        with suppress(ValueError):  # it has left
            place = self._runs.index(late)
            self._runs[place] = run_of(late.born, late.held(0))
        del self._late[0]

    def make(self) -> list[Kept]:
        """Make the entries of the newest that wait for it, and return what the newest are."""
        newest = made(self.held)
        self.held = [*newest]
        return newest

    def items(self) -> list[Aged]:
        """Return everything."""
        newest = self.make()
        gone = (self._gone, *(0 for _ in self._runs[1:]))
        found = [
            one
            for run, first in zip(self._runs, gone, strict=False)
            for one in zip(run.born[first:], made(list(run.held(first))), strict=True)
        ]
        return [*found, *zip(self.born, newest, strict=True)]

    def entries(self, after_s: float, *, has_own: bool) -> Sequence[Entry]:
        """Return the entries that were born later, oldest first; not what the application added itself, if it did."""
        kept = self.make()[bisect_right(self.born, after_s) :]
        newest: tuple[Entry, ...] = tuple(entries_of(kept) if has_own else kept)  # type: ignore[arg-type]  # only entries
        live = [run for run in self._runs if run.born[-1] > after_s]
        if not live:
            return newest
        gone = self._gone if live[0] is self._runs[0] else 0
        oldest = Part(live[0], bisect_right(live[0].born, after_s, gone), len(live[0]))
        return Entries([oldest, *(Part(run, 0, len(run)) for run in live[1:])], newest)

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
            last = bisect_right(run.born, until_s, gone)
            found += last - gone
            if last < len(run):
                break
        return found

    def number_after(self, after_s: float, *, has_own: bool) -> int:
        """Return how many entries were born later; without what the application added itself, if it did."""
        if has_own:
            return len(self.entries(after_s, has_own=True))
        return len(self) - self.number_until(after_s)


def _inserted(born: list[float], held: list[Held], batch: Batch) -> tuple[list[float], list[Held]] | None:
    """Return both with some more at their place; None if they are there already."""
    born_s, some = batch
    place = bisect(born, born_s)
    if place and held[place - 1] is some[-1]:
        return None
    return [*born[:place], *repeat(born_s, len(some)), *born[place:]], [*held[:place], *some, *held[place:]]
