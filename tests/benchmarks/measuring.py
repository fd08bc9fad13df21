"""Measures ways to do the same; :mod:`contestants` has them take turns.

*Path* is the processor time that the caller's thread spends on the call: wall time without what other processes of the
machine take. *CPU* is that of the whole process, with deferred work and one collection. A cost is the median over all
batches of what a way adds to the bare call in the same round.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple


class Way(NamedTuple):
    """One way to do something.

    Attributes:
        call: Does it once.
        finish: Runs after a batch.
        weight: How many of what is compared one call is.
        path_s: Returns the seconds on the path since the last time, if the calls measure them by themselves.
    """

    call: Callable[[], object]
    finish: Callable[[], object] = int
    weight: int = 1
    path_s: Callable[[], float] | None = None


class Cost(NamedTuple):
    """Added microseconds a call: on the caller's path, and of the process."""

    path_us: float
    cpu_us: float


class Row(NamedTuple):
    """One comparison of the table; costs in the unit that the row names.

    Attributes:
        what: The subject of the comparison.
        peer: What it is compared with.
        ours: Our cost.
        theirs: The peer's.
        target: The ratio that must be reached; None if none is promised.
        unit: Of both costs.
        more_is_better: Whether the ratio must be at least the target, as for rates.
    """

    what: str
    peer: str
    ours: float
    theirs: float
    target: float | None = None
    unit: str = "µs"
    more_is_better: bool = False

    @property
    def ratio(self) -> float:
        """Ours divided by the peer's."""
        return round(self.ours / self.theirs, 3) if self.theirs else 0.0

    @property
    def is_reached(self) -> bool | None:
        """Whether the target is reached; None if there is none."""
        if self.target is None:
            return None
        return self.ratio >= self.target if self.more_is_better else self.ratio <= self.target


def some(way: Way, size: int) -> Cost:
    """Return the microseconds of so many calls together."""
    if way.path_s is not None:
        way.path_s()
    cpu, path = time.process_time(), time.thread_time()
    for _ in range(size):
        way.call()
    path_s, cpu_s = time.thread_time() - path, time.process_time() - cpu
    if way.path_s is not None:
        path_s = cpu_s = way.path_s()
    return Cost(path_s / way.weight * 1e6, cpu_s / way.weight * 1e6)


def ended(way: Way) -> Cost:
    """Return the microseconds of what ends a batch."""
    cpu = time.process_time()
    way.finish()
    return Cost(0.0, (time.process_time() - cpu) / way.weight * 1e6)


def added(batches: Iterable[dict[str, Cost]], *, bare: str) -> dict[str, Cost]:
    """Return what each way adds to the bare one: the median over the batches, each compared with its own round."""
    rounds = list(batches)
    return {
        name: Cost(
            round(statistics.median(one[name].path_us - one[bare].path_us for one in rounds), 3),
            round(statistics.median(one[name].cpu_us - one[bare].cpu_us for one in rounds), 3),
        )
        for name in rounds[0]
    }


def best_us(call: Callable[[], object], *, size: int = 1, rounds: int = 9) -> float:
    """Return the least microseconds of processor time that the call takes."""
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(size):
            call()
        best = min(best, (time.process_time() - started) / size * 1e6)
    return best
