"""Ways to do the same, each in a process of its own, which take turns in parts of batches.

The speed of a machine changes within a second, so the parts are shorter. Instrumentations change the same functions of
the SDK, and a function that is changed back and forth is slower than one that was changed once. A process also has luck
with its memory: several of each way are measured one after another. What ran just before counts, too: the order is
another one in each part.
"""

import random
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from benchmarks.measuring import Cost, added

_END_S = 20


class Contestant:
    """One way in its process.

    Args:
        part: Name of the module of this package whose function `contestant` makes the way's cases.
        way: Name of the way.
    """

    def __init__(self, part: str, way: str) -> None:
        self.way = way
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.contestant", part, way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def some(self, case: str, size: int) -> Cost:
        """Do a case so many times, or end a batch if that is 0; return what it cost in all."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(case, size, file=self._process.stdin, flush=True)
        path_us, cpu_us = self._process.stdout.readline().split()
        return Cost(float(path_us), float(cpu_us))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the process."""
        self._process.communicate(timeout=_END_S)


def costs(
    part: str,
    ways: Sequence[str],
    sizes: dict[str, int],
    *,
    bare: str,
    rounds: int,
    generations: int = 3,
    parts: int = 1,
) -> dict[str, dict[str, Cost]]:
    """Return what each way adds to the bare one in each case: the median over all batches.

    Args:
        part: Name of the module of this package.
        ways: Names of the ways.
        sizes: How many times a batch does each case.
        bare: The way that the others are compared with.
        rounds: Batches of each way and case.
        generations: How many processes of each way share the rounds.
        parts: In how many parts a batch is done, each of all ways in turn.
    """
    measured: dict[str, list[dict[str, Cost]]] = {case: [] for case in sizes}
    order = random.Random(0)
    for _ in range(generations):
        with ExitStack() as stack:
            contestants = [stack.enter_context(Contestant(part, way)) for way in ways]
            for case, size in sizes.items():
                batch_of(contestants, case, size, 1, order)  # what is made for the first calls
                measured[case] += [
                    batch_of(contestants, case, size, parts, order) for _ in range(rounds // generations)
                ]
    return {case: added(batches, bare=bare) for case, batches in measured.items()}


def batch_of(
    contestants: Sequence[Contestant], case: str, size: int, parts: int, order: random.Random
) -> dict[str, Cost]:
    """Return what a call of each cost in one batch, its end included; the order is drawn for each part and the end."""
    taken: dict[str, list[Cost]] = {one.way: [] for one in contestants}
    for number in (*[size // parts] * parts, 0):
        for one in order.sample(contestants, len(contestants)):
            taken[one.way].append(one.some(case, number))
    return {
        way: Cost(sum(cost.path_us for cost in each) / size, sum(cost.cpu_us for cost in each) / size)
        for way, each in taken.items()
    }
