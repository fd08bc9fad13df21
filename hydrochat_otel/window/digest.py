"""The digest: the window's sums, which follow the window instead of being computed from all of it for each view.

Between two polls of a view most entries stay. The digest holds the sums as of the last view and changes them by the
entries that left and arrived since, so a view costs what is new in it. Each sum is exact: a view shows the same digits
as if everything were added up again.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Final, NamedTuple, TypeVar

from hydrochat_otel.runtime import forks, process_globals
from hydrochat_otel.runtime.forks import Busy, ForkLock
from hydrochat_otel.window import differences, latest as latest_entries
from hydrochat_otel.window.ascending import Ascending
from hydrochat_otel.window.differences import Difference
from hydrochat_otel.window.entries import Entries, all_ends, newest_between
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.latest import Latest, Write
from hydrochat_otel.window.operation_sums import OperationSums, Window
from hydrochat_otel.window.summary import Headline, Summary, Tally, times_of
from hydrochat_otel.window.timelines import Calls, CallSums, places

_WAIT_S: Final = 0.2

_Result = TypeVar("_Result")


class StepSums(NamedTuple):
    """What ended in one step of a history."""

    operations: Summary
    calls: CallSums


def headline(entries: Sequence[Entry]) -> Headline:
    """Return count, mean, maximum and violations of the operations among entries."""
    return _read(entries, lambda digest: digest.whole.headline())


def violations(entries: Sequence[Entry], after_unix_s: float) -> int:
    """Return how many operations that ended later than a moment exceeded their threshold."""
    return _read(entries, lambda digest: digest.operations.violations(after_unix_s))


def windows(entries: Sequence[Entry], since_unix_s: Iterable[float]) -> list[Window]:
    """Return the summaries of the operations that ended at each of the moments or later."""
    moments = list(since_unix_s)
    return _read(entries, lambda digest: digest.operations.windows(moments))


def steps(entries: Sequence[Entry], start_unix_s: int, step_s: int, number: int) -> list[StepSums]:
    """Return the sums of so many steps of the same length; the first one begins at the start."""
    return _read(entries, lambda digest: digest.steps(start_unix_s, step_s, number))


def oldest_unix_s(entries: Sequence[Entry]) -> float | None:
    """Return the first end of all entries; None without entries."""
    return _read(entries, lambda digest: digest.ends.values[0] if digest.ends else None)


class Newest(NamedTuple):
    """The newest entries of a window.

    Attributes:
        entries: Those that ended at a moment or later, in the order of the window.
        since_unix_s: That moment.
        are_all: Whether no entry ended earlier.
    """

    entries: list[Entry]
    since_unix_s: float
    are_all: bool


def newest(entries: Sequence[Entry], number: int, upto_unix_s: float, ends: Sequence[float] | None = None) -> Newest:
    """Return at least so many of the newest entries that ended up to a moment; only newer ones are looked at.

    Args:
        entries: The window, or a part of it.
        number: How many, if there are as many.
        upto_unix_s: The moment, in seconds since the epoch.
        ends: The ascending ends of a part; None looks them up in the digest of the window.
    """
    if ends is None:
        since_unix_s, wanted, are_all = _read(entries, lambda digest: _bounds(digest.ends.values, number, upto_unix_s))
    else:
        since_unix_s, wanted, are_all = _bounds(ends, number, upto_unix_s)
    found = newest_between(entries, since_unix_s, upto_unix_s, wanted)
    return Newest(found, since_unix_s, are_all)


def latest(entries: Sequence[Entry], number: int, write: Write) -> latest_entries.Newest | None:
    """Return what :meth:`Latest.newest` returns of the window."""

    def read(digest: Digest) -> latest_entries.Newest | None:
        if digest.latest.is_exhausted:
            del digest.latest
        return digest.latest.newest(number, write)

    return _read(entries, read)


def _bounds(ends: Sequence[float], number: int, upto_unix_s: float) -> tuple[float, int, bool]:
    """Return the end of the last of so many ends up to a moment, their number, and whether there are no others."""
    last = bisect_right(ends, upto_unix_s)
    if last <= number:
        return -math.inf, last, True
    first = bisect_left(ends, ends[last - number])
    return ends[first], last - first, first == 0


class _Calls(Calls):
    def change(self, difference: Difference) -> None:
        """Remove and add the calls among entries."""
        self.remove(self.rows(difference.removed))
        self.add(self.rows(difference.added))


class _Whole(Tally):
    """The tally of all operations, which needs no timeline."""

    __slots__ = ()

    def change(self, difference: Difference) -> None:
        """Remove and add the operations among entries."""
        self.remove(times_of(difference.removed))
        self.add(times_of(difference.added))


class _Ends(Ascending):
    __slots__ = ()

    def change(self, difference: Difference) -> None:
        """Remove and add the ends of entries."""
        self.remove(all_ends(difference.removed))
        self.add(all_ends(difference.added))


class Digest:
    """The sums over one state of the window; each is computed when a view first asks for it, and followed from then on.

    Args:
        entries: The window.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = _held(entries)

    def follow(self, entries: Sequence[Entry]) -> bool:
        """Change the sums to those of another state of the window; False if a new digest costs less."""
        found = differences.between(self._entries, entries)
        if found is None:
            return False
        if found.removed or found.added:
            try:
                for part in (part for name, part in vars(self).items() if name in _PARTS):
                    part.change(found)
            except LookupError:
                return False
        self._entries = _held(entries)
        return True

    @cached_property
    def whole(self) -> _Whole:
        """The tally of all operations."""
        return _Whole(times_of(self._entries))

    @cached_property
    def operations(self) -> OperationSums:
        """The operations in the order of their ends."""
        return OperationSums(self._entries)

    @cached_property
    def calls(self) -> _Calls:
        """The calls in the order of their ends."""
        return _Calls(self._entries)

    @cached_property
    def ends(self) -> _Ends:
        """The ends of all entries."""
        return _Ends(all_ends(self._entries))

    @cached_property
    def latest(self) -> Latest:
        """The newest entries."""
        return Latest(self._entries)

    def steps(self, start_unix_s: int, step_s: int, number: int) -> list[StepSums]:
        """Return the sums of each step."""
        calls = self.calls
        of_calls = (calls.sums(*place) for place in places(calls.ends, start_unix_s, step_s, number))
        return list(map(StepSums, self.operations.steps(start_unix_s, step_s, number), of_calls))


def _held(entries: Sequence[Entry]) -> Sequence[Entry]:
    return entries.forgetful() if isinstance(entries, Entries) else entries


_PARTS: Final = frozenset({"whole", "operations", "calls", "ends", "latest"})


_UNCHANGING: Final = (tuple, Entries)
_kept: Final[dict[str, Digest]] = {}
_lock: Final = ForkLock()


def forget() -> None:
    """Let the next view add up everything; a forked child does, because its window is empty."""
    _kept.clear()


process_globals.register("digest", forget)
forks.register(forks.Phase.WINDOW, in_child=forget)


def _read(entries: Sequence[Entry], read: Callable[[Digest], _Result]) -> _Result:
    """Return what is read of the process's digest of these entries, or of a new one if another thread has it for long.

    The digest is out of its place while it changes. If an exception interrupts that, it is lost, and the next view adds
    up everything.
    """
    if not isinstance(entries, _UNCHANGING):
        entries = tuple(entries)  # what could change cannot be compared with later
    with suppress(Busy), _lock.within(_WAIT_S):
        digest = _kept.pop("digest", None)
        if digest is None or not digest.follow(entries):
            digest = Digest(entries)
        found = read(digest)
        _kept["digest"] = digest
        return found
    return read(Digest(entries))
