"""The queue of finished work: one append on the host's path; entries and metrics are made from it later.

Two stages, because they may wait for different things. *Settling* stores the entries of finished work; it runs only our
own code, so that a reader of the window can always do it. *Feeding* records the metrics, which takes locks of the SDK.
Feeding happens before each collection of our reader, in the callback of an observable instrument for other readers,
once a second in a thread, at shutdown, at exit and before a fork. A full queue loses nothing: the oldest items are fed
first, by its producer, or by the queue's thread if a signal handler could interrupt the producer.

No stage waits for itself: a signal handler or finaliser that runs while its own thread settles or feeds returns at
once, and the interrupted stage continues.
"""

import functools
import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from hydrochat_otel.runtime import failures, feeding, forks
from hydrochat_otel.runtime.feeding import Finished, Note, move
from hydrochat_otel.runtime.forks import Phase
from hydrochat_otel.runtime.stage import Stage
from hydrochat_otel.runtime.worker import Worker

DRAIN_INTERVAL_S: Final = 1.0
_RELIEF_BATCH: Final = 2
_RELIEF_S: Final = 0.05
"""How long the main thread waits for the queue's thread to relieve a full queue, before it appends anyway.

It does not wait again until that request is served: the thread may be stuck in the SDK for long.
"""
_MOST_NOTES: Final = 4
"""The most items, in capacities, while a finaliser or handler adds to a queue that cannot be fed."""
_SMALLEST_BATCH: Final = 16
_STRETCH_S: Final = 0.001
"""How long the queue's thread feeds more than the smallest batch without a pause."""
_PIECE: Final = 256
"""The most items that are fed together."""
_SETTLED_PIECE: Final = 4 * _PIECE
"""The most items that are settled together, which takes less."""
_MOST_PAUSES: Final = 200
_PAUSE_S: Final = 0.002
_SETTLE_S: Final = 1.0
"""How long a reader of the window waits for the queue's thread before it settles itself."""
_DRAIN_S: Final = 30.0
"""The limit of a drain without one of its own, as that of the SDK's flush."""

_Arrived = Finished | Note | tuple[Any, ...]


class DeferredQueue:
    """A bounded queue of finished work.

    Beyond capacity each producer records two queued items itself before it adds its own: back-pressure without
    blocking. For the main thread, in which signal handlers run, the queue's thread records a batch: an exception
    that a handler raises can then not leave an item half recorded.

    Args:
        capacity: The most items that wait before producers help.
        keep: Takes the entries of several items, oldest first, and may remove them from the list: what an exception of
            the host's leaves in it is there at the next call. None discards them.
        fed: Called after several items were fed; never raises.
        complete: Returns the records of several plain tuples, which producers may put because they take them less.

    Attributes:
        arrived: What was put and is not settled.
        room: While fewer have arrived, a producer that must not call a function may append to them.
    """

    def __init__(
        self,
        capacity: int = 32768,
        keep: Callable[[list[Any]], None] | None = None,
        fed: Callable[[], None] | None = None,
        complete: Callable[[Sequence[Any]], list[Any]] = list,
    ) -> None:
        self.arrived: deque[_Arrived] = deque()
        self._being_settled: deque[_Arrived] = deque()  # what an interrupted settling leaves is next
        self._being_kept: list[Any] = []
        self._settled: deque[Finished] = deque()
        self._being_fed: list[Finished] = []
        self._capacity = self.room = capacity
        self._complete = complete
        self._keep = keep
        self._kept_whole: set[type] = set()
        self._fed = fed
        self._settling = Stage()
        self._feeding = Stage()
        self._worker = Worker("hydrochat-otel-drain", DRAIN_INTERVAL_S, self.drain_gently, component="queue.drain")
        self._is_started = False
        self._is_relief_due = self._holds_back = False
        _queues.add(self)
        forks.register(Phase.QUEUE, in_child=self._forget_parent)
        forks.register(Phase.THREADS, in_child=self._start_in_child)

    def __len__(self) -> int:
        return len(self.arrived) + len(self._being_settled) + len(self._settled) + len(self._being_fed)

    def put(self, finished: Finished | tuple[Any, ...]) -> None:
        """Append one record; takes no lock and waits for nothing unless the queue is full. Any thread may call."""
        if len(self.arrived) < self.room or self._relieve():
            self.arrived.append(finished)

    def put_kept(self, finished: Finished) -> None:
        """Append one record whose entry is already stored; as :meth:`put`."""
        if len(self) < self._capacity or self._relieve():
            self._settled.append(finished)
            self._make_room()

    def note(self, make: Callable[[], Finished | None]) -> None:
        """Append work from a finaliser: the collector may run it while its thread holds any lock.

        Args:
            make: Makes the record later, in another thread; None from it means nothing to record.
        """
        if len(self) < _MOST_NOTES * self._capacity:
            self.arrived.append(Note(make))

    def settle(self) -> None:
        """Store the entries of all queued items; runs only our own code. Any thread may call, they take turns."""
        waits = self.arrived or self._being_settled or self._being_kept or self._settling.inside
        if waits and not self._worker.do(self._take_turn, _SETTLE_S, urgent=True):
            self._take_turn()

    def drain(self, timeout_s: float | None = None) -> None:
        """Settle and feed everything that waited when the call began; any thread may call, they take turns.

        The queue's thread does it while the caller waits: an exception that a signal handler raises in the caller can
        then not leave a record half fed. Without that thread the caller does it.

        Args:
            timeout_s: The longest duration; the rest waits for the next drain. None for half a minute.
        """
        self.settle()
        if not (self._unfed() or self._feeding.inside):
            return
        limit_s = _DRAIN_S if timeout_s is None else timeout_s
        deadline_s = time.monotonic() + limit_s

        def feed() -> None:
            self._feeding.run(lambda: self._feed(self._unfed(), deadline_s), limit_s)

        if self._worker.is_elsewhere:
            self._worker.do(feed, limit_s)
        else:
            feed()

    def drain_gently(self) -> None:
        """Drain what waited when the call began in batches, with pauses; for threads whose result is not awaited.

        Each time that a thread of the host's needs the interpreter's lock, it waits a switch interval for one of ours.
        """
        self._is_relief_due = False  # also if a handler raised before the request reached the thread
        self.settle()
        waiting = self._unfed()
        least = max(_SMALLEST_BATCH, waiting // _MOST_PAUSES)
        while waiting > 0:
            until_s = time.monotonic() + _STRETCH_S
            fed = self._feeding.run(functools.partial(self._feed, waiting, until_s, least))
            waiting -= fed or waiting  # the rest, if nothing is left or this thread is feeding
            self._worker.serve()
            if waiting > 0:
                time.sleep(_PAUSE_S)

    def start(self) -> None:
        """Start the thread that drains once a second; a second call does nothing."""
        if not self._is_started:
            self._is_started = True
            self._worker.start()

    def stop(self) -> None:
        """End the thread and drain what is left; the queue stays usable."""
        self._worker.stop()
        self.drain()

    def _unfed(self) -> int:
        """Return how many are left to feed; one more if an interrupted feeding holds values back."""
        return len(self._settled) + len(self._being_fed) + self._holds_back

    def _make_room(self) -> None:
        """State how many may arrive besides those that are settled; it is stated again when their number changes."""
        self.room = self._capacity - len(self._settled) - len(self._being_fed)

    def _take_turn(self) -> None:
        self._settling.run(lambda: self._settle(len(self.arrived)))

    def _settle(self, count: int) -> None:
        some, entries = self._being_settled, self._being_kept
        try:
            while some or count > 0:
                if not some:
                    move(self.arrived, some, min(count, _SETTLED_PIECE))
                    count -= len(some)
                    if not some:  # a full queue's producer took the last one
                        return
                self._settle_some(some, entries)
        finally:
            self._make_room()
            self._keep_all(entries)

    def _settle_some(self, some: deque[_Arrived], entries: list[Any]) -> None:
        """Move records to the settled ones, and what is kept of them to the entries."""
        settled, kept_whole, kinds = self._settled, self._kept_whole, set(map(type, some))
        records: Any = some
        if tuple in kinds and (completed := feeding.completed(self._complete, some, kinds)):
            records, kinds = completed, set(map(type, completed))
        if kinds <= kept_whole:
            # Nothing is called until both are done: after a call a signal handler could raise.
            settled += records
            entries += records
            some.clear()
        feeding.prepare(some, kinds)
        while some:
            finished: Any = some.popleft()
            if type(finished) in kept_whole:
                entries.append(finished)
                settled.append(finished)
            elif (made := self._made(finished, entries)) is not None:
                settled.append(made)

    def _made(self, finished: Any, entries: list[Any]) -> Finished | None:
        """Return the record and add its entry; None if there is nothing to feed."""
        made: Finished | None = None
        try:
            if type(finished) is tuple:
                [made] = self._complete([finished])
            else:
                made = finished.make() if isinstance(finished, Note) else finished
            if made is None or self._keep is None:
                return made
            if hasattr(made, "columns"):
                self._kept_whole.add(type(made))
                entries.append(made)
            elif (entry := made.entry()) is not None:
                entries.append(entry)
        except BaseException as error:
            failures.note("retention", error)
        return made

    def _keep_all(self, entries: list[Any]) -> None:
        if entries and self._keep is not None:
            try:
                self._keep(entries)
            except BaseException as error:
                failures.note("retention", error)
            del entries[:]

    def _feed(self, count: int, until_s: float = math.inf, least: int = 0) -> int:
        """Feed so many of the oldest, but after the moment no more than `least`; return how many were fed."""
        some, fed, self._holds_back = self._being_fed, 0, True
        try:
            while fed < count and (fed < least or time.monotonic() <= until_s):
                if some:
                    fed += 1
                    feeding.feed_next(some)
                else:
                    move(self._settled, some, min(count - fed, _PIECE))
                    if not some:
                        break
                    fed += feeding.feed_together(some)
                self._worker.serve()
        finally:
            self._make_room()
            if self._fed is not None:
                self._fed()
        self._holds_back = False
        return fed

    def _relieve(self) -> bool:
        """Feed the oldest items; False if this thread was interrupted in feeding and the queue is far too long.

        Runs beside the draining thread, without a lock: producers do not wait for each other.
        """
        thread, is_too_long = threading.get_ident(), len(self) >= _MOST_NOTES * self._capacity
        if thread in self._feeding.inside:
            return not is_too_long
        if thread == threading.main_thread().ident and self._worker.is_elsewhere:
            if not self._is_relief_due:
                self._is_relief_due = True
                self._worker.do(self._feed_batch, _RELIEF_S, urgent=True)
            if not (self._is_relief_due and is_too_long):
                return True
        self._feeding.run_beside(self._feed_oldest)
        return True

    def _feed_batch(self) -> None:
        self._is_relief_due = False
        if threading.get_ident() in self._feeding.inside:  # it serves this request between two items of a drain
            self._feed_oldest(_SMALLEST_BATCH)
        else:
            self._feeding.run_beside(lambda: self._feed_oldest(_SMALLEST_BATCH))

    def _feed_oldest(self, count: int = _RELIEF_BATCH) -> None:
        for _ in range(count):
            try:
                feeding.feed(self._settled.popleft())
            except IndexError:
                self._relieve_of_arrived()
        self._make_room()

    def _relieve_of_arrived(self) -> None:
        entries: list[Any] = []
        with suppress(IndexError):
            if (finished := self._made(self.arrived.popleft(), entries)) is not None:
                feeding.feed(finished)
        self._keep_all(entries)

    def _forget_parent(self) -> None:
        # The parent measured these items; it still has them and records them.
        self.arrived.clear()
        self._being_settled.clear()
        self._being_kept.clear()
        self._settled.clear()
        self._being_fed.clear()
        self._settling.inside.clear()
        self._feeding.inside.clear()
        self._make_room()
        self._is_relief_due = self._holds_back = False

    def _start_in_child(self) -> None:
        if self._is_started:
            self._worker.start()


_queues: Final[weakref.WeakSet[DeferredQueue]] = weakref.WeakSet()


def settle_all() -> None:
    """Settle every queue of the process; a reader of the window calls this first."""
    for queue in list(_queues):
        queue.settle()


def drain_all(timeout_s: float | None = None) -> None:
    """Drain every queue of the process, within the timeout each; called before a collection."""
    for queue in list(_queues):
        queue.drain(timeout_s)


def drain_all_gently() -> None:
    """Drain all queues of the process gradually, off the collection path."""
    for queue in list(_queues):
        queue.drain_gently()
