"""Promises of :mod:`hydrochat_otel.prices.forecast`."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from hydrochat_otel.prices.forecast import forecast

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)  # a Monday


def days_before(count, usd=lambda day: 1.0, today=NOON):
    """Return the spend of this many days before today, by ISO date."""
    days = [today.date() - timedelta(days=back) for back in range(1, count + 1)]
    return {day.isoformat(): usd(day) for day in days}


def test_an_even_pace_continues():
    """A dollar a day is thirty at the end of June: the past, half of today and the fifteen days to come."""
    found = forecast(days_before(20) | {"2026-06-15": 0.5}, NOON)
    assert found.month_usd == pytest.approx(14 + 0.5 + 0.5 + 15)
    assert (found.low_usd, found.high_usd) == (found.month_usd, found.month_usd)


def test_each_weekday_has_its_own_pace():
    """If weekends cost nothing, the days to come cost what their weekdays cost."""
    found = forecast(days_before(20, lambda day: 10.0 if day.weekday() < 5 else 0.0), NOON)
    assert found.month_usd == pytest.approx(100 + 5 + 110)  # ten days, half of Monday, eleven days
    assert found.low_usd < found.month_usd < found.high_usd


@pytest.mark.parametrize(("today", "left"), [("2026-03-29", 12 / 23), ("2026-10-25", 12 / 25), ("2026-10-24", 0.5)])
def test_a_day_on_which_the_clock_is_changed_has_another_length(today, left):
    """At noon less than half of a day of 25 hours is left, and more than half of one of 23."""
    noon = datetime.fromisoformat(f"{today}T12:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    days_to_come = 31 - noon.day
    found = forecast(days_before(40, today=noon), noon)
    assert found.month_usd == pytest.approx(noon.day - 1 + left + days_to_come)


def test_a_month_that_outgrows_its_budget_names_the_day():
    """The first day whose end is at or above the budget; None if the budget lasts; a past day if it is spent."""
    spent = days_before(20)
    assert forecast(spent, NOON, 22.0).spent_on == "2026-06-23"
    assert forecast(spent, NOON, 22.6).spent_on == "2026-06-24"
    assert forecast(spent, NOON, 40.0).spent_on is None
    assert forecast(spent, NOON, 5.0).spent_on == "2026-06-05"


def test_without_a_whole_day_there_is_no_forecast():
    """The first day may be incomplete, so on the first and the second day there is no forecast."""
    assert forecast({}, NOON) is None
    assert forecast({"2026-06-15": 3.0}, NOON) is None
    assert forecast(days_before(1), NOON) is None
    assert forecast(days_before(2), NOON).month_usd == pytest.approx(2 + 0.5 + 15)
    assert forecast(days_before(9) | {"2026-06-14": float("inf")}, NOON) is None


@settings(deadline=None)
@given(
    st.dictionaries(st.dates(date(2026, 4, 1), date(2026, 6, 15)).map(date.isoformat), st.floats(0, 1e6), max_size=40),
    st.datetimes(datetime(2026, 6, 15), datetime(2026, 6, 30, 23, 59, 59)),  # noqa: DTZ001 - zones come with `timezones`
)
def test_a_forecast_is_at_least_what_is_spent(spent, now):
    """Whatever was spent: spent <= low <= expected <= high."""
    found = forecast(spent, now.replace(tzinfo=UTC), 100.0)
    so_far = sum(usd for day, usd in spent.items() if day.startswith("2026-06"))
    if found is not None:
        assert so_far * (1 - 1e-9) <= found.low_usd <= found.month_usd * (1 + 1e-9) <= found.high_usd * (1 + 2e-9)
