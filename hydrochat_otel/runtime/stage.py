"""A stage: code that one thread at a time is in, and each thread once."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from hydrochat_otel.runtime.forks import Busy, ForkLock, Phase

_NEVER: Final = -1.0
"""Lock timeout that waits without limit."""

_Result = TypeVar("_Result")


class Stage:
    """Code that a thread can be in once: a second entry from inside is refused instead of waiting."""

    __slots__ = ("inside", "lock")

    def __init__(self) -> None:
        self.lock = ForkLock(Phase.QUEUE, reentrant=True)
        self.inside: set[int] = set()

    def run(self, work: Callable[[], _Result], timeout_s: float = _NEVER) -> _Result | None:
        """Do the work when this thread has the stage; not at all after the timeout, or if it is in the stage already.

        Whatever a signal handler raises, the stage is free afterwards.
        """
        if threading.get_ident() not in self.inside:
            with suppress(Busy), self.lock.within(timeout_s):
                return self.run_beside(work)
        return None

    def run_beside(self, work: Callable[[], _Result]) -> _Result:
        """Do the work in the stage beside other threads; takes no lock."""
        thread = threading.get_ident()
        try:
            self.inside.add(thread)
            return work()
        finally:
            self.inside.discard(thread)
