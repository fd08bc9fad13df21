"""When a moment of the monotonic clock was, in seconds since the epoch.

The host's path reads the monotonic clock alone; the time of day is found where work is settled. Their difference stays
the same until the time of day is set, or the machine sleeps.
"""

import math
import time
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import add, attrgetter
from typing import Final, NamedTuple

from hydrochat_otel.runtime import process_globals

_TOLERANCE_S: Final = 0.001
"""A difference that changes by less is the same, looked at again."""
_SOON_S: Final = 5e-6
"""Three clocks are read within it, unless something else runs meanwhile."""
_TRIES: Final = 3
_MOST: Final = 64


class _Look(NamedTuple):
    """What a look at both clocks shows.

    Attributes:
        moment_s: When that was, by the monotonic clock.
        difference_s: The time of day less that moment.
        took_s: How long it took; the difference may be wrong by half of it.
    """

    moment_s: float
    difference_s: float
    took_s: float


_TOOK: Final = attrgetter("took_s")


class Clocks:
    """The monotonic clock beside the time of day. Any thread may call.

    Args:
        monotonic: Seconds by the monotonic clock.
        wall: Seconds since the epoch.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.perf_counter, wall: Callable[[], float] = time.time
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._known: list[tuple[float, float]] = []
        """The differences, each with the moment since which it holds."""
        self.forget()

    def forget(self) -> None:
        """Know the present difference only."""
        self._looked_s, difference_s, _ = self._look()
        self._known[:] = [(-math.inf, difference_s)]

    def look(self) -> None:
        """Notice a new difference, which holds since the last look; called before moments after that are asked for."""
        moment_s, difference_s, took_s = self._look()
        if took_s < _TOLERANCE_S:
            if abs(difference_s - self._known[-1][1]) > _TOLERANCE_S:
                self._known[:] = [*self._known[1 - _MOST :], (self._looked_s, difference_s)]
            self._looked_s = moment_s

    def unix_s(self, moment_s: float) -> float:
        """Return when a monotonic moment was, in seconds since the epoch."""
        [at_s] = self.all_unix_s([moment_s])
        return at_s

    def all_unix_s(self, moments_s: Sequence[float]) -> list[float]:
        """Return when several monotonic moments were, in seconds since the epoch."""
        known = self._known
        if len(known) == 1 or min(moments_s) >= known[-1][0]:
            return list(map(add, moments_s, repeat(known[-1][1])))
        return [one + _difference_s(known, one) for one in moments_s]

    def _look(self) -> _Look:
        looks = list[_Look]()
        while len(looks) < _TRIES and (not looks or looks[-1].took_s > _SOON_S):
            before_s = self._monotonic()
            unix_s = self._wall()
            moment_s = self._monotonic()
            looks.append(_Look(moment_s, unix_s - (before_s + moment_s) / 2, moment_s - before_s))
        return min(looks, key=_TOOK)


def _difference_s(known: Sequence[tuple[float, float]], moment_s: float) -> float:
    """Return the difference at a moment; the oldest known one if it was earlier."""
    return next((difference_s for since_s, difference_s in reversed(known) if moment_s >= since_s), known[0][1])


clocks: Final = Clocks()
"""Those of the process."""
process_globals.register("clocks", clocks.forget)
