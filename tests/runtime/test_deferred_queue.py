"""Promises of :mod:`hydrochat_otel.runtime.deferred_queue`."""

import os
import threading

from hydrochat_otel.runtime import deferred_queue, failures
from hydrochat_otel.runtime.deferred_queue import DeferredQueue


def test_items_are_recorded_in_order_when_drained():
    """Draining calls each record with its arguments, first in first out, and empties the queue."""
    queue, seen = DeferredQueue(), []
    for number in range(3):
        queue.put((seen.append, number))
    assert seen == []
    queue.drain()
    assert (seen, len(queue)) == ([0, 1, 2], 0)


def test_a_failing_record_harms_no_other():
    """An exception inside a record is counted; the rest is recorded."""
    queue, seen = DeferredQueue(), []
    queue.put((lambda: 1 / 0,))
    queue.put((seen.append, "after"))
    queue.drain()
    assert (seen, failures.counts()) == (["after"], {"queue.record": 1})


def test_a_full_queue_is_recorded_by_its_producers():
    """Past the capacity the oldest items are recorded on the spot: the queue stays bounded and loses nothing."""
    queue, seen = DeferredQueue(capacity=64), []
    for number in range(1000):
        queue.put((seen.append, number))
        assert len(queue) <= 64
    queue.drain()
    assert seen == list(range(1000))


def test_many_threads_lose_nothing():
    """Sixteen producers beside a drainer: every item is recorded exactly once."""
    queue, seen = DeferredQueue(capacity=512), []

    def produce(first):
        for number in range(first, first + 2000):
            queue.put((seen.append, number))

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
    thread = queue._thread
    queue.put((seen.append, 1))
    queue.stop()
    assert (seen, thread.is_alive()) == ([1], False)


def test_a_forked_child_starts_empty_and_usable():
    """What waits at a fork is recorded once, in the parent; the child's queue works, its thread included."""
    queue, seen = DeferredQueue(), []
    queue.start()
    queue.put((seen.append, "parent"))
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        queue.put((seen.append, "child"))
        queue.drain()
        alive = queue._thread is not None and queue._thread.is_alive()
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
        queue.put((seen.append, 1))
    deferred_queue.drain_all()
    assert seen == [1, 1]
