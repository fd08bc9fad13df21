"""The numbers that only calls have, as packed runs keep them."""

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.window.entry import Entry

CALLED: Final = tuple(map(Entry._fields.index, ("cost_usd", "first_token_s", "retry_wait_s", "attempts", "tokens")))
"""The fields that only calls have."""
_BUCKETS: Final = len(semconv.TOKEN_BUCKETS)
_NO_TOKENS: Final = (math.nan,) * _BUCKETS
NUMBERS: Final = 4 + _BUCKETS
"""The numbers of one call."""
_EXACT: Final = 2**53
"""Up to here a double holds every whole number."""


def numbers_of(calls: Sequence[tuple[Any, ...]]) -> Iterable[float]:
    """Return the numbers of calls, one after another, each with NaN for what it does not state.

    Args:
        calls: The fields :data:`CALLED` of each.

    Raises:
        ValueError: A number is not one that a double holds exactly.
    """
    tokens = [one[-1] for one in calls if one[-1] is not None]
    stated = [value for *seconds_and_usd, _, _ in calls for value in seconds_and_usd if value is not None]
    counts = [one[-2] for one in calls if one[-2] is not None]
    counts += chain.from_iterable(tokens)
    if {*map(type, tokens)} - {tuple} or {*map(len, tokens)} - {_BUCKETS}:
        raise ValueError
    if {*map(type, stated)} - {float} or any(map(math.isnan, stated)):
        raise ValueError
    if {*map(type, counts)} - {int} or (counts and not -_EXACT <= min(counts) <= max(counts) <= _EXACT):
        raise ValueError
    rows = [(*others, *(_NO_TOKENS if buckets is None else buckets)) for *others, buckets in calls]
    return [math.nan if value is None else value for row in rows for value in row]


def facts_of(*numbers: float) -> tuple[Any, ...]:
    """Return the fields :data:`CALLED` of a call from its numbers."""
    cost_usd, first_token_s, retry_wait_s, attempts, *tokens = (None if math.isnan(one) else one for one in numbers)
    return (
        cost_usd,
        first_token_s,
        retry_wait_s,
        None if attempts is None else int(attempts),
        None if tokens[0] is None else tuple(int(one or 0) for one in tokens),
    )
