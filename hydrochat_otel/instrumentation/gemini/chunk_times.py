"""When the chunks of one stream came, in seconds since its call began."""

from collections.abc import Sequence
from operator import sub
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
    gaps_s: Sequence[float]


class ChunkTimes:
    """Gathers them; one thread or task at a time.

    Attributes:
        moments_s: When each chunk came, by the monotonic clock.
        answer_s: When the first one with more than thoughts came; 0 if none did.
    """

    __slots__ = ("answer_s", "moments_s")

    def __init__(self) -> None:
        self.moments_s: list[float] = []
        self.answer_s = 0.0

    def arrivals(self, started_ns: int) -> Arrivals | None:
        """Return what was noted, in seconds since the call began; None for no chunk."""
        moments = self.moments_s
        if not moments:
            return None
        return Arrivals(
            _since(started_ns, moments[0]),
            _since(started_ns, self.answer_s) if self.answer_s else None,
            list(map(sub, moments[1:], moments)),
        )


def _since(started_ns: int, moment_s: float) -> float:
    """Return the seconds from one moment to another, exact to the nanosecond."""
    return (round(moment_s * 1e9) - started_ns) / 1e9
