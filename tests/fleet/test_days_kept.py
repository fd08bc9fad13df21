"""Days of calls, tokens and dollars are kept beyond the window for 430 days, whatever the state."""

from datetime import date, timedelta

import pytest
from fleet.in_memory_backend import InMemoryBackend, Store
from fleet.workers import Worker

from hydrochat_otel.fleet.backend import KEEP_S
from hydrochat_otel.fleet.bounds import Bounds
from hydrochat_otel.fleet.view import Own
from hydrochat_otel.prices.day_ledger import DayLedger
from hydrochat_otel.window import days
from hydrochat_otel.window.days import MAX_DAYS, DayCounts, DayKey

pytest_plugins = ["fleet.redis_fixtures"]
FIRST = date(2025, 1, 1)
MODELS, OUTCOMES = ("gemini-2.5-flash", "gemini-2.5-pro"), ("ok", "error")
ZONES = ("UTC", "America/Los_Angeles")
TENTH = 0.1 + 0.2


def a_year_and_more():
    """Return every bucket and the dollars of 430 days, by zone, model and outcome."""
    dates = [(FIRST + timedelta(days=number)).isoformat() for number in range(MAX_DAYS)]
    return {
        DayKey(zone, day, model, outcome): DayCounts(1, 2, 3, 4, 5, 6, TENTH, 7, 8, 9, 10, 11)
        for zone in ZONES
        for day in dates
        for model in MODELS
        for outcome in OUTCOMES
    }


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.real)])
def backend(request):
    """Return a backend of each kind."""
    if request.param == "memory":
        return InMemoryBackend(Store())
    if request.param == "sqlite":
        return request.getfixturevalue("make_sqlite")(Bounds())
    return request.getfixturevalue("connect")(request.getfixturevalue("shared")("alone").url, Bounds(), timeout_s=20.0)


class YearWorker(Worker):
    """A process that has counted for more than a year."""

    def collect(self):
        """Return the days beside the counters."""
        return Own(super().collect().families, {}, a_year_and_more() if self.count else {})


def test_a_year_survives_the_process_that_counted_it(backend):
    """Day, model, outcome, buckets and dollars of 430 days are read after their process left and was merged."""
    gone, reader = YearWorker(None, backend), YearWorker(None, backend)
    gone.work()
    gone.member.exchange(1e9, leaving=True)
    for _ in range(3):
        reader.member.exchange(1e9, read=True)
    read = days.merged(totals.days for totals in reader.member.view.totals)
    assert read == a_year_and_more()
    assert len({key.day for key in read}) == MAX_DAYS >= 400


def test_an_unused_state_is_kept_as_long_as_its_days():
    """A state that a service leaves alone is not dropped before its oldest day is."""
    assert KEEP_S >= MAX_DAYS * 86_400


def test_one_process_keeps_its_days_by_itself():
    """In memory, the newest 430 days of each zone stay, and older ones are dropped."""
    ledger = DayLedger()
    for number in range(MAX_DAYS + 20):
        ledger.add("gemini-2.5-flash", "ok", [(1_700_000_000 + number * 86_400, DayCounts(calls=1, cost_usd=TENTH))])
    for zone in {key.zone for key in ledger.days()}:
        by_day = days.by_day(ledger.days(), zone)
        assert len(by_day) == MAX_DAYS
        assert {counts.cost_usd for counts in by_day.values()} == {TENTH}
