"""The outbox: entries of this process's window that wait to be published to the shared one."""

from collections import deque

from hydrochat_otel.window.entry import Entry


class Outbox:
    """Entries that wait to be published to a shared state; bounded: the oldest leave first and are counted.

    It holds as many entries as the shared window, so that what leaves could not have stayed there either.
    """

    def __init__(self, capacity: int) -> None:
        self._waiting: deque[Entry] = deque()
        self.capacity = capacity
        self.dropped = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, entry: Entry) -> None:
        """Add the newest entry; called with the lock of its window held."""
        self._waiting.append(entry)
        if len(self._waiting) > self.capacity:
            self._waiting.popleft()
            self.dropped += 1

    def take(self) -> list[Entry]:
        """Remove and return what waits, oldest first; any thread may call, while others put."""
        taken = []
        for _ in range(len(self._waiting)):
            try:
                taken.append(self._waiting.popleft())
            except IndexError:  # put() made room
                break
        return taken
