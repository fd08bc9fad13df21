"""The record of the most usual operation: nothing was around it, it has no span, and it ended well and in time.

Most calls of a process without a tracer are such operations, so the host's path notes three fields of them and the rest
is stated here, for a piece of the queue at a time.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, repeat
from operator import add
from typing import Any, Final, NamedTuple

from hydrochat_otel.instrumentation.batched import grouped
from hydrochat_otel.instrumentation.finished import OperationLabels, label_columns
from hydrochat_otel.runtime import forks, process_globals
from hydrochat_otel.semconv import Role
from hydrochat_otel.window.entry import Entry

Noted = tuple[OperationLabels, float, float]
"""What is noted of such an operation: its labels, when it began (in seconds since the epoch), and how many it took."""

_new: Final[Any] = tuple.__new__
_ids: Final[list[Iterator[int]]] = []
"""Gives the next id; begins anywhere, so that ids differ between processes."""


def _draw_ids() -> None:
    _ids[:] = [count(random.SystemRandom().getrandbits(63))]


_draw_ids()
process_globals.register("ids of usual operations", _draw_ids)
forks.register(forks.Phase.WINDOW, in_child=_draw_ids)


class _Ended:
    """How each of them ended."""

    __slots__ = ()

    outcome: Final = "ok"
    error_type: Final = None
    trace_id: Final = 0


class _UsualOperation(NamedTuple):
    noted: Noted
    own_id: int


class UsualOperation(_UsualOperation):
    """A root without a span and without anything around that ended well and in time.

    Attributes:
        noted: Its labels, start and duration.
        own_id: The id of its entry.
    """

    __slots__ = ()

    exceeded: Final = False
    ended: Final = _Ended()

    @classmethod
    def complete(cls, noted: Iterable[Noted]) -> "list[UsualOperation]":
        """Return the records of what was noted of several."""
        return list(map(_new, repeat(cls), zip(noted, _ids[0], strict=False)))

    @property
    def role(self) -> Role:
        """A caller waits for it."""
        return self.noted[0].role

    def feed(self) -> None:
        """Feed it to the instruments."""
        labels = self.noted[0]
        labels.using.usual_operations(labels).take(self)

    @staticmethod
    def feed_first(waiting: "list[UsualOperation]", number: int) -> None:
        """Feed so many of the first in the list together, and remove them from it; or raise, with those left in it."""
        groups = grouped(waiting, [noted[0] for noted, _ in waiting[:number]])
        for kind, size in [(labels.using.usual_operations(labels), size) for (labels,), size in groups]:
            kind.take_first(waiting, size)

    def entry(self) -> Entry:
        """Return its entry for the window; each time an equal one."""
        [row] = zip(*self.columns([self]), strict=True)
        return Entry(*row)

    @staticmethod
    def columns(waiting: "Sequence[UsualOperation]") -> list[Sequence[Any]]:
        """Return the columns of the entries of several, in the order of the fields of an entry; without making one."""
        noted, own_ids = zip(*waiting, strict=True)
        labels, starts_unix_s, durations_s = zip(*noted, strict=True)
        number = len(waiting)
        ends = list(map(add, starts_unix_s, durations_s))
        names, roles, roots = label_columns(labels)
        kinds, well = ("operation",) * number, ("ok",) * number
        none, no, zero = (None,) * number, (False,) * number, (0,) * number
        work = [kinds, names, durations_s, ends, no, none, well]
        return [*work, zero, own_ids, zero, none, none, none, roles, roots, none, no, no, none, none, none]

    @staticmethod
    def are_unremarkable(_: "Sequence[UsualOperation]") -> bool:
        """Return whether all are roots that ended well and in time."""
        return True


def durations_of(work: "Sequence[UsualOperation]") -> list[float]:
    """Return the seconds that each took."""
    return [noted[2] for noted, _ in work]
