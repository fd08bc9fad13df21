"""The forecast: the expected cost of the whole month, at the pace of the last seven days, by weekday."""

import math
from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from statistics import stdev
from typing import Final

from hydrochat_otel.window.snapshot import Forecast

_PACE_DAYS: Final = 7
_HALF_WIDTH: Final = 1.2816
"""Standard deviations on either side that cover 80 % of a normal distribution."""


def forecast(spent: Mapping[str, float], now: datetime, month_usd: float | None = None) -> Forecast | None:
    """Return the forecast for the month of `now`; None before the first whole day, or without finite numbers.

    The rest of today and each day to come cost what the same weekday cost in the last seven days; an unknown weekday
    costs their mean. The uncertainty is the spread of those days, as if days were independent.

    Args:
        spent: Dollars by ISO date; the earliest one does not count as a whole day.
        now: The moment, in the zone whose midnights separate the days.
        month_usd: The budget of the month; None for none.
    """
    today = now.date()
    pace = _pace(spent, today)
    if not pace or not all(math.isfinite(usd) for usd in spent.values()):
        return None
    mean = math.fsum(pace.values()) / len(pace)
    by_weekday = {day.weekday(): usd for day, usd in pace.items()}
    so_far = total = math.fsum(usd for day, usd in spent.items() if day[:7] == today.isoformat()[:7])
    spent_on = _spent_on(spent, today, month_usd)
    last = today.replace(day=monthrange(today.year, today.month)[1])
    weight = 0.0
    day, share = today, _left_of_day(now)
    while day <= last:
        total += share * by_weekday.get(day.weekday(), mean)
        weight += share
        if spent_on is None and month_usd is not None and total >= month_usd:
            spent_on = day.isoformat()
        day, share = day + timedelta(days=1), 1.0
    spread = stdev(pace.values()) if len(pace) > 1 else mean
    half = _HALF_WIDTH * spread * math.sqrt(weight)
    return Forecast(month_usd=total, low_usd=max(so_far, total - half), high_usd=total + half, spent_on=spent_on)


def _left_of_day(now: datetime) -> float:
    """Return the share of the day that is left; a day on which the clock is changed has 23 or 25 hours."""
    begin, end = (datetime.combine(day, time(), now.tzinfo).timestamp() for day in (now, now + timedelta(days=1)))
    return (end - now.timestamp()) / (end - begin)


def _pace(spent: Mapping[str, float], today: date) -> dict[date, float]:
    """Return the dollars of the whole days among the last seven; a day without calls cost nothing."""
    if not spent:
        return {}
    first = date.fromisoformat(min(spent))
    days = [today - timedelta(days=back) for back in range(1, _PACE_DAYS + 1)]
    return {day: spent.get(day.isoformat(), 0.0) for day in days if day > first}


def _spent_on(spent: Mapping[str, float], today: date, month_usd: float | None) -> str | None:
    """Return the day on which the month's budget was spent already."""
    if month_usd is None:
        return None
    total = 0.0
    for day in sorted(day for day in spent if day[:7] == today.isoformat()[:7]):
        total += spent[day]
        if total >= month_usd:
            return day
    return None
