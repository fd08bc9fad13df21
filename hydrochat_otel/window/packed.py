"""Runs: entries that are next to each other in the window, with the moments of their birth, and never change.

A packed run keeps its entries in columns, a sixth of their size as objects, and makes them again when they are read.
"""

import math
import struct
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import compress, count, repeat
from operator import is_, itemgetter
from typing import Any, Final, Protocol

from hydrochat_otel.runtime import process_globals
from hydrochat_otel.window.call_numbers import CALLED, NUMBERS, facts_of, numbers_of
from hydrochat_otel.window.columns import (
    FAR_S,
    KINDS_OF_CALLS,
    OperationColumns,
    ends_of,
    flag,
    is_trouble,
    is_troubled,
    measured,
    operations,
    shown,
)
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.kept import Held, entries_of, made

LENGTH: Final = 128
"""Entries of a packed run. So few of a window wait to be packed that they do not count; a byte can say which labels
an entry has, also in a run that late entries made longer."""

_LABELS: Final = (0, 1, 4, 5, 6, 10, 13, 14, 15, 16, 17)
"""All fields but durations, ends, ids and :data:`CALLED`."""
_labels_of: Final = itemgetter(*_LABELS)
_called_of: Final = itemgetter(*CALLED)
_name_of: Final = itemgetter(1)
_NO_OPERATION: Final = 255
_NO_CALL: Final = (None,) * 5
_MAX_KNOWN: Final = 4096

_Columns = list[Sequence[Any]]
"""A column for each field of an entry."""

_known: Final[dict[tuple[Any, ...], tuple[Any, ...]]] = {}
"""The labels of all runs, so that equal ones exist once."""
process_globals.register("labels of packed runs", _known.clear)


class Run(Protocol):
    """Entries that are next to each other, oldest first.

    Attributes:
        born: The moments of their birth, ascending.
    """

    born: Sequence[float]

    def __len__(self) -> int: ...

    def held(self, first: int) -> Sequence[Held]:
        """Return everything from one place on."""

    def entries(self, first: int, last: int) -> list[Entry]:
        """Return the entries from one place up to another; not what the application added itself."""

    def number_of_entries(self, first: int, last: int) -> int:
        """Return how many entries there are from one place up to another."""

    def operations(self, first: int, last: int) -> OperationColumns:
        """Return the columns of the operations from one place up to another."""

    def calls(self, first: int, last: int) -> list[Entry]:
        """Return the calls and results from one place up to another."""

    def ends(self, first: int, last: int) -> Sequence[float]:
        """Return the ends of the entries from one place up to another."""

    def shown(self, first: int, last: int) -> list[list[Any]]:
        """Return of the operations from one place up to another what :func:`columns.shown` returns."""

    def troubled(self, first: int, last: int) -> list[Entry]:
        """Return the entries from one place up to another for which :func:`columns.is_troubled` is true."""


class Plain:
    """A run as it came: for anything that columns cannot hold without changing it, and while late ones come in."""

    __slots__ = ("_held", "born")

    def __init__(self, born: Sequence[float], held: Sequence[Held]) -> None:
        self.born = born
        self._held = list(held)

    def __len__(self) -> int:
        return len(self._held)

    def held(self, first: int) -> Sequence[Held]:
        """Return everything from one place on."""
        return self._held[first:]

    def entries(self, first: int, last: int) -> list[Entry]:
        """Return the entries from one place up to another."""
        return entries_of(made(self._held[first:last]))

    def number_of_entries(self, first: int, last: int) -> int:
        """Return how many entries there are from one place up to another."""
        return len(self.entries(first, last))

    def operations(self, first: int, last: int) -> OperationColumns:
        """Return the columns of the operations from one place up to another."""
        return operations(self.entries(first, last))

    def calls(self, first: int, last: int) -> list[Entry]:
        """Return the calls and results from one place up to another."""
        return [one for one in self.entries(first, last) if one.kind in KINDS_OF_CALLS]

    def ends(self, first: int, last: int) -> Sequence[float]:
        """Return the ends of the entries from one place up to another."""
        return ends_of(self.entries(first, last))

    def shown(self, first: int, last: int) -> list[list[Any]]:
        """Return what is shown of the operations from one place up to another."""
        return shown(measured(self.entries(first, last)))

    def troubled(self, first: int, last: int) -> list[Entry]:
        """Return the slow and failed entries from one place up to another."""
        return list(filter(is_troubled, self.entries(first, last)))


class Packed:
    """A run in columns.

    Args:
        born: The moments of birth, ascending.
        columns: Those of its entries, in the order of the fields of an entry.

    Raises:
        TypeError, ValueError, OverflowError, AttributeError, struct.error: Columns cannot hold it exactly.
    """

    __slots__ = ("_called", "_durations", "_ends", "_flags", "_ids", "_label", "_labels", "_numbers", "_traces", "born")

    def __init__(self, born: Sequence[float], columns: _Columns) -> None:
        _, _, durations, ends, _, _, _, traces, spans, parents, *_ = columns
        number = len(born)
        if not (math.hypot(*ends) < FAR_S and math.hypot(*durations) < math.inf):
            raise ValueError  # NaN, which equals nothing, could not be recognised again
        self.born: Sequence[float] = array("d", born[:1]) * number if born[0] == born[-1] else _doubles(born)
        self._durations = _doubles(durations)
        self._ends = _doubles(ends)
        self._traces = b"".join([trace.to_bytes(16) for trace in traces]) if any(traces) else bytes(16 * number)
        self._ids = array("Q", struct.pack(f"{number}Q", *spans))
        self._ids.frombytes(struct.pack(f"{number}Q", *parents) if any(parents) else bytes(8 * number))
        labels = _labels_of(columns)
        # Most labels are the same in all of a run, or differ as others do; a key of the rest takes a third of the time.
        differing = list[Sequence[Any]]()
        sources = [-1 if column.count(column[0]) == number else _place_in(differing, column) for column in labels]
        places: dict[Any, int] = defaultdict(count().__next__)
        keys = differing[0] if len(differing) == 1 else zip(*differing, strict=True)
        self._label = bytes(map(places.__getitem__, keys)) if differing else bytes(number)
        each = (tuple(places),) if len(differing) == 1 else tuple(zip(*places, strict=True))
        distinct = zip(
            *[
                repeat(column[0], len(places) or 1) if source < 0 else each[source]
                for column, source in zip(labels, sources, strict=True)
            ],
            strict=True,
        )
        self._labels = _shared(list(distinct))
        self._flags = b""
        called = _called_of(columns)
        rows = list(zip(*called, strict=True)) if any(one.count(None) < number for one in called) else []
        self._called = bytes([place for place, one in enumerate(rows) if one != _NO_CALL])
        self._numbers = array("d", numbers_of([rows[place] for place in self._called]) if self._called else ())

    def __len__(self) -> int:
        return len(self.born)

    def held(self, first: int) -> Sequence[Held]:
        """Return everything from one place on."""
        return self.entries(first, len(self))

    def entries(self, first: int, last: int) -> list[Entry]:
        """Return the entries from one place up to another."""
        number, ids, traces, label = len(self), self._ids, self._traces, self._label[first:last]
        columns: list[Iterable[Any]] = [()] * len(Entry._fields)
        columns[2] = self._durations[first:last]
        columns[3] = self._ends[first:last]
        columns[7] = [int.from_bytes(traces[at : at + 16]) for at in range(16 * first, 16 * last, 16)]
        columns[8] = ids[first:last]
        columns[9] = ids[number + first : number + last]
        for place, values in zip(_LABELS, zip(*self._labels, strict=True), strict=True):
            is_one = values.count(values[0]) == len(values)
            columns[place] = repeat(values[0]) if is_one else map(values.__getitem__, label)
        for place, column in zip(CALLED, self._of_calls(first, last), strict=True):
            columns[place] = column
        return list(map(tuple.__new__, repeat(Entry), zip(*columns, strict=False)))

    def _of_calls(self, first: int, last: int) -> Iterable[Iterable[Any]]:
        """Return the columns that only calls have."""
        inside = [(place, at - first) for place, at in enumerate(self._called) if first <= at < last]
        if not inside:
            return repeat(repeat(None), len(CALLED))
        rows = [_NO_CALL] * (last - first)
        for place, at in inside:
            rows[at] = facts_of(*self._numbers[NUMBERS * place : NUMBERS * (place + 1)])
        return zip(*rows, strict=True)

    def number_of_entries(self, first: int, last: int) -> int:
        """Return how many entries there are from one place up to another."""
        return last - first

    def operations(self, first: int, last: int) -> OperationColumns:
        """Return the columns of the operations from one place up to another, without making one."""
        ends, durations_s, label = self._of_operations(first, last)
        names = map(_name_of, map(self._labels.__getitem__, label))  # made when read: sums of durations need none
        return OperationColumns(ends, durations_s, names, bytes(map(self._all_flags().__getitem__, label)))

    def _all_flags(self) -> bytes:
        """Return the flags of each label, and :data:`_NO_OPERATION` for those of other kinds; computed once."""
        if not self._flags:
            self._flags = bytes([flag(*one[2:4]) if one[0] == "operation" else _NO_OPERATION for one in self._labels])
        return self._flags

    def shown(self, first: int, last: int) -> list[list[Any]]:
        """Return what is shown of the operations from one place up to another, without making one."""
        ends, durations_s, label = self._of_operations(first, last)
        labels = list(map(self._labels.__getitem__, label))
        return [list(ends), list(durations_s), *([one[place] for one in labels] for place in (1, 2, 3))]

    def _of_operations(self, first: int, last: int) -> tuple[Sequence[float], Sequence[float], Sequence[int]]:
        """Return ends, durations and the places of the labels of the operations."""
        ends, durations_s, label = self._ends[first:last], self._durations[first:last], self._label[first:last]
        flags = self._all_flags()
        if _NO_OPERATION not in flags:
            return ends, durations_s, label
        wanted = [flags[one] != _NO_OPERATION for one in label]
        return list(compress(ends, wanted)), list(compress(durations_s, wanted)), list(compress(label, wanted))

    def troubled(self, first: int, last: int) -> list[Entry]:
        """Return the slow and failed entries from one place up to another."""
        if not any(is_trouble(*self._labels[one][2:5]) for one in set(self._label[first:last])):
            return []
        return list(filter(is_troubled, self.entries(first, last)))

    def calls(self, first: int, last: int) -> list[Entry]:
        """Return the calls and results from one place up to another."""
        if not any(one[0] in KINDS_OF_CALLS for one in self._labels):
            return []
        return [one for one in self.entries(first, last) if one.kind in KINDS_OF_CALLS]

    def ends(self, first: int, last: int) -> Sequence[float]:
        """Return the ends of the entries from one place up to another."""
        return self._ends[first:last]


def run_of(born: Sequence[float], held: Sequence[Held]) -> Run:
    """Return a packed run, or a plain one if columns cannot hold it exactly."""
    try:
        return Packed(born, _columns_of(held))
    except (TypeError, ValueError, struct.error, OverflowError, AttributeError):
        return Plain(born, made(list(held)))


def _doubles(values: Sequence[float]) -> "array[float]":
    """Return an array of the values; twice as fast as by its constructor."""
    return array("d", struct.pack(f"{len(values)}d", *values))


def _columns_of(held: Sequence[Any]) -> _Columns:
    """Return the columns of entries and of what waits, whose entries are not made.

    Raises:
        AttributeError: Something else is in it.
        ValueError: A duration or an end is not a float.
    """
    kinds: set[Any] = set(map(type, held))
    if len(kinds) == 1 and kinds != {Entry}:
        columns: _Columns = kinds.pop().columns(held)
        return columns
    rows: Sequence[Any] = held
    for kind in kinds - {Entry}:
        theirs = zip(*kind.columns([one for one in held if type(one) is kind]), strict=True)
        rows = [next(theirs) if type(one) is kind else one for one in rows]
    columns = list(zip(*rows, strict=True))
    if {*map(type, columns[2]), *map(type, columns[3])} != {float}:
        raise ValueError
    return columns


def _place_in(differing: list[Sequence[Any]], column: Sequence[Any]) -> int:
    """Return the place of the column, which is added unless one with the same objects is there."""
    for place, other in enumerate(differing):
        if column is other or all(map(is_, column, other)):
            return place
    differing.append(column)
    return len(differing) - 1


def _shared(labels: list[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    """Return equal labels, each one object for all runs."""
    if len(_known) + len(labels) > _MAX_KNOWN:
        _known.clear()
    return tuple(map(_known.setdefault, labels, labels))
