"""What a report is made from, wherever it was read: counters, entries of the window, and days."""

from dataclasses import dataclass, field

from hydrochat_otel.views.usage_table import Sample
from hydrochat_otel.window.days import DayCounts, DayKey
from hydrochat_otel.window.entry import Entry


@dataclass(frozen=True, slots=True)
class Found:
    """The numbers of one process group.

    Attributes:
        samples: Its counters.
        entries: Entries of its window.
        begins_unix_s: How far back the window reaches, in seconds since the epoch; None if it was not read.
        days: Rows of the days that are kept beyond the window.
    """

    samples: list[Sample] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    begins_unix_s: float | None = None
    days: list[tuple[DayKey, DayCounts]] = field(default_factory=list)
