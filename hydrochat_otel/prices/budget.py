"""What calls cost by calendar day, and what that is of a budget.

A day begins at midnight of one time zone, so that a day of 23 or 25 hours is one day. A call counts on the day on which
it ended.
"""

import math
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.window.snapshot import Budget

_MONTHS_KEPT: Final = 2

_lock: Final = ForkLock()


class Spending:
    """Dollars by calendar day of one process, any thread.

    The two months that were added to last are kept: a clock that is wrong for a moment does not cost the current month.

    Args:
        timezone: Name of the zone whose midnights part the days.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: There is no such zone.
    """

    def __init__(self, timezone: str = "UTC") -> None:
        self._zone = _zone_of(timezone)
        self._months: dict[str, dict[str, float]] = {}

    def add(self, usd: float, unix_s: float) -> None:
        """Add what a call cost that ended at this moment (seconds since the epoch); microseconds."""
        day = _day_of(unix_s, self._zone).isoformat()
        month = day[:7]
        with _lock:
            days = self._months.pop(month, {})
            days[day] = days.get(day, 0.0) + usd
            self._months[month] = days  # at the end: in order of their last use
            if len(self._months) > _MONTHS_KEPT:
                del self._months[next(iter(self._months))]

    def days(self) -> dict[str, float]:
        """Return the dollars by day (ISO dates), the earliest day first."""
        with _lock:
            return dict(sorted(item for days in self._months.values() for item in days.items()))

    def reset(self) -> None:
        """Forget everything, as a forked child does that has spent nothing yet."""
        with _lock:
            self._months = {}


def budget(days: Mapping[str, float], unix_s: float, timezone: str = "UTC", day_usd: float | None = None) -> Budget:
    """Return what is spent of the budget at a moment.

    Args:
        days: Dollars by day of all processes, as :meth:`Spending.days` gives them.
        unix_s: The moment, in seconds since the epoch.
        timezone: Name of the zone whose midnights part the days.
        day_usd: The budget of a day, None for none; that of the month is so much for each of its days.
    """
    today = _day_of(unix_s, _zone_of(timezone))
    month = today.isoformat()[:7]
    return Budget(
        spent_day_usd=days.get(today.isoformat(), 0.0),
        spent_month_usd=math.fsum(usd for day, usd in days.items() if day.startswith(month)),
        day_usd=day_usd,
        month_usd=None if day_usd is None else day_usd * monthrange(today.year, today.month)[1],
    )


def _zone_of(timezone: str) -> tzinfo:
    return UTC if timezone == "UTC" else ZoneInfo(timezone)  # UTC also where the system knows no zones


def _day_of(unix_s: float, zone: tzinfo) -> date:
    return datetime.fromtimestamp(math.floor(unix_s), zone).date()  # rounding would reach midnight before it is
