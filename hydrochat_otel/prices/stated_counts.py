"""What the usage objects of one reply state together: of each count the last one, because a stream's are cumulative."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from hydrochat_otel.prices.counts import LARGEST_COUNT, is_count

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
    if taken and (len(taken) == 1 or _are_alike(taken)):
        return _after_one(stated, taken[-1])  # it states the same fields as those before it
    for _, group in groupby(taken, lambda counts: tuple(map(type, counts))):
        alike = [*group]
        for counts in alike[-1:] if _are_alike(alike) else alike:
            stated = _after_one(stated, counts)
    return stated


def balanced(counts: Counts) -> tuple[int, int, int, int, int] | None:
    """Return all but the total if they are counts that sum up to it, 0 for what is not stated; None otherwise."""
    prompt, cached, tool, answer, thoughts, total = counts
    found = (
        0 if prompt is None else prompt,
        0 if cached is None else cached,
        0 if tool is None else tool,
        0 if answer is None else answer,
        0 if thoughts is None else thoughts,
    )
    prompt, cached, tool, answer, thoughts = found
    if not type(prompt) is type(cached) is type(tool) is type(answer) is type(thoughts) is type(total) is int:
        return None
    if min(found) < 0 or cached > prompt or not prompt + tool + answer + thoughts == total <= LARGEST_COUNT:
        return None
    return found


def _are_alike(taken: Sequence[Counts]) -> bool:
    """Return whether all state the same fields, and counts only."""
    number = len(taken)
    for column in zip(*taken, strict=True):
        if column[0] is None:
            if column.count(None) < number:
                return False
        elif list(map(type, column)).count(int) < number:
            return False
        else:
            ascending = sorted(column)  # as the counts of a stream nearly always are: the fastest way to both ends
            if ascending[0] < 0 or ascending[-1] > LARGEST_COUNT:
                return False
    return True


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
