"""Promises of :mod:`hydrochat_otel.prices.day_ledger`."""

import os
import threading
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from hydrochat_otel.prices import day_ledger
from hydrochat_otel.prices.day_ledger import DayLedger
from hydrochat_otel.runtime import deferred_queue
from hydrochat_otel.window import days
from hydrochat_otel.window.days import DayCounts, DayKey

DOLLAR = DayCounts(calls=1, cost_usd=1.0)


def at(text, zone="UTC"):
    """Return the moment of a local time, in seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def spent_by_day(ledger, zone="UTC"):
    """Return the dollars by day of one zone."""
    return {day: counts.cost_usd for day, counts in days.by_day(ledger.days(), zone).items()}


def spent(clock, *steps, timezone="UTC"):
    """Spend a dollar after each step of the clock, in seconds, and return the ledger."""
    ledger = DayLedger(timezone)
    for step_s in steps:
        clock.advance(step_s)
        ledger.add("m", "ok", [(clock.wall(), DOLLAR)])
    return ledger


def test_midnight_separates_the_days(clock):
    """The last microsecond before midnight is the day before's, midnight itself the new day's."""
    clock.wall_s = at("2026-03-14T23:59:59")
    found = spent(clock, 0.0, 0.9999998, 0.0000002)
    assert spent_by_day(found) == {"2026-03-14": 2.0, "2026-03-15": 1.0}


def test_a_day_depends_on_the_time_zone():
    """A call that ended at 04:00 UTC has different days in Singapore and New York; Google's two are kept as well."""
    ledger = DayLedger("Asia/Singapore")
    ledger.add("m", "ok", [(at("2026-03-14T20:00:00"), DOLLAR)])
    assert {key.zone: key.day for key in ledger.days()} == {
        "Asia/Singapore": "2026-03-15",
        "UTC": "2026-03-14",
        "America/Los_Angeles": "2026-03-14",
    }


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Africa/Cairo", "2026-04-24", 23),  # there midnight itself does not exist
        ("Asia/Singapore", "2026-03-29", 24),
    ],
)
def test_a_day_of_any_length_is_one_day(clock, timezone, day, hours):
    """A dollar each quarter of an hour from midnight to midnight gives four for each hour of the day."""
    clock.wall_s = at(f"{day}T12:00:00", timezone) - 24 * 3600
    ledger = spent(clock, *[900.0] * 4 * 48, timezone=timezone)
    assert spent_by_day(ledger, timezone)[day] == 4.0 * hours


def test_models_and_outcomes_are_rows_of_their_own():
    """Every number of a row adds up; rows differ by model and outcome."""
    ledger = DayLedger()
    counts = DayCounts(1, 10, 20, 30, 40, 50, 0.5, 1, 150, 1, 1, 7)
    for outcome in ("ok", "ok", "cancelled"):
        ledger.add("m", outcome, [(at("2026-03-14T20:00:00"), counts)])
    assert ledger.days()[DayKey("UTC", "2026-03-14", "m", "ok")] == DayCounts(
        2, 20, 40, 60, 80, 100, 1.0, 2, 300, 2, 2, 14
    )
    assert ledger.days()[DayKey("UTC", "2026-03-14", "m", "cancelled")] == counts


def test_more_than_a_year_is_kept_and_no_more(clock):
    """Of five hundred days the newest 430 are kept, in each zone."""
    ledger = spent(clock, *[86_400.0] * 500)
    for zone in ("UTC", "America/Los_Angeles"):
        assert len(spent_by_day(ledger, zone)) == days.MAX_DAYS == 430


def test_a_clock_that_is_set_back_loses_nothing(clock):
    """Spend before and after a jump of the clock stays where it was, and a wrong century drops no current day."""
    ledger = spent(clock, 0.0, 86_400.0 * 365 * 100, -86_400.0 * 365 * 100, -86_400.0)
    assert sum(spent_by_day(ledger).values()) == 4.0


def test_threads_add_up():
    """Eight threads that add at once lose nothing."""
    ledger = DayLedger()

    def work():
        for _ in range(500):
            ledger.add("m", "ok", [(0.0, DOLLAR)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spent_by_day(ledger) == {"1970-01-01": 4000.0}


def test_it_can_be_reset():
    """After a reset it is empty, and adding works."""
    ledger = DayLedger()
    ledger.add("m", "ok", [(0.0, DOLLAR)])
    ledger.reset()
    assert ledger.days() == {}
    ledger.add("m", "ok", [(0.0, DOLLAR)])
    assert spent_by_day(ledger) == {"1970-01-01": 1.0}


def test_a_fork_while_a_thread_adds_leaves_no_lock_behind():
    """A child that is forked while another thread holds the lock can add."""
    ledger = DayLedger()
    deferred_queue.drain_all()
    with day_ledger._lock:
        child = os.fork()
        if child == 0:
            ledger.add("m", "ok", [(0.0, DOLLAR)])
            os._exit(len(ledger.days()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


def test_an_unknown_zone_is_refused():
    """An unknown zone stops the start."""
    with pytest.raises(ZoneInfoNotFoundError):
        DayLedger("Mars/Olympus")
