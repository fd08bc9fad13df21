"""The ledger of one process: what its calls used and cost, by day.

A day begins at midnight of a time zone, so a day of 23 or 25 hours is one day. A call counts on the day on which it
ended. Days are kept for the budget's zone and for the two zones of Google's bills, so that a bill can be compared.
"""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from itertools import groupby
from typing import TYPE_CHECKING, Final

from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.runtime.later import later
from hydrochat_otel.window import days
from hydrochat_otel.window.days import DayCounts, DayKey

if TYPE_CHECKING:
    import zoneinfo
else:
    zoneinfo = later("zoneinfo")

BILLED_ZONES: Final = ("UTC", "America/Los_Angeles")
"""The zones whose midnights separate the days of Google's bills: in BigQuery, and in the console."""

_QUARTER_S: Final = 900
"""Midnight of every zone of today is at a whole quarter of an hour of UTC, so the keys of a quarter are the same."""
_MOST_KEYS: Final = 1024

_lock: Final = ForkLock()


class DayLedger:
    """Counts by day, model and outcome of one process; any thread may call.

    Args:
        timezone: Name of the zone of the budget; days of it and of the zones of Google's bills are kept.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: There is no such zone.
    """

    def __init__(self, timezone: str = "UTC") -> None:
        self.timezone = timezone
        self._own_zone = {timezone: zone_of(timezone)}
        self._zones: dict[str, tzinfo] = {}
        self._rows: dict[DayKey, DayCounts] = {}
        self._keys: dict[tuple[int, str, str], list[DayKey]] = {}

    def add(self, model: str, outcome: str, calls: Sequence[tuple[float, DayCounts]]) -> None:
        """Add calls, each with the moment at which it ended (seconds since the epoch), in the order of the sequence."""
        for quarter, ended in groupby(calls, _quarter_of):
            calls_usd, sums = days.added([counts for _, counts in ended])
            keys = self._keys.get((quarter, model, outcome)) or self._keys_of(quarter, model, outcome)
            with _lock:
                is_new = keys[0] not in self._rows
                for key in keys:
                    self._rows[key] = days.with_calls(self._rows.get(key, days.NOTHING), sums, calls_usd)
                if is_new:
                    self._rows = days.bounded(self._rows)

    def _keys_of(self, quarter: int, model: str, outcome: str) -> list[DayKey]:
        unix_s = float(quarter * _QUARTER_S)
        if not self._zones:  # read with the first call: a process without calls needs none
            self._zones = self._own_zone | _known_zones()
        keys = [DayKey(name, day_of(unix_s, zone).isoformat(), model, outcome) for name, zone in self._zones.items()]
        if len(self._keys) >= _MOST_KEYS:
            self._keys.clear()
        self._keys[quarter, model, outcome] = keys
        return keys

    def days(self) -> dict[DayKey, DayCounts]:
        """Return the rows."""
        with _lock:
            return dict(self._rows)

    def reset(self) -> None:
        """Discard everything, as a forked child does that has made no call yet."""
        with _lock:
            self._rows = {}


def _quarter_of(call: tuple[float, DayCounts]) -> int:
    return int(call[0] // _QUARTER_S)


def zone_of(timezone: str) -> tzinfo:
    """Return the time zone of the name; UTC works also if the system has no time zone data."""
    return UTC if timezone == "UTC" else zoneinfo.ZoneInfo(timezone)


def day_of(unix_s: float, zone: tzinfo) -> date:
    """Return the day of a moment in a zone."""
    return datetime.fromtimestamp(math.floor(unix_s), zone).date()  # rounding would reach midnight too early


def _known_zones() -> dict[str, tzinfo]:
    found: dict[str, tzinfo] = {}
    for name in BILLED_ZONES:
        try:
            found[name] = zone_of(name)
        except (KeyError, ValueError, OSError):  # this system has no time zone data
            continue
    return found
