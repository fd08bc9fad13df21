"""The contents of the window at one moment."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hydrochat_otel.window.entry import Entry


class Filling(NamedTuple):
    """How full the window is at one moment.

    Attributes:
        current_entries: The number of live entries.
        max_entries: The most entries that are kept.
        covered_s: Age of the oldest live entry in seconds; 0.0 for an empty window.
    """

    current_entries: int
    max_entries: int
    covered_s: float

    @property
    def utilization_ratio(self) -> float:
        """Live entries divided by the most that are kept."""
        return self.current_entries / self.max_entries


class Contents(NamedTuple):
    """The contents of the window at one moment.

    Attributes:
        entries: The live entries, oldest first, without what the application added itself.
        max_entries: The most entries that are kept.
        ttl_hours: Age in hours from which an entry is expired.
        evicted: How many left so far, by reason: ``capacity`` or ``age``.
        covered_s: Age of the oldest live entry in seconds; 0.0 for an empty window.
    """

    entries: Sequence[Entry]
    max_entries: int
    ttl_hours: float
    evicted: Mapping[str, int]
    covered_s: float

    @property
    def current_entries(self) -> int:
        """The number of live entries."""
        return len(self.entries)

    @property
    def utilization_ratio(self) -> float:
        """Live entries divided by the most that are kept."""
        return self.current_entries / self.max_entries
