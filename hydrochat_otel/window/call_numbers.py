"""The numbers that only calls have, as packed runs keep them."""

import math
from collections.abc import Sequence
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


def numbers_of(calls: Sequence[tuple[Any, ...]]) -> list[float]:
    """Return the numbers of calls, one after another, each with NaN for what it does not state.

    Args:
        calls: The fields :data:`CALLED` of each, at least one.

    Raises:
        ValueError: A number is not one that a double holds exactly.
    """
    *stated, attempts, tokens = zip(*calls, strict=True)
    known = [one for one in tokens if one is not None]
    counts = [one for one in attempts if one is not None]
    counts += chain.from_iterable(known)
    if {*map(type, known)} - {tuple} or {*map(len, known)} - {_BUCKETS}:
        raise ValueError
    if {*map(type, chain(*stated))} - {float, type(None)} or any(map(math.isnan, filter(None, chain(*stated)))):
        raise ValueError
    if {*map(type, counts)} - {int} or (counts and not -_EXACT <= min(counts) <= max(counts) <= _EXACT):
        raise ValueError
    columns = [_filled(column, math.nan) for column in (*stated, attempts)]
    return list(chain.from_iterable(zip(*columns, *zip(*_filled(tokens, _NO_TOKENS), strict=True), strict=True)))


def _filled(column: Sequence[Any], nothing: Any) -> Sequence[Any]:
    """Return the column with something in the place of each None."""
    return [nothing if value is None else value for value in column] if None in column else column


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
