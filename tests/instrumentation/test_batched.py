"""Promises of :mod:`hydrochat_otel.instrumentation.batched`: work of one kind is fed together, and none is lost."""

import threading

from hydrochat_otel.instrumentation import batched
from hydrochat_otel.instrumentation.batched import Due, Kind
from hydrochat_otel.runtime import failures


class Fed(Kind):
    """Records what it is fed with."""

    def __init__(self, due, error=None):
        super().__init__(due)
        self.fed, self.error = [], error

    def feed(self, work):
        self.fed.append(work)
        if self.error is not None:
            raise self.error


def test_the_work_of_a_drain_is_fed_in_one_step():
    """Each kind gets its own work in order, once, and nothing before the flush."""
    due = Due()
    one, other = Fed(due), Fed(due)
    for number in range(3):
        one.take(number)
        other.take(-number)
    assert (one.fed, other.fed) == ([], [])
    due.flush()
    due.flush()
    assert (one.fed, other.fed) == ([[0, 1, 2]], [[0, -1, -2]])
    one.take(3)
    due.flush()
    assert one.fed[1:] == [[3]]


def test_several_are_taken_from_a_list_in_one_step():
    """Those that are taken are no longer in the list; they are fed in order with others, once."""
    due = Due()
    kind = Fed(due)
    work = [0, 1, 2, 3]
    kind.take_first(work, 3)
    kind.take(4)
    kind.take_first(work, 1)
    assert (work, kind.fed) == ([], [])
    due.flush()
    due.flush()
    assert kind.fed == [[0, 1, 2, 4, 3]]


def test_a_kind_that_fails_costs_only_its_own_work():
    """The failure is counted, the other kinds are fed, and the kind gets its next work."""
    due = Due()
    failing, sound = Fed(due, ValueError()), Fed(due)
    for kind in (failing, sound, failing):
        kind.take(1)
    due.flush()
    failing.take(2)
    due.flush()
    assert (failing.fed, sound.fed) == ([[1, 1], [2]], [[1]])
    assert failures.counts() == {"queue.record": 2}


def test_the_waiting_work_is_bounded(monkeypatch):
    """Beyond the limit a kind feeds itself, without a flush."""
    monkeypatch.setattr(batched, "_MOST_WAITING", 4)
    kind = Fed(Due())
    for number in range(5):
        kind.take(number)
    kind.take_first([5, 6], 2)
    kind.take_first([7, 8, 9], 3)
    assert kind.fed == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_threads_that_take_and_flush_lose_nothing():
    """While several threads take and flush, each piece of work is fed exactly once."""
    due = Due()
    kind = Fed(due)

    def work(first):
        for number in range(first, first + 2000):
            kind.take(number)
            if number % 7 == 0:
                due.flush()

    threads = [threading.Thread(target=work, args=(2000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    due.flush()
    assert sorted(number for fed in kind.fed for number in fed) == list(range(8000))


def test_a_forked_child_discards_the_work_of_its_parent():
    """What waited at the fork is the parent's; the child feeds what it takes itself."""
    due = Due()
    kind = Fed(due)
    kind.take(1)
    due._forget_parent()
    kind.take(2)
    due.flush()
    assert kind.fed == [[2]]
