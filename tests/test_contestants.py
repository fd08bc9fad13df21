"""The ways of a benchmark are measured in fair turns."""

import random
from collections import Counter
from itertools import pairwise

from benchmarks.contestants import batch_of
from benchmarks.measuring import Cost

_WAYS, _BATCHES, _PARTS = "abcde", 40, 5


class _Contestant:
    def __init__(self, way, turns):
        self.way = way
        self._turns = turns

    def some(self, case, size):
        assert case == "a case"
        self._turns.append((self.way, size))
        return Cost(float(size), float(size or 1))


def test_each_way_is_measured_at_every_place_and_after_every_other_one():
    """A batch asks each way for each part and then for its end; the order is another one each time."""
    turns, order = [], random.Random(0)
    contestants = [_Contestant(way, turns) for way in _WAYS]
    for _ in range(_BATCHES):
        costs = batch_of(contestants, "a case", 100, _PARTS, order)
        assert costs == dict.fromkeys(_WAYS, Cost(1.0, 1.01))
    laps = [turns[at : at + len(_WAYS)] for at in range(0, len(turns), len(_WAYS))]
    sizes = [20] * _PARTS + [0]
    assert [[size for _, size in lap] for lap in laps] == [[size] * len(_WAYS) for size in sizes * _BATCHES]
    places = Counter((way, place) for lap in laps for place, (way, _) in enumerate(lap))
    followed = Counter((before, way) for lap in laps for (before, _), (way, _) in pairwise(lap))
    assert len(places) == len(_WAYS) ** 2
    assert len(followed) == len(_WAYS) * (len(_WAYS) - 1)
    assert max(places.values()) < 2 * min(places.values())
    assert max(followed.values()) < 2 * min(followed.values())
