"""The entries of the window at one moment: a sequence that makes those in packed runs when they are read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, compress, islice
from typing import Any, Final, NamedTuple, overload

from hydrochat_otel.window.columns import (
    KINDS_OF_CALLS,
    OperationColumns,
    ends_of,
    is_troubled,
    measured,
    operations,
    shown,
)
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.packed import Run

_PIECE: Final = 32
"""Entries of a run that are made at once where the newest few are wanted."""


class Part(NamedTuple):
    """The entries of a run from one place up to another."""

    run: Run
    first: int
    last: int

    def entries(self) -> list[Entry]:
        """Return the entries."""
        return self.run.entries(self.first, self.last)


class Entries(Sequence[Entry]):
    """Entries, oldest first.

    Those of a run are made when one of them is first read, and are the same objects at each later reading.

    Args:
        parts: The older ones, in runs.
        tail: The newest.
        remembers: Whether it holds what it has made; if not, each reading makes other objects.

    Attributes:
        parts: As the argument.
        tail: As the argument.
    """

    __slots__ = ("_made", "_number", "parts", "tail")

    def __init__(self, parts: Iterable[Part], tail: Sequence[Entry], *, remembers: bool = True) -> None:
        self.parts = tuple(parts)
        self.tail = tuple(tail)
        self._number = sum([run.number_of_entries(first, last) for run, first, last in self.parts]) + len(self.tail)
        self._made: dict[int, list[Entry]] | None = {} if remembers else None

    def forgetful(self) -> "Entries":
        """Return the same sequence, without what was made and without remembering any of it."""
        found = Entries((), (), remembers=False)
        found.parts, found.tail, found._number = self.parts, self.tail, self._number
        return found

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Entry]:
        for number in range(len(self.parts)):
            yield from self.of_part(number)
        yield from self.tail

    def __reversed__(self) -> Iterator[Entry]:
        yield from reversed(self.tail)
        for number in reversed(range(len(self.parts))):
            yield from reversed(self.of_part(number))

    def of_part(self, number: int) -> list[Entry]:
        """Return the entries of one of the parts; not to be changed."""
        if self._made is None:
            return self.parts[number].entries()
        made = self._made.get(number)
        # The first one that was made is the one, also if another thread makes it at the same time.
        return self._made.setdefault(number, self.parts[number].entries()) if made is None else made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as a list

    @overload
    def __getitem__(self, place: int) -> Entry: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Entry, ...]: ...

    def __getitem__(self, place: int | slice) -> Entry | tuple[Entry, ...]:
        """Return one entry, or some as a tuple."""
        if isinstance(place, slice):
            return tuple(self)[place]
        at = range(self._number)[place]
        for number, (run, first, last) in enumerate(self.parts):
            length = run.number_of_entries(first, last)
            if at < length:
                return self.of_part(number)[at]
            at -= length
        return self.tail[at]


def operations_of(entries: Iterable[Entry]) -> Iterator[OperationColumns]:
    """Yield the columns of the operations among entries; packed ones are not made for it."""
    if isinstance(entries, Entries):
        yield from [run.operations(first, last) for run, first, last in entries.parts]
        entries = entries.tail
        if not entries:
            return
    yield operations(entries)


def calls_of(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the calls and results among entries."""
    if isinstance(entries, Entries):
        yield from (call for run, first, last in entries.parts for call in run.calls(first, last))
        entries = entries.tail
    yield from (entry for entry in entries if entry.kind in KINDS_OF_CALLS)


class Piece(NamedTuple):
    """Entries that are next to each other.

    Attributes:
        ends: The end of each.
        entries: Makes them.
    """

    ends: Sequence[float]
    entries: Callable[[], Iterable[Entry]]


def pieces_backwards(entries: Sequence[Entry]) -> Iterator[Piece]:
    """Yield all entries in pieces, the newest piece first; packed ones are not made for it."""
    tail = entries.tail if isinstance(entries, Entries) else entries
    for end in range(len(tail), 0, -_PIECE):
        some = tail[max(0, end - _PIECE) : end]
        yield Piece(ends_of(some), partial(iter, some))
    if isinstance(entries, Entries):
        for number in reversed(range(len(entries.parts))):
            run, first, last = entries.parts[number]
            yield Piece(run.ends(first, last), partial(entries.of_part, number))


def newest_between(entries: Sequence[Entry], since_unix_s: float, upto_unix_s: float, number: int) -> list[Entry]:
    """Return the entries that ended within these bounds, in the order of the window.

    Args:
        entries: The window.
        since_unix_s: The earliest end.
        upto_unix_s: The latest end.
        number: How many there are; nothing older is looked at after so many.
    """
    found = list[list[Entry]]()
    for piece in pieces_backwards(entries):
        if number <= 0:
            break
        inside = [since_unix_s <= end <= upto_unix_s for end in piece.ends]
        if any(inside):
            found.append(list(compress(piece.entries(), inside)))
            number -= len(found[-1])
    return list(chain.from_iterable(reversed(found)))


def all_ends(entries: Iterable[Entry]) -> list[float]:
    """Return the end of each entry."""
    if not isinstance(entries, Entries):
        return ends_of(entries)
    of_parts = [run.ends(first, last) for run, first, last in entries.parts]
    return list(chain(*of_parts, ends_of(entries.tail)))


def newest_operations(entries: Sequence[Entry], number: int) -> list[list[Any]]:
    """Return what :func:`shown` does of so many of the newest operations with a finite duration, oldest first."""
    parts, tail = (entries.parts, entries.tail) if isinstance(entries, Entries) else ((), entries)
    backwards, found = reversed(tail), list[Entry]()
    while len(found) < number and (some := list(islice(backwards, number))):
        found += measured(some)
    columns = shown(found[:number][::-1])
    for run, first, last in reversed(parts):
        missing = number - len(columns[0])
        if not missing:
            break
        columns = [older[-missing:] + newer for older, newer in zip(run.shown(first, last), columns, strict=True)]
    return columns


def troubled_backwards(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield the entries that exceeded their threshold or failed, newest first."""
    parts, tail = (entries.parts, entries.tail) if isinstance(entries, Entries) else ((), entries)
    yield from filter(is_troubled, reversed(tail))
    for run, first, last in reversed(parts):
        for end in range(last, first, -_PIECE):
            yield from reversed(run.troubled(max(first, end - _PIECE), end))
