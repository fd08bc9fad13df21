"""Promises of :mod:`hydrochat_otel.prices.budget`."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from prices.test_day_ledger import DOLLAR, at

from hydrochat_otel.prices.budget import budget
from hydrochat_otel.prices.day_ledger import DayLedger
from hydrochat_otel.window.days import DayCounts, DayKey, Missing

SPENT = {"2026-01-31": 5.0, "2026-02-01": 0.1, "2026-02-02": 0.2, "2026-02-28": 4.0}
DAYS = {
    DayKey(zone, day, "m", "ok"): DayCounts(calls=2, cost_usd=usd, unpriced_calls=1, unpriced_tokens=7)
    for day, usd in SPENT.items()
    for zone in ("UTC", "Asia/Singapore")
}


def amounts(of):
    """The dollars of a budget."""
    return (of.spent_day_usd, of.spent_month_usd, of.day_usd, of.month_usd)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-31T23:59:59", (5.0, 5.0, 10.0, 310.0)),
        ("2026-02-01T00:00:00", (0.1, 4.3, 10.0, 280.0)),
        ("2026-02-27T12:00:00", (0.0, 4.3, 10.0, 280.0)),
        ("2026-02-28T12:00:00", (4.0, 4.3, 10.0, 280.0)),
        ("2026-03-01T00:00:00", (0.0, 0.0, 10.0, 310.0)),
        ("2028-02-10T00:00:00", (0.0, 0.0, 10.0, 290.0)),
    ],
)
def test_the_month_is_the_sum_of_its_days(moment, expected):
    """Today's and this month's dollars, and a month's budget of so much for each of its days, leap years included."""
    assert amounts(budget(DAYS, at(moment), day_usd=10.0)) == expected


def test_midnight_is_that_of_the_settings():
    """The same moment is the last hour of January in UTC and the first day of February in Singapore."""
    moment = at("2026-01-31T20:00:00")
    assert amounts(budget(DAYS, moment, timezone="UTC")) == (5.0, 5.0, None, None)
    assert amounts(budget(DAYS, moment, timezone="Asia/Singapore")) == (0.1, 4.3, None, None)


def test_the_budget_says_what_it_cannot_see():
    """Calls and tokens without a price stand beside the dollars of the day and of the month."""
    found = budget(DAYS, at("2026-02-01T12:00:00"))
    assert (found.missing_day, found.missing_month) == (Missing(1, 7), Missing(3, 21))


def test_the_budget_over_a_month_that_is_stepped_through(clock):
    """A dollar each hour through a whole month in Berlin: today never exceeds its hours, the month ends with all."""
    timezone, zone = "Europe/Berlin", ZoneInfo("Europe/Berlin")
    ledger = DayLedger(timezone)
    clock.wall_s = at("2026-10-01T00:00:00", timezone)
    hours = 31 * 24 + 1
    for hour in range(hours):
        ledger.add("m", "ok", [(clock.wall(), DOLLAR)])
        now = budget(ledger.days(), clock.wall(), timezone=timezone)
        since_midnight = datetime.fromtimestamp(clock.wall(), zone).replace(hour=0).timestamp()
        assert (now.spent_day_usd, now.spent_month_usd) == (1 + (clock.wall() - since_midnight) / 3600, hour + 1.0)
        clock.advance(3600)
    assert datetime.fromtimestamp(clock.wall(), zone) - timedelta(days=31) == datetime(2026, 10, 1, tzinfo=zone)
    assert amounts(budget(ledger.days(), clock.wall(), timezone=timezone)) == (0.0, 0.0, None, None)
