"""Promises of :mod:`hydrochat_otel.runtime.feeding`, for work that a queue feeds together."""

from itertools import chain
from typing import Any, NamedTuple

from hydrochat_otel.runtime import failures
from hydrochat_otel.runtime.deferred_queue import DeferredQueue


class Alone(NamedTuple):
    """Finished work that is fed by itself."""

    value: Any
    fed: Any

    def entry(self):
        """Return what the window keeps."""
        return self.value

    def feed(self):
        """Feed it."""
        self.fed.append(self.value)


class Counted(NamedTuple):
    """Finished work that is fed together with others of its class."""

    value: Any
    fed: Any
    stops_at: Any = None

    @classmethod
    def complete(cls, fields):
        """Return records of plain tuples."""
        return [cls(*one) for one in fields]

    @staticmethod
    def columns(waiting):
        """Return nothing: that there is such a function says that the window keeps the record itself."""
        raise NotImplementedError

    def feed(self):
        """Feed it alone."""
        if self.value == self.stops_at:
            raise ValueError
        self.fed.append([self.value])

    @staticmethod
    def feed_first(waiting, number):
        """Feed several together up to one that cannot be fed, and leave that one and the rest."""
        some = waiting[:number]
        values = [one.value for one in some]
        if some[0].stops_at in values:
            del values[values.index(some[0].stops_at) :]
        if values:
            some[0].fed.append(values)
        del waiting[: len(values)]
        if len(values) < number:
            raise ValueError


def test_work_of_one_class_is_fed_together():
    """Records that can be are fed in one step, in their order; others among them alone."""
    queue, fed, alone = DeferredQueue(), [], []
    for number in range(6):
        queue.put(Counted(number, fed))
        queue.put(Alone(number, alone))
    queue.drain()
    assert (fed, alone, len(queue)) == ([[0, 1, 2, 3, 4, 5]], [0, 1, 2, 3, 4, 5], 0)


def test_a_failure_among_work_that_is_fed_together_costs_one_item():
    """What a failed step leaves is fed one by one; the one that fails again is counted."""
    queue, fed = DeferredQueue(), []
    for number in range(5):
        queue.put(Counted(number, fed, 2))
    queue.drain()
    assert (fed, failures.counts()) == ([[0, 1], [3], [4]], {"queue.record": 1})


def test_fields_become_their_record():
    """A producer may put the fields of a record of the queue's class; the window and the instruments get the record."""
    kept, fed = [], []
    queue = DeferredQueue(keep=kept.extend, complete=Counted.complete)
    queue.put((0, fed, None))
    queue.put((1, fed, None))
    queue.put(Counted(2, fed))
    queue.settle()
    queue.put((3, fed, None))
    queue.drain()
    assert kept == [(number, fed, None) for number in range(4)]
    assert {type(one) for one in kept} == {Counted}
    assert list(chain.from_iterable(fed)) == [0, 1, 2, 3]


def test_a_failure_to_complete_one_costs_one_item():
    """Those that are together with it are completed alone."""
    kept, fed = [], []
    queue = DeferredQueue(keep=kept.extend, complete=Counted.complete)
    for fields in ((0, fed), (1,), (2, fed)):
        queue.put(fields)
    queue.drain()
    assert ([one.value for one in kept], fed, failures.counts()) == ([0, 2], [[0, 2]], {"retention": 1})


def test_a_full_queue_of_fields_is_recorded_by_its_producers():
    """Also before a record of the class was seen."""
    kept, fed = [], []
    queue = DeferredQueue(64, kept.extend, complete=Counted.complete)
    for number in range(200):
        queue.put((number, fed, None))
        assert len(queue) <= 64
    queue.drain()
    assert [one.value for one in kept] == list(chain.from_iterable(fed)) == list(range(200))
