"""Compares spending with the budget: the sum, what it misses, and the forecast of the month."""

import math
from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime

from hydrochat_otel.prices.day_ledger import zone_of
from hydrochat_otel.prices.forecast import forecast
from hydrochat_otel.window import days as all_days
from hydrochat_otel.window.days import NOTHING, DayCounts, Days
from hydrochat_otel.window.snapshot import Budget


def budget(days: Days, unix_s: float, timezone: str = "UTC", day_usd: float | None = None) -> Budget:
    """Return what is spent of the budget at a moment.

    Args:
        days: Of all processes; those of the budget's zone count.
        unix_s: The moment, in seconds since the epoch.
        timezone: Name of the zone whose midnights separate the days.
        day_usd: The budget of a day, None for none; the month's budget is this times the number of its days.
    """
    now = datetime.fromtimestamp(math.floor(unix_s), zone_of(timezone))
    today = now.date().isoformat()
    by_day = all_days.by_day(days, timezone)
    month = _sum({day: counts for day, counts in by_day.items() if day[:7] == today[:7]})
    month_usd = None if day_usd is None else day_usd * monthrange(now.year, now.month)[1]
    return Budget(
        spent_day_usd=by_day.get(today, NOTHING).cost_usd,
        spent_month_usd=month.cost_usd,
        day_usd=day_usd,
        month_usd=month_usd,
        missing_day=by_day.get(today, NOTHING).missing,
        missing_month=month.missing,
        timezone=timezone,
        forecast=forecast({day: counts.cost_usd for day, counts in by_day.items()}, now, month_usd),
    )


def _sum(by_day: Mapping[str, DayCounts]) -> DayCounts:
    sums = NOTHING
    for counts in by_day.values():
        sums = sums.plus(counts)
    return sums._replace(cost_usd=math.fsum(counts.cost_usd for counts in by_day.values()))
