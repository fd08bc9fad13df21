"""Promises of :mod:`hydrochat_otel.runtime.deferred_queue`."""

import gc
import os
import signal
import threading
from typing import Any, NamedTuple

from hydrochat_otel.runtime import deferred_queue, failures
from hydrochat_otel.runtime.deferred_queue import DeferredQueue


class Done(NamedTuple):
    """Finished work with one value."""

    value: Any
    record: Any = id

    def entry(self):
        """Return what the window keeps."""
        return self.value

    def feed(self):
        """Record it."""
        self.record(self)


def into(seen, value):
    """An item whose feeding appends the value."""
    return Done(value, lambda done: seen.append(done.value))


def test_items_are_recorded_in_order_when_drained():
    """Draining feeds each record, first in first out, and empties the queue."""
    queue, seen = DeferredQueue(), []
    for number in range(3):
        queue.put(into(seen, number))
    assert seen == []
    queue.drain()
    assert (seen, len(queue)) == ([0, 1, 2], 0)


def test_a_failing_record_harms_no_other():
    """An exception inside a record is counted; the rest is recorded."""
    queue, seen = DeferredQueue(), []
    queue.put(Done(0, lambda _: 1 / 0))
    queue.put(into(seen, "after"))
    queue.drain()
    assert (seen, failures.counts()) == (["after"], {"queue.record": 1})


def test_a_full_queue_is_recorded_by_its_producers():
    """Beyond the capacity the oldest items are recorded at once: the queue stays bounded and loses nothing."""
    queue, seen = DeferredQueue(capacity=64), []
    for number in range(1000):
        queue.put(into(seen, number))
        assert len(queue) <= 64
    queue.drain()
    assert seen == list(range(1000))


def test_a_full_queue_waits_once_for_a_thread_that_is_stuck():
    """The main thread asks for relief, waits briefly, and appends without waiting until the thread has served that."""
    queue, seen = DeferredQueue(capacity=64), []
    stuck, free = threading.Event(), threading.Event()

    def hold(_):
        stuck.set()
        assert free.wait(60)

    queue.start()
    queue.put(Done(-1, hold))
    assert stuck.wait(60)
    for number in range(200):
        queue.put(into(seen, number))
    assert (queue._worker._requests.qsize(), seen) == (1, [])
    free.set()
    queue.stop()
    assert sorted(seen) == list(range(200))


def test_many_threads_lose_nothing():
    """Sixteen producers beside a drainer: every item is recorded exactly once."""
    queue, seen = DeferredQueue(capacity=512), []

    def produce(first):
        for number in range(first, first + 2000):
            queue.put(into(seen, number))

    threads = [threading.Thread(target=produce, args=(n * 2000,)) for n in range(16)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        queue.drain()
    queue.drain()
    assert sorted(seen) == list(range(32_000))


def test_stop_drains_what_is_left():
    """A stopped queue has recorded everything and its thread is gone."""
    queue, seen = DeferredQueue(), []
    queue.start()
    thread = queue._worker.thread
    queue.put(into(seen, 1))
    queue.stop()
    assert (seen, thread.is_alive()) == ([1], False)


def test_a_forked_child_starts_empty_and_usable():
    """Items that wait at a fork are recorded once, in the parent; the child's queue works, its thread included."""
    queue, seen = DeferredQueue(), []
    queue.start()
    queue.put(into(seen, "parent"))
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        queue.put(into(seen, "child"))
        queue.drain()
        alive = queue._worker.thread is not None and queue._worker.thread.is_alive()
        os.write(write_end, f"{seen} {alive}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read_end, 100) == b"['child'] True"
    queue.drain()
    assert seen == ["parent"]
    queue.stop()


def test_drain_all_reaches_every_queue():
    """One call before a collection empties all queues of the process."""
    queues, seen = [DeferredQueue(), DeferredQueue()], []
    for queue in queues:
        queue.put(into(seen, 1))
    deferred_queue.drain_all()
    assert seen == [1, 1]


def test_settling_keeps_entries_and_feeds_nothing():
    """A reader of the window gets every entry that was put before, once, while the metrics still wait."""
    kept, seen = [], []
    queue = DeferredQueue(keep=kept.extend)
    queue.put(into(seen, 1))
    queue.settle()
    queue.settle()
    assert (kept, seen) == ([1], [])
    queue.drain()
    assert (kept, seen) == ([1], [1])


def test_a_note_becomes_its_record_when_settled():
    """The settling thread makes a finaliser's note into a record; a note of nothing is dropped."""
    kept, seen = [], []
    queue = DeferredQueue(keep=kept.extend)
    queue.note(lambda: into(seen, 1))
    queue.note(lambda: None)
    assert kept == []
    queue.drain()
    assert (kept, seen) == ([1], [1])


def test_work_whose_entry_is_kept_already_is_only_fed():
    """Its entry is not added to the window twice."""
    kept, seen = [], []
    queue = DeferredQueue(keep=kept.extend)
    queue.put_kept(into(seen, 1))
    queue.drain()
    assert (kept, seen) == ([], [1])


def test_a_drain_inside_a_drain_returns():
    """A signal handler that drains while its own thread drains returns at once, and nothing is lost or doubled."""
    queue, seen = DeferredQueue(), []

    def feed(done):
        signal.raise_signal(signal.SIGUSR1)
        seen.append(done.value)

    before = signal.signal(signal.SIGUSR1, lambda *_: queue.drain())
    try:
        for number in range(3):
            queue.put(Done(number, feed))
        queue.drain()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [0, 1, 2]


def test_a_note_from_the_collector_while_settling_is_kept():
    """A finaliser may run at any line of the thread that settles: its note waits for the next settling."""
    kept = []
    queue = DeferredQueue(keep=lambda entries: (gc.collect(), kept.extend(entries)))

    class Dropped:
        def __init__(self):
            self.me = self

        def __del__(self):
            queue.note(lambda: Done("dropped"))

    Dropped()
    queue.put(into([], "put"))
    queue.settle()
    queue.settle()
    assert kept == ["put", "dropped"]


def test_a_full_queue_in_a_handler_waits_for_nothing():
    """A producer that interrupts the feeding thread itself appends beyond the capacity instead of waiting."""
    queue, seen = DeferredQueue(capacity=64), []

    def feed(_):
        for number in range(100):
            queue.put(into(seen, number))

    queue.put(Done(0, feed))
    queue.drain()
    queue.drain()
    queue.drain()
    assert seen == list(range(100))


def test_another_librarys_reader_waits_for_a_limited_time():
    """While another thread feeds, a drain with a time limit returns."""
    queue, entered, leave = DeferredQueue(), threading.Event(), threading.Event()
    queue.put(Done(0, lambda _: (entered.set(), leave.wait(10))))
    feeding = threading.Thread(target=queue.drain)
    feeding.start()
    assert entered.wait(10)
    queue.drain(0.01)
    assert feeding.is_alive()
    leave.set()
    feeding.join(10)
    assert not feeding.is_alive()


def test_held_back_values_are_fed_after_each_batch():
    """The queue reports that it has fed several records, also if one of them failed."""
    seen = []
    queue = DeferredQueue(fed=lambda: seen.append("fed"))
    queue.put(Done(0, lambda _: 1 / 0))
    queue.put(into(seen, 1))
    queue.drain()
    assert seen == [1, "fed"]


def test_an_interrupted_drain_leaves_the_rest_to_the_next_one():
    """Without a thread, what a handler's exception interrupts is neither lost nor fed twice."""
    queue, seen, raised = DeferredQueue(), [], []

    def feed(done):
        seen.append(done.value)
        if done.value in {3, 7}:
            raise KeyboardInterrupt

    for number in range(10):
        queue.put(Done(number, feed))
    for _ in range(3):
        try:
            queue.drain()
        except KeyboardInterrupt:
            raised.append(len(queue))
    assert (seen, raised, len(queue)) == (list(range(10)), [6, 2], 0)


def test_work_that_is_settled_takes_the_place_of_work_that_arrives():
    """The capacity is that of both together, also after entries were read and before metrics are."""
    queue, seen = DeferredQueue(capacity=64), []
    for number in range(300):
        queue.put(into(seen, number))
        if number % 10 == 0:
            queue.settle()
        assert len(queue) <= 64
    queue.drain()
    assert seen == list(range(300))
