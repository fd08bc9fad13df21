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
    """Gathers them; one thread or task at a time.

    Attributes:
        moments_ns: When each chunk came, by the monotonic clock.
        answer_ns: When the first one with more than thoughts came; 0 if none did.
    """

    __slots__ = ("answer_ns", "moments_ns")

    def __init__(self) -> None:
        self.moments_ns: list[int] = []
        self.answer_ns = 0

    def arrivals(self, started_ns: int) -> Arrivals | None:
        """Return what was noted, in seconds since the call began; None for no chunk."""
        moments = self.moments_ns
        if not moments:
            return None
        gaps_s: list[float] = []
        earlier = moments[0]
        for later in moments[1:]:  # pairs would take half as long again
            gaps_s.append((later - earlier) / 1e9)
            earlier = later
        return Arrivals(
            (moments[0] - started_ns) / 1e9,
            (self.answer_ns - started_ns) / 1e9 if self.answer_ns else None,
            tuple(gaps_s),
        )
