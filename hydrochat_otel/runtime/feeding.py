"""Feeds finished work to its instruments, alone or together; what fails is counted and costs only itself."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any, Final, Protocol

from hydrochat_otel.runtime import failures, interruptions

_fed: Final = [0]
"""One number for the process; only its change matters, not the amount."""


class Finished(Protocol):
    """The frozen record of finished work.

    One whose class has `columns` is kept itself, others by their entry. Those whose class has `feed_first` are fed
    together: it feeds so many of the first in a list and removes them from it, or raises with those left in it.
    Those whose class has `prepare` compute together what their entries and feeding need.
    """

    def entry(self) -> Any:
        """Return its entry for the window; None for none."""

    def feed(self) -> None:
        """Feed it to the instruments."""


class Note:
    """Work that a finaliser ended: its record is made later."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Finished | None]) -> None:
        self.make = make


def move(source: deque[Any], target: Any, count: int) -> None:
    """Move so many of the oldest, or all, in one step of the interpreter: no signal handler runs in between."""
    if len(source) > count:
        with suppress(IndexError):
            target.extend(map(deque.popleft, repeat(source, count)))
    else:  # nothing is called until both are done
        target += source
        source.clear()


def completed(complete: Callable[[Sequence[Any]], list[Any]], some: Sequence[Any], kinds: set[type]) -> Any:
    """Return them with the records of plain tuples; None if that fails: each is completed alone then, and counted.

    Args:
        complete: Returns the records of several plain tuples.
        some: Records and plain tuples.
        kinds: Their types.
    """
    try:
        if len(kinds) == 1:
            return complete(some)
        made = iter(complete([one for one in some if type(one) is tuple]))
        return [next(made) if type(one) is tuple else one for one in some]
    except BaseException as error:
        interruptions.pass_on(error)
        return None


def prepare(some: Sequence[Any], kinds: set[type]) -> None:
    """Let those whose class can do it compute together what each of them would compute alone."""
    for kind in kinds:
        prepare_several = getattr(kind, "prepare", None)
        if prepare_several is not None:
            try:
                prepare_several(some if len(kinds) == 1 else [one for one in some if type(one) is kind])
            except BaseException as error:
                interruptions.pass_on(error)  # each computes it alone then, and is counted if it fails


def feed(finished: Finished) -> None:
    """Feed one piece of work."""
    _fed[0] += 1
    try:
        finished.feed()
    except BaseException as error:
        failures.note("queue.record", error)


def feed_next(some: list[Any]) -> None:
    """Feed the first, and remove it: in one moment if its class can, so that an interruption loses none."""
    one = some[0]
    feed_first = getattr(type(one), "feed_first", None)
    if feed_first is None:
        del some[0]
        feed(one)
        return
    _fed[0] += 1
    try:
        feed_first(some, 1)
    except BaseException as error:
        failures.note("queue.record", error)  # raises what interrupted it, and the next drain feeds it
        if some and some[0] is one:
            del some[0]


def feed_together(some: list[Any]) -> int:
    """Feed those whose class feeds several at once, and remove them from the list; return how many there were."""
    before, kinds = len(some), set(map(type, some))
    for kind in kinds:
        feed_first = getattr(kind, "feed_first", None)
        if feed_first is not None:
            theirs = some if len(kinds) == 1 else [one for one in some if type(one) is kind]
            if theirs is not some:
                some[:] = [*theirs, *[one for one in some if type(one) is not kind]]
            _fed[0] += 1
            try:
                feed_first(some, len(theirs))
            except BaseException as error:
                interruptions.pass_on(error)  # those that are left are fed alone, and counted if they fail
    return before - len(some)


def fed() -> int:
    """Return a number that changes whenever something was fed to the instruments."""
    return _fed[0]
