"""Processes that share a state in this process's memory: what each has counted, and what it sees of all."""

import itertools

import pytest
from fleet.in_memory_backend import InMemoryBackend

from hydrochat_otel import semconv
from hydrochat_otel.fleet.bounds import StateError
from hydrochat_otel.fleet.member import Member
from hydrochat_otel.fleet.view import Own
from hydrochat_otel.window.days import DayCounts, DayKey
from hydrochat_otel.window.snapshot import Family, HistogramPoint, NumberPoint
from hydrochat_otel.window.store import MetricsStore

_numbers = itertools.count()


class Worker:
    """A process: what it has counted, and its membership."""

    def __init__(self, store, backend=None, max_entries=1000, **options):
        self.number = next(_numbers)
        self.count = 0
        self.published = 0
        self.backend = backend or InMemoryBackend(store)
        self.window = MetricsStore(max_entries)
        self.member = Member(
            self.backend,
            self.collect,
            self.window.share(),
            refill=self.window.share,
            chance=lambda: 0.0,
            newborn_s=0.0,
            **options,
        )

    def collect(self):
        counter = Family(
            "calls", "counter", "", "", semconv.SCOPE, "", (NumberPoint({"worker": str(self.number)}, self.count),)
        )
        counts = (self.count, 0)
        times = Family("time", "histogram", "s", "", "x", "", (HistogramPoint({}, (1.0,), counts, self.count / 2),))
        return Own((counter, times), {}, {DayKey("UTC", "2025-06-15", "m", "ok"): DayCounts(cost_usd=self.count / 100)})

    def work(self, count=1):
        self.count += count

    def read(self, store, meanwhile=0):
        self.backend.meanwhile = lambda: self.work(meanwhile)
        self.member.exchange(store.now_s, read=True)
        self.backend.meanwhile = lambda: None
        return total(self.member.view)

    def publish(self, store, failing=None, **options):
        self.backend.failing = failing
        try:
            self.member.exchange(store.now_s, **options)
        except StateError:
            return False
        finally:
            self.backend.failing = None
        return True


def total(view):
    """The count of all workers, by counter, histogram and dollars: they must agree."""
    by_counter = sum(counts(view).values())
    by_histogram = sum(
        sum(point.counts)
        for totals in view.totals
        for family in totals.families
        if family.kind == "histogram"
        for point in family.points
    )
    by_spend = sum(
        counts.cost_usd for totals in view.totals for key, counts in totals.days.items() if key.zone == "UTC"
    )
    assert by_counter == by_histogram
    assert by_spend * 100 == pytest.approx(by_counter)
    return by_counter


def counts(view):
    """The count of each worker, by number."""
    counted = {}
    for totals in view.totals:
        for family in totals.families:
            if family.kind == "counter":
                for point in family.points:
                    number = int(point.attributes["worker"])
                    counted[number] = counted.get(number, 0) + point.value
    return counted
