"""Timelines: what the views add up of operations and calls, in columns in the order of their ends."""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from hydrochat_otel import semconv
from hydrochat_otel.window.columns import end_of
from hydrochat_otel.window.days import NOTHING_MISSING, Missing
from hydrochat_otel.window.entries import calls_of, operations_of
from hydrochat_otel.window.entry import Entry

UNKNOWN: Final = math.inf
"""Dollars of a call that has no known ones."""

_SETTLED: Final = frozenset({"ok", "cancelled"})
_IS_CALL: Final = 1
_IS_INCOMPLETE: Final = 2
_IS_UNRECONCILED: Final = 4

Row = tuple[Any, ...]
"""Begins with the end, in seconds since the epoch."""


class Timeline:
    """Rows in the order of their ends, kept as columns, some of which come and go.

    Args:
        codes: A code of :mod:`array` for each column; ``O`` for one that holds any numbers.
    """

    def __init__(self, codes: str, rows: Iterable[Row]) -> None:
        values = list(zip(*sorted(rows), strict=True)) or [()] * len(codes)
        self.columns: list[Any] = [
            list(column) if code == "O" else array(code, column) for code, column in zip(codes, values, strict=True)
        ]

    @property
    def ends(self) -> Sequence[float]:
        """The ends, ascending."""
        return self.columns[0]  # type: ignore[no-any-return]  # the first column is an array of doubles

    def between(self, first: int, last: int) -> list[Any]:
        """Return the columns from one place up to, but not including, another."""
        return [column[first:last] for column in self.columns]

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows; most belong near the end, where that is cheap."""
        for row in rows:
            place = bisect_right(self.ends, row[0])
            for column, value in zip(self.columns, row, strict=True):
                column.insert(place, value)

    def remove(self, rows: Iterable[Row]) -> None:
        """Remove rows; most are next to each other.

        Raises:
            LookupError: One of them is not on the timeline.
        """
        places: set[int] = set()
        for row in rows:
            place, last = bisect_left(self.ends, row[0]), bisect_right(self.ends, row[0])
            while place < last and (place in places or tuple(column[place] for column in self.columns) != row):
                place += 1
            if place == last:
                raise LookupError
            places.add(place)
        for first, last in _runs(sorted(places)):
            for column in self.columns:
                del column[first:last]


def _runs(places: list[int]) -> list[tuple[int, int]]:
    """Return the runs of consecutive places, the last run first."""
    runs: list[tuple[int, int]] = []
    for place in reversed(places):
        if runs and runs[-1][0] == place + 1:
            runs[-1] = place, runs[-1][1]
        else:
            runs.append((place, place + 1))
    return runs


def step_of(unix_s: float, start_unix_s: int, step_s: int) -> int:
    """Return the number of the step of this length that contains the time; the first one begins at the start."""
    return math.floor((unix_s - start_unix_s) / step_s)


def places(ends: Sequence[float], start_unix_s: int, step_s: int, number: int) -> list[tuple[int, int]]:
    """Return where the rows of each step begin and end among ascending ends; equal to :func:`step_of` of each row."""
    edges, last = [], len(ends)
    for step in range(number + 1):
        at = bisect_left(ends, start_unix_s + step * step_s)
        # Rounding may place an end in the step beside the one that it is in by its time.
        while at and step_of(ends[at - 1], start_unix_s, step_s) >= step:
            at -= 1
        while at < last and step_of(ends[at], start_unix_s, step_s) < step:
            at += 1
        edges.append(at)
    return list(pairwise(edges))


class _Numbers(dict[str, int]):
    """The number of each name, in the order in which they are first looked up."""

    def __missing__(self, name: str) -> int:
        self[name] = number = len(self)
        return number


class Operations(Timeline):
    """Operations with a finite duration: end, duration, name and flags."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._numbers = _Numbers()
        super().__init__("ddIB", self.rows(entries))

    @property
    def names(self) -> list[str]:
        """The names; a row has the place of its name."""
        return list(self._numbers)

    def rows(self, entries: Iterable[Entry]) -> list[Row]:
        """Return the rows of the operations among entries."""
        rows: list[Row] = []
        for ends, durations_s, names, flags in operations_of(entries):
            rows += zip(ends, durations_s, map(self._numbers.__getitem__, names), flags, strict=True)
        return rows


class CallSums(NamedTuple):
    """The sums over calls, and what they do not contain."""

    calls: int
    tokens: int
    cost_usd: float
    missing: Missing


_NO_CALLS: Final = CallSums(0, 0, 0.0, NOTHING_MISSING)


class Calls(Timeline):
    """Calls, and results of earlier work, whose tokens and dollars count."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        super().__init__("dBOd", self.rows(entries))

    @staticmethod
    def rows(entries: Iterable[Entry]) -> list[Row]:
        """Return the rows of what is billed among entries: end, flags, tokens and dollars."""
        return [_call(entry) for entry in calls_of(entries) if entry.is_billed]

    def sums(self, first: int, last: int) -> CallSums:
        """Return what the calls from one place up to another add up to."""
        if first == last:
            return _NO_CALLS
        _, flags, tokens, costs = self.between(first, last)
        unpriced = [used for used, cost in zip(tokens, costs, strict=True) if used and cost == UNKNOWN]
        incomplete = [used for used, one in zip(tokens, flags, strict=True) if one & _IS_INCOMPLETE]
        return CallSums(
            sum(one & _IS_CALL for one in flags),
            sum(tokens),
            math.fsum(cost for cost in costs if cost != UNKNOWN),
            Missing(
                unpriced_calls=len(unpriced),
                unpriced_tokens=sum(unpriced),
                unreconciled_calls=sum(one & _IS_UNRECONCILED > 0 for one in flags),
                incomplete_calls=len(incomplete),
                incomplete_tokens=sum(incomplete),
            ),
        )


def _call(entry: Entry) -> Row:
    used = sum(entry.tokens) if entry.tokens is not None else 0
    cost_usd = entry.cost_usd
    is_unreconciled = not used and entry.outcome in _SETTLED and entry.operation in semconv.TOKEN_OPERATIONS
    flags = (
        (_IS_CALL if entry.is_call else 0)
        | (_IS_INCOMPLETE if entry.incomplete else 0)
        | (_IS_UNRECONCILED if is_unreconciled else 0)
    )
    return end_of(entry), flags, used, cost_usd if cost_usd is not None and math.isfinite(cost_usd) else UNKNOWN
