"""The sums of operations: of windows that begin at a moment, and of steps; changed by what leaves and arrives."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from hydrochat_otel.window.differences import Difference
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.summary import Summary, Tally, Times, exceeded
from hydrochat_otel.window.timelines import Operations, Row, places

_MAX_NAMES: Final = 4096
_NOTHING: Final = Summary()
_MAX_LENGTHS: Final = 4
"""Lengths of steps whose summaries are kept: clients choose the length."""


class Window(NamedTuple):
    """The summary of the operations that ended since a moment, of all and by name in alphabetical order."""

    whole: Summary
    by_operation: dict[str, Summary]


class _Rows:
    """Rows of :class:`Operations`, whose times several windows add or remove."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def since(self, unix_s: float) -> "_Rows":
        """Return the rows that ended at a moment or later."""
        inside = [row for row in self._rows if row[0] >= unix_s]
        return self if len(inside) == len(self._rows) else _Rows(inside)

    @cached_property
    def times(self) -> Times:
        """The times of all."""
        return _times(self._rows)

    @cached_property
    def times_by_name(self) -> dict[int, Times]:
        """The times by the number of their name."""
        groups: dict[int, list[Row]] = {}
        for row in self._rows:
            groups.setdefault(row[2], []).append(row)
        return {number: _times(rows) for number, rows in groups.items()}


_NO_ROWS: Final = _Rows(())


class _Named:
    """The tallies of a set of operations: of all and by the number of their name."""

    def __init__(self, columns: Sequence[Any]) -> None:
        _, durations_s, numbers, flags = columns
        self._whole = Tally(Times.of(durations_s, flags.tobytes()))
        groups: dict[int, tuple[list[float], bytearray]] = {number: ([], bytearray()) for number in set(numbers)}
        for number, duration_s, one in zip(numbers, durations_s, flags, strict=True):
            times, marks = groups[number]
            times.append(duration_s)
            marks.append(one)
        self._by_name = {number: Tally(Times.of(times, bytes(marks))) for number, (times, marks) in groups.items()}

    def change(self, removed: "_Rows", added: "_Rows") -> None:
        """Remove and add rows of :class:`Operations`."""
        self._whole.remove(removed.times)
        self._whole.add(added.times)
        for number, times in removed.times_by_name.items():
            self._by_name[number].remove(times)
        for number, times in added.times_by_name.items():
            known = self._by_name.get(number)
            if known is None:
                self._by_name[number] = Tally(times)
            else:
                known.add(times)

    def summaries(self, names: Sequence[str]) -> Window:
        """Return the summaries, with these names."""
        by_name = sorted((names[number], tally) for number, tally in self._by_name.items() if tally)
        return Window(self._whole.summary(), {name: tally.summary() for name, tally in by_name})


class OperationSums:
    """The operations of the window, the tallies of the windows that views asked for, and summaries of steps."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._line = Operations(entries)
        self._windows: dict[int, tuple[float, _Named]] = {}
        self._whole: _Named | None = None
        self._steps: OrderedDict[int, dict[int, tuple[int, Summary]]] = OrderedDict()

    def change(self, difference: Difference) -> None:
        """Remove and add the operations among entries."""
        line = self._line
        removed, added = line.rows(difference.removed), line.rows(difference.added)
        if len(line.names) > _MAX_NAMES:
            raise LookupError  # names that no entry has any more are forgotten by a new start
        line.remove(removed)
        line.add(added)
        left, arrived = _Rows(removed), _Rows(added)
        if self._whole is not None:
            self._whole.change(left, arrived)
        for since_unix_s, named in self._windows.values():
            named.change(left.since(since_unix_s), arrived.since(since_unix_s))
        changed = sorted(row[0] for row in (*removed, *added))
        for step_s, known in self._steps.items():
            self._steps[step_s] = {
                begin: found for begin, found in known.items() if not _touches(changed, begin, step_s)
            }

    def violations(self, after_unix_s: float) -> int:
        """Return how many that ended later than a moment exceeded their threshold."""
        first = bisect_right(self._line.ends, after_unix_s)
        return exceeded(self._line.columns[3][first:].tobytes())

    def windows(self, moments: Sequence[float]) -> list[Window]:
        """Return the summaries since each moment; the tallies of the last moments move on to these."""
        line, kept, found = self._line, {}, []
        whole: Window | None = None
        for place, since_unix_s in enumerate(moments):
            if line.ends and line.ends[0] < since_unix_s:
                named = self._moved(self._windows.get(place), since_unix_s)
                kept[place] = since_unix_s, named
                found.append(named.summaries(line.names))
                continue
            if whole is None:
                if self._whole is None:
                    self._whole = _Named(line.columns)
                whole = self._whole.summaries(line.names)
            found.append(whole)
        self._windows = kept
        return found

    def _moved(self, before: tuple[float, _Named] | None, since_unix_s: float) -> _Named:
        """Return the tallies since a moment: those of a moment that is slightly earlier, less what ended in between."""
        first = bisect_left(self._line.ends, since_unix_s)
        if before is not None and before[0] <= since_unix_s:
            earlier = bisect_left(self._line.ends, before[0])
            if first - earlier <= len(self._line.ends) - first:
                before[1].change(_Rows(list(zip(*self._line.between(earlier, first), strict=True))), _NO_ROWS)
                return before[1]
        return _Named(self._line.between(first, len(self._line.ends)))

    def steps(self, start_unix_s: int, step_s: int, number: int) -> list[Summary]:
        """Return the summary of each step; steps in which nothing changed have it already."""
        known, found = self._steps.pop(step_s, {}), {}
        begin = start_unix_s
        for first, last in places(self._line.ends, start_unix_s, step_s, number):
            ended, summary = known.get(begin, (-1, _NOTHING))
            if ended != last - first:
                _, durations_s, _, flags = self._line.between(first, last)
                summary = Tally(Times.of(durations_s, flags.tobytes())).summary()
            found[begin] = last - first, summary
            begin += step_s
        self._steps[step_s] = found
        if len(self._steps) > _MAX_LENGTHS:
            self._steps.popitem(last=False)
        return [summary for _, summary in found.values()]


def _touches(changed: Sequence[float], begin: int, step_s: int) -> bool:
    """Return whether one of the ends lies in the step, or so near that rounding could place it there."""
    place = bisect_left(changed, begin - 1)
    return place < len(changed) and changed[place] <= begin + step_s + 1


def _times(rows: Sequence[Row]) -> Times:
    return Times.of([row[1] for row in rows], bytes([row[3] for row in rows]))
