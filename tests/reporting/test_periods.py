"""Promises of :mod:`hydrochat_otel.reporting.periods`."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from hydrochat_otel.reporting import periods

NOW = datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
SINGAPORE = ZoneInfo("Asia/Singapore")


@pytest.mark.parametrize(
    ("text", "zone", "begins"),
    [
        ("1h", UTC, "2026-03-01T00:30:00+00:00"),
        ("90s", UTC, "2026-03-01T01:28:30+00:00"),
        ("1.5d", UTC, "2026-02-27T13:30:00+00:00"),
        ("yesterday", UTC, "2026-02-28T00:00:00+00:00"),
        ("today", SINGAPORE, "2026-03-01T00:00:00+08:00"),
        ("2026-02-03", UTC, "2026-02-03T00:00:00+00:00"),
        ("2026-02-03T14:02", SINGAPORE, "2026-02-03T14:02:00+08:00"),
        ("2026-02-03T14:02Z", SINGAPORE, "2026-02-03T14:02:00+00:00"),
    ],
)
def test_a_period_in_words(text, zone, begins):
    """Lengths, days and times are parsed in the given time zone."""
    assert periods.since(text, NOW, zone).isoformat() == begins


@pytest.mark.parametrize("text", ["", "soon", "1y", "-1h", "2026-13-01", "2026-02-30"])
def test_an_invalid_period(text):
    """One sentence says what is allowed."""
    with pytest.raises(ValueError, match=r"is not a (period|day): it must be"):
        periods.since(text, NOW)


def test_a_day_has_two_midnights():
    """A day begins and ends at midnight of the zone, also on the day of a clock change."""
    berlin = ZoneInfo("Europe/Berlin")
    first, last = periods.day("2026-03-29", NOW, berlin)
    assert ((last.timestamp() - first.timestamp()) / 3600, str(last)) == (23.0, "2026-03-30 00:00:00+02:00")
