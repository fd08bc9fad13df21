"""The outbox: entries of this process's window that wait to be published to the shared one."""

from collections import deque
from contextlib import suppress

from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.waiting import Waiting, entries_of_work


class Outbox:
    """Entries that wait to be published to a shared state; bounded: the oldest leave first and are counted.

    It holds as many entries as the shared window, so that what leaves could not have stayed there either.

    Attributes:
        waiting: The entries, and finished work whose entry is made when it is taken; the window appends to it where
            it must not call a function.
        taken: What :meth:`take` returned and whose caller has not recorded it yet.
    """

    def __init__(self, capacity: int) -> None:
        self.waiting: deque[Entry | Waiting] = deque()
        self.taken: tuple[Entry | Waiting, ...] = ()
        self.capacity = capacity
        self.dropped = 0

    def __bool__(self) -> bool:
        return bool(self.waiting or self.taken)

    def put(self, entry: Entry) -> None:
        """Add the newest entry; called with the lock of its window held."""
        self.waiting.append(entry)
        self.trim()

    def trim(self) -> None:
        """Drop the oldest entries if there are too many; called as :meth:`put`."""
        while len(self.waiting) > self.capacity:
            with suppress(IndexError):  # another thread took them
                self.waiting.popleft()
                self.dropped += 1

    def take(self) -> tuple[Entry, ...]:
        """Return what waits, oldest first; any thread may call, while others put.

        The entries stay in :attr:`taken` until the caller has them in its own record and empties it: an exception that
        a signal handler raises in between loses none.
        """
        empty: deque[Entry | Waiting] = deque()
        # No call, after which a handler or another thread could run.
        self.taken = (*self.taken, *self.waiting)
        self.waiting = empty
        return entries_of_work(self.taken)
