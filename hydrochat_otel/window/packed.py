"""Runs: entries that are next to each other in the window, with the moments of their birth, and never change.

A packed run keeps its entries in columns, a sixth of their size as objects, and makes them again when they are read.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from itertools import compress
from operator import itemgetter
from typing import Any, Final, Protocol

from hydrochat_otel import semconv
from hydrochat_otel.runtime import process_globals
from hydrochat_otel.window.columns import FAR_S, KINDS_OF_CALLS, OperationColumns, ends_of, flag, operations
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.kept import Aged, Kept, entries_of

LENGTH: Final = 256
"""Entries of a packed run, so that a byte can say which labels an entry has."""

_LABELS: Final = (0, 1, 4, 5, 6, 10, 13, 14, 15, 16, 17)
"""All fields but durations, ends, ids and :data:`_OF_CALLS`."""
_OF_CALLS: Final = itemgetter(
    *map(Entry._fields.index, ("cost_usd", "first_token_s", "retry_wait_s", "attempts", "tokens"))
)
_label_of: Final = itemgetter(*_LABELS)
_NO_CALL: Final = (None,) * 5
_BUCKETS: Final = len(semconv.TOKEN_BUCKETS)
_NO_TOKENS: Final = (math.nan,) * _BUCKETS
_NUMBERS: Final = 4 + _BUCKETS
_EXACT: Final = 2**53
"""Up to here a double holds every whole number."""
_MAX_KNOWN: Final = 4096

_Labels = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]
_known: Final[dict[tuple[Any, ...], _Labels]] = {}
"""The labels of all runs, so that equal ones exist once."""
process_globals.register("labels of packed runs", _known.clear)


class Run(Protocol):
    """Entries that are next to each other, oldest first.

    Attributes:
        born: The moments of their birth, ascending.
    """

    born: Sequence[float]

    def __len__(self) -> int: ...

    def items(self, first: int) -> list[Aged]:
        """Return everything from one place on."""

    def entries(self, first: int, last: int) -> list[Entry]:
        """Return the entries from one place up to another; not what the application added itself."""

    def number_of_entries(self, first: int) -> int:
        """Return how many entries there are from one place on."""

    def operations(self, first: int) -> OperationColumns:
        """Return the columns of the operations from one place on."""

    def calls(self, first: int) -> list[Entry]:
        """Return the calls and results from one place on."""

    def ends(self, first: int) -> Sequence[float]:
        """Return the ends of the entries from one place on."""


class Plain:
    """A run as it came: for anything that columns cannot hold without changing it."""

    __slots__ = ("_kept", "born")

    def __init__(self, born: Sequence[float], kept: Sequence[Kept]) -> None:
        self.born = born
        self._kept = list(kept)

    def __len__(self) -> int:
        return len(self._kept)

    def items(self, first: int) -> list[Aged]:
        """Return everything from one place on."""
        return list(zip(self.born[first:], self._kept[first:], strict=True))

    def entries(self, first: int, last: int) -> list[Entry]:
        """Return the entries from one place up to another."""
        return entries_of(self._kept[first:last])

    def number_of_entries(self, first: int) -> int:
        """Return how many entries there are from one place on."""
        return len(self.entries(first, len(self)))

    def operations(self, first: int) -> OperationColumns:
        """Return the columns of the operations from one place on."""
        return operations(self.entries(first, len(self)))

    def calls(self, first: int) -> list[Entry]:
        """Return the calls and results from one place on."""
        return [one for one in self.entries(first, len(self)) if one.kind in KINDS_OF_CALLS]

    def ends(self, first: int) -> Sequence[float]:
        """Return the ends of the entries from one place on."""
        return ends_of(self.entries(first, len(self)))


class Packed:
    """A run in columns.

    Raises:
        TypeError, ValueError, OverflowError, AttributeError: Something in it is not exactly what columns can hold.
    """

    __slots__ = ("_called", "_durations", "_ends", "_ids", "_label", "_labels", "_numbers", "_traces", "born")

    def __init__(self, born: Sequence[float], kept: Sequence[Kept]) -> None:
        if set(map(type, kept)) != {Entry}:
            raise TypeError
        columns = list(zip(*kept, strict=True))
        _, _, durations, ends, _, _, _, traces, spans, parents, *_ = columns
        if {*map(type, durations), *map(type, ends)} != {float} or not math.isfinite(sum(durations) + sum(ends)):
            raise ValueError  # NaN, which equals nothing, could not be recognised again
        if min(ends) <= -FAR_S or max(ends) >= FAR_S:
            raise ValueError
        self.born: Sequence[float] = array("d", born)
        self._durations = array("d", durations)
        self._ends = array("d", ends)
        self._traces = b"".join([trace.to_bytes(16) for trace in traces])
        self._ids = array("Q", spans + parents)
        # Most labels are the same in all of a run; a key of the others takes a third of the time.
        differing = [column for place in _LABELS if (column := columns[place]).count(column[0]) < len(kept)]
        keys = list(zip(*differing, strict=True)) or [()] * len(kept)
        places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        self._label = bytes(map(places.__getitem__, keys))
        self._labels = tuple([_shared(_label_of(kept[keys.index(key)])) for key in places])
        none = [column.count(None) == len(kept) for column in _OF_CALLS(columns)]
        called = (
            [] if all(none) else [(place, one) for place, one in enumerate(map(_OF_CALLS, kept)) if one != _NO_CALL]
        )
        self._called = bytes([place for place, _ in called])
        self._numbers = array("d", [value for _, one in called for value in _numbers(*one)])

    def __len__(self) -> int:
        return len(self.born)

    def items(self, first: int) -> list[Aged]:
        """Return everything from one place on."""
        return list(zip(self.born[first:], self.entries(first, len(self)), strict=True))

    def entries(self, first: int, last: int) -> list[Entry]:
        """Return the entries from one place up to another."""
        new, number, ids, traces = tuple.__new__, len(self), self._ids, self._traces
        rows = zip(
            map(self._labels.__getitem__, self._label[first:last]),
            self._durations[first:last],
            self._ends[first:last],
            [int.from_bytes(traces[at : at + 16]) for at in range(16 * first, 16 * last, 16)],
            ids[first:last],
            ids[number + first : number + last],
            strict=True,
        )
        found = [
            new(Entry, (*names, duration_s, end_unix_s, *facts, trace_id, span_id, parent_span_id, *more))
            for (names, facts, more), duration_s, end_unix_s, trace_id, span_id, parent_span_id in rows
        ]
        for place, called in enumerate(self._called):
            if first <= called < last:
                numbers = self._numbers[_NUMBERS * place : _NUMBERS * (place + 1)]
                found[called - first] = _with_numbers(found[called - first], *numbers)
        return found

    def number_of_entries(self, first: int) -> int:
        """Return how many entries there are from one place on."""
        return len(self) - first

    def operations(self, first: int) -> OperationColumns:
        """Return the columns of the operations from one place on, without making one."""
        ends: Iterable[float] = self._ends[first:]
        durations_s: Sequence[float] = self._durations[first:]
        label: Sequence[int] = self._label[first:]
        if any(kind != "operation" for (kind, _), _, _ in self._labels):
            are_wanted = [kind == "operation" for (kind, _), _, _ in self._labels]
            wanted = [are_wanted[one] for one in label]
            ends, durations_s = list(compress(ends, wanted)), list(compress(durations_s, wanted))
            label = list(compress(label, wanted))
        names = [name for (_, name), _, _ in self._labels]
        flags = [flag(over, error) for _, (over, error, _), _ in self._labels]
        return OperationColumns(ends, durations_s, map(names.__getitem__, label), bytes(map(flags.__getitem__, label)))

    def calls(self, first: int) -> list[Entry]:
        """Return the calls and results from one place on."""
        if not any(kind in KINDS_OF_CALLS for (kind, _), _, _ in self._labels):
            return []
        return [one for one in self.entries(first, len(self)) if one.kind in KINDS_OF_CALLS]

    def ends(self, first: int) -> Sequence[float]:
        """Return the ends of the entries from one place on."""
        return self._ends[first:]


def run_of(born: Sequence[float], kept: Sequence[Kept]) -> Run:
    """Return a packed run, or a plain one if columns cannot hold it exactly."""
    try:
        return Packed(born, kept)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return Plain(born, kept)


def _shared(label: tuple[Any, ...]) -> _Labels:
    """Return the labels as the three parts of an entry that they are, one object for all runs."""
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    return _known.setdefault(label, (label[:2], label[2:5], (label[5], None, None, *label[6:], None, None, None)))


def _numbers(cost_usd: Any, first_token_s: Any, retry_wait_s: Any, attempts: Any, tokens: Any) -> tuple[float, ...]:
    seconds_and_usd = (cost_usd, first_token_s, retry_wait_s)
    counts = (attempts, *(_NO_TOKENS if tokens is None else tokens))
    if len(counts) != 1 + _BUCKETS or type(tokens) not in {tuple, type(None)}:
        raise ValueError
    for value in seconds_and_usd:
        if value is not None and (type(value) is not float or math.isnan(value)):
            raise ValueError
    for value in counts if tokens is not None else counts[:1]:
        if value is not None and (type(value) is not int or not -_EXACT <= value <= _EXACT):
            raise ValueError
    return tuple(math.nan if value is None else value for value in (*seconds_and_usd, *counts))


def _with_numbers(entry: Entry, *numbers: float) -> Entry:
    cost_usd, first_token_s, retry_wait_s, attempts, *tokens = (None if math.isnan(one) else one for one in numbers)
    return entry._replace(
        cost_usd=cost_usd,
        first_token_s=first_token_s,
        retry_wait_s=retry_wait_s,
        attempts=None if attempts is None else int(attempts),
        tokens=None if tokens[0] is None else tuple(int(one or 0) for one in tokens),
    )
