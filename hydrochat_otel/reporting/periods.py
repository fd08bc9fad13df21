"""Parses periods: ``1h``, ``yesterday``, a date, a time."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

ALLOWED: Final = "such as 90s, 30m, 1h, 7d, today, yesterday, 2026-02-28 or 2026-02-28T14:02+08:00"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LAST: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*([smhdw])")


def since(text: str, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Return the beginning of a period that lasts until now; raises ValueError for anything else.

    Args:
        text: A length (``1h``), a day or a moment; without an offset it is in `zone`.
        now: The present, aware.
        zone: The zone whose midnights separate the days.
    """
    words = text.strip().lower()
    if (match := _LAST.fullmatch(words)) is not None:
        return now - timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    if words in {"today", "yesterday"} or re.fullmatch(r"\d{4}-\d{2}-\d{2}", words):
        return day(words, now, zone)[0]
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not a period: it must be {ALLOWED}.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def day(text: str, now: datetime, zone: tzinfo = UTC) -> tuple[datetime, datetime]:
    """Return the two midnights around a day; raises ValueError for anything else."""
    words = text.strip().lower()
    today = now.astimezone(zone).date()
    try:
        named = {"today": today, "yesterday": today - timedelta(days=1)}.get(words) or date.fromisoformat(words)
    except ValueError:
        raise ValueError(f"{text!r} is not a day: it must be today, yesterday or a date such as 2026-02-28.") from None
    begins = datetime(named.year, named.month, named.day, tzinfo=zone)
    after = named + timedelta(days=1)
    return begins, datetime(after.year, after.month, after.day, tzinfo=zone)
