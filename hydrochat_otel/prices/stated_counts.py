"""What the usage objects of one reply state together: of each count the last one, because a stream's are cumulative."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from hydrochat_otel.prices.counts import LARGEST_COUNT, is_count

_NULL: Final = {type(None)}
_WHOLE: Final = {int}

Counts = tuple[Any, ...]
"""Prompt, cached, tool-use, candidates, thoughts, total; None if not stated."""


class Stated(NamedTuple):
    """What the usage objects of a reply state together.

    Attributes:
        counts: Of each the last that is a count.
        is_known: Whether any count was stated, or refused.
        is_credible: Whether every one is a count.
    """

    counts: Counts = (None, None, None, None, None, None)
    is_known: bool = False
    is_credible: bool = True


NOTHING: Final = Stated()


def after(stated: Stated, taken: Sequence[Counts]) -> Stated:
    """Return what is stated after more usage objects; changes nothing, so that several threads may ask."""
    if len(taken) == 1 or _are_alike(taken):
        return _after_one(stated, taken[-1])  # it states the same fields as those before it
    for _, group in groupby(taken, lambda counts: tuple(map(type, counts))):
        alike = [*group]
        for counts in alike[-1:] if _are_alike(alike) else alike:
            stated = _after_one(stated, counts)
    return stated


def _are_alike(taken: Sequence[Counts]) -> bool:
    """Return whether all state the same fields, and counts only."""
    for column in zip(*taken, strict=True):
        kinds = set(map(type, column))
        if kinds != _NULL and (kinds != _WHOLE or min(column) < 0 or max(column) > LARGEST_COUNT):
            return False
    return bool(taken)


def _after_one(stated: Stated, counts: Counts) -> Stated:
    known, is_known, is_credible = stated
    merged = list(known)
    for place, count in enumerate(counts):
        if count is not None:
            is_known = True
            if is_count(count):
                merged[place] = count
            else:
                is_credible = False
    return Stated(tuple(merged), is_known, is_credible)
