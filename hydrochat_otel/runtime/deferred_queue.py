"""The deferred-recording queue: one append on the host's path, the instruments are fed when somebody collects.

A measurement costs several microseconds in the SDK and one append costs a tenth of one. Items wait here and are
recorded before every collection (by the callback of an observable instrument, so that every reader sees them), once a
second by a thread, at shutdown, at exit and before a fork. A full queue loses nothing: who adds to it records the
oldest items first.
"""

import threading
import time
import weakref
from collections import deque
from typing import Any, Final

from hydrochat_otel.runtime import failures, forks
from hydrochat_otel.runtime.forks import ForkLock, Phase

DRAIN_INTERVAL_S: Final = 1.0
_RELIEF_BATCH: Final = 2
_SPREAD_S: Final = 0.4
_LONGEST_PAUSE_S: Final = 0.005
_SHORTEST_PAUSE_S: Final = 0.0001


class DeferredQueue:
    """A bounded queue of measurements that wait to be recorded.

    An item is a tuple ``(record, *arguments)``; draining calls ``record(*arguments)``. Past the capacity each producer
    records two waiting items before it adds its own: sixteen threads that together outrun the draining thread pay for
    themselves, and none waits for another.
    """

    def __init__(self, capacity: int = 32768) -> None:
        self._items: deque[tuple[Any, ...]] = deque()
        self._capacity = capacity
        self._lock = ForkLock(Phase.QUEUE)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        _queues.add(self)
        forks.register(Phase.QUEUE, in_child=self._forget_parent)
        forks.register(Phase.THREADS, in_child=self._start_in_child)

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: tuple[Any, ...]) -> None:
        """Append one item ``(record, *arguments)``; never raises and never waits, any thread may call."""
        if len(self._items) >= self._capacity:
            self._record(_RELIEF_BATCH)
        self._items.append(item)

    def hand_over(self, item: tuple[Any, ...]) -> bool:
        """Append one item from a finaliser; False, and nothing done, where no thread drains.

        The garbage collector may run a finaliser while its thread holds any lock whatever, so nothing is recorded here.
        """
        if self._thread is None:
            return False
        self._items.append(item)
        return True

    def drain(self) -> None:
        """Record everything that waited when the call began; any thread may call, they take turns."""
        with self._lock:
            self._record(len(self._items))

    def drain_gently(self) -> None:
        """Record what waited when the call began, spread over time; for threads that nobody waits for.

        A thread of the host's needs the interpreter's lock for a moment, many times a request. While this one records
        without a pause, each of these times costs it up to a whole switch interval.
        """
        waiting = len(self._items)
        pause_s = min(_LONGEST_PAUSE_S, _SPREAD_S / max(1, waiting))
        for _ in range(waiting):
            with self._lock:
                self._record(1)
            if pause_s > _SHORTEST_PAUSE_S:
                time.sleep(pause_s)

    def start(self) -> None:
        """Start the thread that drains once a second; a second call does nothing."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="hydrochat-otel-drain", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and drain what is left; the queue stays usable."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            thread.join(timeout=5)
        self.drain()

    def _record(self, count: int) -> None:
        take = self._items.popleft
        for _ in range(count):
            try:
                record, *arguments = take()
            except IndexError:  # somebody else took the last one
                return
            try:
                record(*arguments)
            except Exception as error:
                failures.note("queue.record", error)

    def _run(self) -> None:
        while not self._stop.wait(DRAIN_INTERVAL_S):
            self.drain_gently()

    def _forget_parent(self) -> None:
        # What waits here was measured by the parent, which still has it and records it.
        self._items.clear()

    def _start_in_child(self) -> None:
        self._stop = threading.Event()
        if self._thread is not None:
            self._thread = None
            self.start()


_queues: Final[weakref.WeakSet[DeferredQueue]] = weakref.WeakSet()


def drain_all() -> None:
    """Drain every queue of the process; what the callback of an observable instrument calls before a collection."""
    for queue in list(_queues):
        queue.drain()


def drain_all_gently() -> None:
    """Drain every queue of the process, spread over time, before somebody collects who has it."""
    for queue in list(_queues):
        queue.drain_gently()
