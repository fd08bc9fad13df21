"""When the chunks of one stream came, in seconds since its call began."""

from typing import NamedTuple


class Arrivals(NamedTuple):
    """When the chunks of a finished stream came.

    Attributes:
        first_s: Seconds to the first chunk, whatever it carries.
        first_answer_s: Seconds to the first chunk with more than thoughts; None if none came.
        gaps_s: Seconds from each chunk to the next.
    """

    first_s: float
    first_answer_s: float | None
    gaps_s: tuple[float, ...]


class ChunkTimes:
    """Gathers them; one thread or task at a time."""

    __slots__ = ("_first_answer_s", "_first_s", "_gaps_s", "_last_s")

    def __init__(self, first_s: float) -> None:
        self._first_s = self._last_s = first_s
        self._first_answer_s: float | None = None
        self._gaps_s: list[float] = []

    @property
    def awaits_answer(self) -> bool:
        """Whether no chunk with more than thoughts came yet."""
        return self._first_answer_s is None

    def take(self, elapsed_s: float) -> None:
        """Note the next chunk after the first."""
        self._gaps_s.append(elapsed_s - self._last_s)
        self._last_s = elapsed_s

    def take_answer(self, elapsed_s: float) -> None:
        """Note that the chunk that was noted last is the first one with more than thoughts."""
        self._first_answer_s = elapsed_s

    def arrivals(self) -> Arrivals:
        """Return what was noted."""
        return Arrivals(self._first_s, self._first_answer_s, tuple(self._gaps_s))
