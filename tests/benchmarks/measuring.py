"""Measures several ways to do the same beside each other.

They take turns in small batches, so noise affects all alike.

*Path* is the processor time that the caller's thread spends on the call: wall time without what other processes of the
machine take. *CPU* is that of the whole process, with deferred work and one collection. A cost is the median over all
batches of what a way adds to the bare call in the same round.
"""

import gc
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Way(NamedTuple):
    """One way to do something.

    Attributes:
        call: Does it once.
        finish: Runs after a batch.
        enter: Sets it up before a batch.
        leave: Undoes that.
    """

    call: Callable[[], object]
    finish: Callable[[], object] = int
    enter: Callable[[], object] = int
    leave: Callable[[], object] = int


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


def one_batch(way: Way, size: int) -> Cost:
    """Return the microseconds a call of one batch."""
    way.enter()
    try:
        cpu, path = time.process_time(), time.thread_time()
        for _ in range(size):
            way.call()
        path_us = (time.thread_time() - path) / size * 1e6
        way.finish()
        return Cost(path_us, (time.process_time() - cpu) / size * 1e6)
    finally:
        way.leave()


def costs(ways: dict[str, Way], *, bare: str, size: int, rounds: int) -> dict[str, Cost]:
    """Return what each way adds to the bare one: the median of the rounds."""
    for way in ways.values():
        one_batch(way, size)
    added: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(rounds):
        gc.collect()
        round_ = {name: one_batch(way, size) for name, way in ways.items()}
        for name, cost in round_.items():
            added[name].append(Cost(cost.path_us - round_[bare].path_us, cost.cpu_us - round_[bare].cpu_us))
    return {
        name: Cost(*(round(statistics.median(values), 3) for values in zip(*all_, strict=True)))
        for name, all_ in added.items()
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
