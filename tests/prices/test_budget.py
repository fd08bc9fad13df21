"""Promises of :mod:`hydrochat_otel.prices.budget`."""

import os
import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from hydrochat_otel.prices import budget as spending
from hydrochat_otel.prices.budget import Spending, budget
from hydrochat_otel.runtime import deferred_queue
from hydrochat_otel.window.snapshot import Budget


def at(text, zone="UTC"):
    """Return the moment of a local time, in seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def spent(clock, *steps, timezone="UTC"):
    """Spend a dollar after each step of the clock, in seconds, and return the ledger."""
    ledger = Spending(timezone)
    for step_s in steps:
        clock.advance(step_s)
        ledger.add(1.0, clock.wall())
    return ledger


def test_midnight_parts_the_days(clock):
    """The last microsecond before midnight is the day before's, midnight itself the new day's."""
    clock.wall_s = at("2026-03-14T23:59:59")
    assert spent(clock, 0.0, 0.9999998, 0.0000002).days() == {"2026-03-14": 2.0, "2026-03-15": 1.0}


def test_a_day_is_the_time_zones():
    """What ended at 20:00 UTC is the next day's in Singapore and the same day's in New York."""
    moment = at("2026-03-14T20:00:00")
    for timezone, day in (("UTC", "14"), ("Asia/Singapore", "15"), ("America/New_York", "14")):
        ledger = Spending(timezone)
        ledger.add(2.5, moment)
        assert ledger.days() == {f"2026-03-{day}": 2.5}


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Africa/Cairo", "2026-04-24", 23),  # there midnight itself is left out
        ("Asia/Singapore", "2026-03-29", 24),
    ],
)
def test_a_day_of_any_length_is_one_day(clock, timezone, day, hours):
    """A dollar each quarter of an hour from midnight to midnight gives four for each hour that the day has."""
    clock.wall_s = at(f"{day}T12:00:00", timezone) - 24 * 3600
    ledger = spent(clock, *[900.0] * 4 * 48, timezone=timezone)
    assert ledger.days()[day] == 4.0 * hours


def test_two_months_are_kept(clock):
    """Three years of days end in this month's and the last one's, whatever their lengths."""
    clock.wall_s = at("2024-01-01T12:00:00")
    ledger = spent(clock, *[86400.0] * 1096)
    days = ledger.days()
    assert (len(days), min(days), max(days)) == (31 + 1, "2026-12-01", "2027-01-01")


def test_a_late_call_counts_where_it_ended():
    """A queue that drains after midnight of the first puts each call on the day of its end, in any order."""
    ledger = Spending()
    for moment in ("2026-03-01T00:00:01", "2026-02-28T23:59:59", "2026-03-01T00:00:02"):
        ledger.add(1.0, at(moment))
    assert ledger.days() == {"2026-02-28": 1.0, "2026-03-01": 2.0}


def test_a_clock_that_is_set_back_loses_nothing(clock):
    """Spending before and after a jump of the clock stays where it was, and a wrong century drops no current day."""
    clock.wall_s = at("2026-03-14T01:00:00")
    ledger = spent(clock, 0.0, -7200.0)
    assert ledger.days() == {"2026-03-13": 1.0, "2026-03-14": 1.0}
    ledger.add(1.0, at("2099-01-01T00:00:00"))
    ledger.add(1.0, at("2026-03-14T02:00:00"))
    ledger.add(1.0, at("2026-04-01T02:00:00"))
    assert ledger.days() == {"2026-03-13": 1.0, "2026-03-14": 2.0, "2026-04-01": 1.0}


def test_threads_add_up():
    """Eight threads lose no cent of each other's."""
    ledger = Spending()
    threads = [
        threading.Thread(target=lambda: [ledger.add(0.25, 1_750_000_000.0) for _ in range(2000)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.days() == {"2025-06-15": 4000.0}


def test_it_can_begin_anew():
    """After a reset nothing was spent."""
    ledger = Spending()
    ledger.add(1.0, 1_750_000_000.0)
    ledger.reset()
    assert ledger.days() == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_while_a_thread_adds_leaves_no_lock_behind():
    """A child that is forked while another thread of the parent is adding can add at once."""
    ledger = Spending()
    deferred_queue.drain_all()  # what other tests left would be added while the lock is held
    with spending._lock:
        child = os.fork()
        if child == 0:
            ledger.add(1.0, 1_750_000_000.0)
            os._exit(0 if ledger.days() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_unknown_zone_is_refused():
    """A name that is no time zone's raises."""
    with pytest.raises(ZoneInfoNotFoundError):
        Spending("Mars/Olympus")


# -- the budget ---------------------------------------------------------------------------------------------------

DAYS = {"2026-01-31": 5.0, "2026-02-01": 0.1, "2026-02-02": 0.2, "2026-02-28": 4.0}


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-31T23:59:59", Budget(5.0, 5.0, 10.0, 310.0)),
        ("2026-02-01T00:00:00", Budget(0.1, 4.3, 10.0, 280.0)),
        ("2026-02-27T12:00:00", Budget(0.0, 4.3, 10.0, 280.0)),
        ("2026-02-28T12:00:00", Budget(4.0, 4.3, 10.0, 280.0)),
        ("2026-03-01T00:00:00", Budget(0.0, 0.0, 10.0, 310.0)),
        ("2028-02-10T00:00:00", Budget(0.0, 0.0, 10.0, 290.0)),
    ],
)
def test_the_month_is_the_sum_of_its_days(moment, expected):
    """Today's and this month's dollars, and a month's budget of so much for each of its days, leap years included."""
    assert budget(DAYS, at(moment), day_usd=10.0) == expected


def test_midnight_is_that_of_the_settings():
    """The same moment is the last hour of January in UTC and the first day of February in Singapore."""
    moment = at("2026-01-31T20:00:00")
    assert budget(DAYS, moment, timezone="UTC") == Budget(5.0, 5.0, None, None)
    assert budget(DAYS, moment, timezone="Asia/Singapore") == Budget(0.1, 4.3, None, None)


def test_the_budget_over_a_month_that_is_stepped_through(clock):
    """A dollar each hour through a whole month in Berlin: today never exceeds its hours, the month ends with all."""
    timezone, zone = "Europe/Berlin", ZoneInfo("Europe/Berlin")
    ledger = Spending(timezone)
    clock.wall_s = at("2026-10-01T00:00:00", timezone)
    hours = 31 * 24 + 1
    for hour in range(hours):
        ledger.add(1.0, clock.wall())
        now = budget(ledger.days(), clock.wall(), timezone=timezone)
        since_midnight = datetime.fromtimestamp(clock.wall(), zone).replace(hour=0).timestamp()
        assert (now.spent_day_usd, now.spent_month_usd) == (1 + (clock.wall() - since_midnight) / 3600, hour + 1.0)
        clock.advance(3600)
    assert datetime.fromtimestamp(clock.wall(), zone) - timedelta(days=31) == datetime(2026, 10, 1, tzinfo=zone)
    assert budget(ledger.days(), clock.wall(), timezone=timezone) == Budget()
