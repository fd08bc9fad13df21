"""Columns: what the views read of many entries at once, by position and in C."""

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

from hydrochat_otel import semconv
from hydrochat_otel.window.entry import Entry

FAR_S: Final = 1e15
"""Ends beyond this are no times, and count as this."""

KINDS_OF_CALLS: Final = frozenset({"gemini", "result"})
"""Kinds of entries whose tokens and dollars may count."""

# Read by position in C: a loop over the names of a hundred thousand entries is several times slower.
_DURATION: Final = itemgetter(Entry._fields.index("duration_s"))
_FLAGS: Final = itemgetter(*map(Entry._fields.index, ("exceeded_threshold", "error")))
_END: Final = itemgetter(Entry._fields.index("end_unix_s"))
_NAME: Final = itemgetter(Entry._fields.index("operation"))


_SHOWN: Final = [
    itemgetter(Entry._fields.index(name))
    for name in ("end_unix_s", "duration_s", "operation", "exceeded_threshold", "error")
]


class OperationColumns(NamedTuple):
    """Operations with a finite duration, in columns of the same length.

    Attributes:
        ends: In seconds since the epoch, as :func:`end_of` returns them.
        durations_s: In seconds.
        names: Their names.
        flags: As :func:`flags_of` returns them.
    """

    ends: Iterable[float]
    durations_s: Sequence[float]
    names: Iterable[str]
    flags: bytes


def operations(entries: Iterable[Entry]) -> OperationColumns:
    """Return the columns of the operations among entries."""
    found = measured(entries)
    ends = chain.from_iterable(map(ends_of, (found,)))  # made when read: sums of durations need none
    return OperationColumns(ends, durations_of(found), map(_NAME, found), flags_of(found))


def is_measured(entry: Entry) -> bool:
    """Return whether it is an operation whose duration is a finite number; NaN or infinity would spoil the sums."""
    return entry.kind == "operation" and math.isfinite(entry.duration_s)


def measured(entries: Iterable[Entry]) -> list[Entry]:
    """Return the operations among entries for which :func:`is_measured` is true."""
    operations = [entry for entry in entries if entry.kind == "operation"]
    if math.isfinite(sum(map(_DURATION, operations))):
        return operations
    return [entry for entry in operations if is_measured(entry)]


def flags_of(operations: Iterable[Entry]) -> bytes:
    """Return for each operation as one byte whether it exceeded its threshold (1) and whether it failed (2)."""
    return bytes([flag(over, error) for over, error in map(_FLAGS, operations)])


def flag(exceeded_threshold: object, error: object) -> int:
    """Return both facts as one byte."""
    return (1 if exceeded_threshold else 0) | (0 if error is None else 2)


def durations_of(operations: Iterable[Entry]) -> list[float]:
    """Return the duration of each operation."""
    return list(map(float, map(_DURATION, operations)))


def shown(operations: Sequence[Entry]) -> list[list[Any]]:
    """Return the columns of operations that a chart shows: end, duration, name, whether it was too slow, and error."""
    return [list(map(value_of, operations)) for value_of in _SHOWN]


def is_troubled(entry: Entry) -> bool:
    """Return whether an entry exceeded its threshold or failed."""
    return is_trouble(entry.exceeded_threshold, entry.error, entry.outcome)


def is_trouble(exceeded_threshold: object, error: object, outcome: str) -> bool:
    """Return the same of the three facts."""
    return bool(exceeded_threshold) or error is not None or outcome in semconv.FAILED_OUTCOMES


def end_of(entry: Entry) -> float:
    """Return when the entry ended; NaN counts as the epoch, and infinity as far away."""
    end_unix_s = entry.end_unix_s
    return 0.0 if math.isnan(end_unix_s) else min(max(end_unix_s, -FAR_S), FAR_S)


def ends_of(entries: Iterable[Entry]) -> list[float]:
    """Return :func:`end_of` of each entry, several times faster."""
    ends = list(map(_END, entries))
    if ends and math.isfinite(sum(ends)) and min(ends) > -FAR_S and max(ends) < FAR_S:
        return ends
    return list(map(end_of, entries))
