"""The records of the most usual operations: no span was recorded, and they ended well and in time.

Most calls of a process without a tracer, or whose sampler drops most spans, are such operations. So the host's path
notes three or four fields of them and the rest is stated here, for a piece of the queue at a time.
"""

import random
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import count, repeat
from operator import add, itemgetter
from typing import Any, Final, NamedTuple

from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, TraceFlags

from hydrochat_otel.instrumentation.batched import Kind, grouped
from hydrochat_otel.instrumentation.finished import OperationLabels, label_columns
from hydrochat_otel.runtime import forks, process_globals
from hydrochat_otel.semconv import Outcome, Role
from hydrochat_otel.window.entry import Entry

Noted = tuple[OperationLabels, float, float]
"""What is noted of one with nothing around: its labels, when it ended (in seconds by the monotonic clock), and how many
it took."""
NotedInside = tuple[OperationLabels, float, float, SpanContext | None]
"""What is noted of one with something around: the same, and the context of the span around it, if there is a valid one.
"""

_SAMPLED: Final = int(TraceFlags.SAMPLED)
_ALONE: Final = 3
"""The number of fields that are noted of one with nothing around."""
_SOON_S: Final = 5e-6
"""Three clocks are read within it, unless something else runs meanwhile."""
_LOOKS: Final = 3
_ids: Final[list[Iterator[int]]] = []
"""Gives the next id; begins anywhere, so that ids differ between processes."""


def _draw_ids() -> None:
    _ids[:] = [count(random.SystemRandom().getrandbits(63))]


_draw_ids()
process_globals.register("ids of usual operations", _draw_ids)
forks.register(forks.Phase.WINDOW, in_child=_draw_ids)


def _difference_s() -> float:
    """Return the time of day less the monotonic clock.

    The host's path reads the monotonic clock alone. What it notes is dated when it is settled, about a second later: if
    the time of day is set in between, or the machine sleeps, by the new difference.
    """
    looks = list[tuple[float, float]]()
    while len(looks) < _LOOKS and (not looks or min(looks)[0] > _SOON_S):
        before_s, unix_s, after_s = time.perf_counter(), time.time(), time.perf_counter()
        looks.append((after_s - before_s, unix_s - (before_s + after_s) / 2))
    return min(looks)[1]


class _Ended(NamedTuple):
    """How one of them ended."""

    trace_id: int = 0
    outcome: Outcome = "ok"
    error_type: None = None


class _Noted(tuple[Any, int, float]):
    """An operation that ended well and in time.

    Not a named tuple, whose constructor takes more time.

    Attributes:
        noted: What the host's path noted of it.
        own_id: The id of its entry.
        difference_s: The time of day less the monotonic clock.
    """

    __slots__ = ()

    noted: Final = property(itemgetter(0))
    own_id: Final = property(itemgetter(1))
    difference_s: Final = property(itemgetter(2))
    exceeded: Final = False

    @property
    def role(self) -> Role:
        """Whether a caller waits for it or it is a step."""
        role: Role = self[0][0].role
        return role

    @staticmethod
    @abstractmethod
    def kind_of(labels: OperationLabels) -> Kind[Any]:
        """Return what feeds those with these labels."""

    @staticmethod
    @abstractmethod
    def columns(waiting: Sequence[Any]) -> list[Sequence[Any]]:
        """Return the columns of the entries of several, in the order of the fields of an entry; without making one."""

    def feed(self) -> None:
        """Feed it to the instruments."""
        self.kind_of(self[0][0]).take(self)

    @classmethod
    def feed_first(cls, waiting: list[Any], number: int) -> None:
        """Feed so many of the first in the list together, and remove them from it; or raise, with those left in it."""
        groups = grouped(waiting, [one[0][0] for one in waiting[:number]])
        for kind, size in [(cls.kind_of(labels), size) for (labels,), size in groups]:
            kind.take_first(waiting, size)

    def entry(self) -> Entry:
        """Return its entry for the window; each time an equal one."""
        [row] = zip(*self.columns([self]), strict=True)
        return Entry(*row)


class UsualOperation(_Noted):
    """A root without a span and without anything around that ended well and in time."""

    __slots__ = ()

    ended: Final = _Ended()

    @classmethod
    def complete(cls, noted: Sequence[Noted | NotedInside]) -> "list[UsualOperation | InnerOperation]":
        """Return the records of what was noted of several."""
        fields = zip(noted, _ids[0], repeat(_difference_s()), strict=False)
        if len(noted) * _ALONE == sum(map(len, noted)):
            return list(map(cls, fields))
        return [cls(one) if len(one[0]) == _ALONE else InnerOperation(one) for one in fields]

    @staticmethod
    def kind_of(labels: OperationLabels) -> "Kind[UsualOperation]":
        """Return what feeds those with these labels."""
        return labels.using.usual_operations(labels)

    @staticmethod
    def columns(waiting: "Sequence[UsualOperation]") -> list[Sequence[Any]]:
        """Return the columns of the entries of several, in the order of the fields of an entry; without making one."""
        noted, own_ids, differences_s = zip(*waiting, strict=True)
        zero = (0,) * len(waiting)
        return _columns(differences_s, *zip(*noted, strict=True), zero, own_ids, zero)

    @staticmethod
    def are_unremarkable(_: "Sequence[UsualOperation]") -> bool:
        """Return whether all are roots that ended well and in time."""
        return True


class InnerOperation(_Noted):
    """An operation with a span or another operation around that ended well and in time.

    It has no span, or one that nothing has seen. Its exemplars carry the span around it.
    """

    __slots__ = ()

    @property
    def ended(self) -> _Ended:
        """How it ended."""
        return _Ended(self.trace_id)

    @property
    def trace_id(self) -> int:
        """The trace of the span around it; 0 for none."""
        return _around(self)[0]

    @property
    def span_id(self) -> int:
        """The id of that span; 0 for none."""
        return _around(self)[1]

    @property
    def is_sampled(self) -> bool:
        """Whether that span is sampled."""
        return bool(_around(self)[3] & _SAMPLED)

    @staticmethod
    def kind_of(labels: OperationLabels) -> "Kind[InnerOperation]":
        """Return what feeds those with these labels."""
        return labels.using.inner_operations(labels)

    @staticmethod
    def columns(waiting: "Sequence[InnerOperation]") -> list[Sequence[Any]]:
        """Return the columns of the entries of several, in the order of the fields of an entry; without making one."""
        noted, own_ids, differences_s = zip(*waiting, strict=True)
        *work, around = zip(*noted, strict=True)
        traces, parents, *_ = zip(*[one or INVALID_SPAN_CONTEXT for one in around], strict=True)
        return _columns(differences_s, *work, traces, own_ids, parents)

    @staticmethod
    def are_unremarkable(waiting: "Sequence[InnerOperation]") -> bool:
        """Return whether all are roots that ended well and in time."""
        return all(labels.role == "root" for labels in {one[0][0] for one in waiting})


def _around(one: InnerOperation) -> SpanContext:
    """Return the context of the span around it, or an invalid one."""
    return one[0][3] or INVALID_SPAN_CONTEXT


def _columns(
    differences_s: Sequence[float],
    labels: Sequence[OperationLabels],
    ended_s: Sequence[float],
    durations_s: Sequence[float],
    *ids: Sequence[int],
) -> list[Sequence[Any]]:
    number = len(labels)
    ends = list(map(add, ended_s, differences_s))
    names, roles, roots = label_columns(labels)
    kinds, well = ("operation",) * number, ("ok",) * number
    none, no = (None,) * number, (False,) * number
    work = [kinds, names, durations_s, ends, no, none, well]
    return [*work, *ids, none, none, none, roles, roots, none, no, no, none, none, none]


def durations_of(work: "Sequence[UsualOperation | InnerOperation]") -> list[float]:
    """Return the seconds that each took."""
    return [one[0][2] for one in work]


def are_unsampled(work: "Sequence[InnerOperation]") -> bool:
    """Return whether no span around them is sampled."""
    return not any(around is not None and around[3] & _SAMPLED for (_, _, _, around), *_ in work)
