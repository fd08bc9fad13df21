"""The entries of a large window at one moment: a sequence that makes those in packed runs when they are read."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

from hydrochat_otel.window.columns import KINDS_OF_CALLS, OperationColumns, ends_of, operations
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.packed import Run


class Part(NamedTuple):
    """The entries of a run from one place on."""

    run: Run
    first: int

    def entries(self) -> list[Entry]:
        """Return the entries."""
        return self.run.entries(self.first, len(self.run))


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
        self._number = sum(part.run.number_of_entries(part.first) for part in self.parts) + len(self.tail)
        self._made: dict[int, list[Entry]] | None = {} if remembers else None

    def forgetful(self) -> "Entries":
        """Return the same sequence, without what was made and without remembering any of it."""
        return Entries(self.parts, self.tail, remembers=False)

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Entry]:
        for number in range(len(self.parts)):
            yield from self._of_part(number)
        yield from self.tail

    def __reversed__(self) -> Iterator[Entry]:
        yield from reversed(self.tail)
        for number in reversed(range(len(self.parts))):
            yield from reversed(self._of_part(number))

    def _of_part(self, number: int) -> list[Entry]:
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
        return tuple(self)[place]


def operations_of(entries: Iterable[Entry]) -> Iterator[OperationColumns]:
    """Yield the columns of the operations among entries; packed ones are not made for it."""
    if isinstance(entries, Entries):
        yield from (part.run.operations(part.first) for part in entries.parts)
        entries = entries.tail
    yield operations(entries)


def calls_of(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the calls and results among entries."""
    if isinstance(entries, Entries):
        yield from (call for part in entries.parts for call in part.run.calls(part.first))
        entries = entries.tail
    yield from (entry for entry in entries if entry.kind in KINDS_OF_CALLS)


def all_ends(entries: Iterable[Entry]) -> Iterator[float]:
    """Yield the end of each entry."""
    if isinstance(entries, Entries):
        yield from (end for part in entries.parts for end in part.run.ends(part.first))
        entries = entries.tail
    yield from ends_of(entries)
