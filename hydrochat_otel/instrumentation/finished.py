"""Finished work as a frozen record, from which span attributes, metrics and the window's entry are all made."""

import os
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import eq, itemgetter, truediv
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from opentelemetry.trace import NonRecordingSpan, Span, StatusCode
from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.attribution import Within
from hydrochat_otel.instrumentation.batched import Kind, grouped
from hydrochat_otel.runtime import forks, process_globals
from hydrochat_otel.semconv import Outcome, Role
from hydrochat_otel.window.entry import Entry

if TYPE_CHECKING:
    from hydrochat_otel.instrumentation.usual import InnerOperation, UsualOperation

LateAttributes = Callable[[], dict[str, AttributeValue]]
"""Returns a new dictionary of the attributes of a span."""

_ID_BITS: Final = 64
_ID_MASK: Final = 2**_ID_BITS - 1
_NS: Final = 1e9
_new: Final = tuple.__new__

_salt: Final[list[int]] = []
"""Random, so that ids of work without a span differ between processes."""


def _draw_salt() -> None:
    _salt[:] = [int.from_bytes(os.urandom(_ID_BITS // 8))]


_draw_salt()
process_globals.register("salt of ids", _draw_salt)
forks.register(forks.Phase.WINDOW, in_child=_draw_salt)


class Ending:
    """When and how a piece of work ended, and its span.

    Holds plain values only: neither the span nor a context of the host lives longer because the record is queued.

    Attributes:
        duration_s: Seconds from start to finish by a monotonic clock.
        end_unix_ns: Start plus duration: a wall clock that is set back in between does not affect it.
        outcome: How it ended.
        error_type: Class name or status of the failure; None for none.
        trace_id: Trace of the span that was current inside: its own, or the one around it; 0 for none.
        span_id: Id of that span; exemplars carry both.
        parent_span_id: Id of the span around it; 0 for none.
        is_sampled: Whether the span that was current inside is sampled.
        is_traced: Whether the work has a span of its own.
    """

    __slots__ = ()

    duration_s: float
    end_unix_ns: int
    outcome: Outcome
    error_type: str | None
    trace_id: int
    span_id: int
    parent_span_id: int
    is_sampled: bool
    is_traced: bool

    @property
    def own_id(self) -> int:
        """The id of its entry: its span's, or one that distinguishes entries without a span; always the same."""
        span_id = self.span_id
        if self.is_traced and span_id and span_id != self.parent_span_id:
            return span_id
        # Records of the same time, if a clock is coarse, still differ in their place in memory.
        return hash((self.end_unix_ns, id(self), _salt[0])) & _ID_MASK

    def final(self, attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
        """Add how the work ended to the attributes of its span, and return them."""
        if self.outcome != "ok":
            attributes[semconv.OUTCOME] = self.outcome
        if self.error_type is not None:
            attributes[semconv.ERROR_TYPE] = self.error_type
        return attributes

    def end_span(self, span: Span, attributes: LateAttributes) -> None:
        """End the span of the work.

        Args:
            span: The span.
            attributes: Returns its final attributes besides the outcome; may be called later, and by several threads.
        """
        if type(span) is NonRecordingSpan:  # a sampler dropped it
            return
        # Spans that compute their attributes when something reads them have it.
        end_own: Callable[[Ending, LateAttributes], None] | None = getattr(span, "end_own", None)
        if end_own is not None:
            end_own(self, attributes)
            return
        if not span.is_recording():
            return
        if self.error_type is not None:
            span.set_status(StatusCode.ERROR)
        if final := self.final(attributes()):
            span.set_attributes(final)
        span.end(self.end_unix_ns)


class _Ended(NamedTuple):
    """The fields of :class:`Ending`, in its order."""

    duration_s: float
    end_unix_ns: int
    outcome: Outcome
    error_type: str | None
    trace_id: int = 0
    span_id: int = 0
    parent_span_id: int = 0
    is_sampled: bool = False
    is_traced: bool = False


class Ended(_Ended, Ending):
    """The ending of work whose record has other fields besides."""

    __slots__ = ()


class Recorder(Protocol):
    """Feeds finished operations to instruments."""

    def operations(self, labels: "OperationLabels", error_type: str | None) -> "Kind[FinishedOperation]":
        """Return what feeds operations with these labels that ended in this way."""

    def usual_operations(self, labels: "OperationLabels") -> "Kind[UsualOperation]":
        """Return what feeds usual operations with these labels, if nothing is around them."""

    def inner_operations(self, labels: "OperationLabels") -> "Kind[InnerOperation]":
        """Return what feeds usual operations with these labels inside something."""


class OperationLabels:
    """What the operations of one name below one root have in common that the same instruments record.

    Attributes:
        using: The instruments.
        name: Label of the operations.
        role: ``root`` if a caller waits for them, ``step`` inside another one.
        root: Name of the outermost operation; their own if they are the root.
        within: The operations around code inside.
    """

    __slots__ = ("name", "role", "root", "using", "within")

    def __init__(self, using: Recorder, name: str, role: Role, root: str) -> None:
        self.using = using
        self.name = name
        self.role: Role = role
        self.root = root
        self.within = Within(name, root)


def label_columns(labels: Sequence[OperationLabels]) -> tuple[list[str], list[Role], list[str]]:
    """Return the columns of names, roles and roots."""
    same, number = labels[0], len(labels)
    names, roles, roots = [same.name] * number, [same.role] * number, [same.root] * number
    if labels.count(same) < number:
        names, roles = [one.name for one in labels], [one.role for one in labels]
        roots = [one.root for one in labels]
    if roots == names:  # as of all roots: one column is packed faster than two
        roots = names
    return names, roles, roots


class _FinishedOperation(NamedTuple):
    """The fields of :class:`FinishedOperation`: those of its ending first."""

    duration_s: float
    end_unix_ns: int
    outcome: Outcome
    error_type: str | None
    trace_id: int
    span_id: int
    parent_span_id: int
    is_sampled: bool
    is_traced: bool
    labels: OperationLabels
    exceeded: bool


class FinishedOperation(_FinishedOperation, Ending):
    """One finished tracked operation: its ending, as one tuple with two more fields.

    Attributes:
        labels: What it has in common with others.
        exceeded: Whether it took longer than its threshold.
    """

    __slots__ = ()

    @property
    def ended(self) -> Ending:
        """When and how it ended."""
        return self

    @property
    def role(self) -> Role:
        """Whether a caller waits for it or it is a step."""
        return self.labels.role

    def span_attributes(self) -> dict[str, AttributeValue]:
        """Return the attributes of its span besides its outcome."""
        return {semconv.THRESHOLD_EXCEEDED: True} if self.exceeded else {}

    def feed(self) -> None:
        """Feed it to the instruments."""
        self.labels.using.operations(self.labels, self.error_type).take(self)

    @staticmethod
    def feed_first(waiting: "list[FinishedOperation]", number: int) -> None:
        """Feed so many of the first in the list together, and remove them from it; or raise, with those left in it."""
        some = waiting[:number]
        groups = grouped(waiting, list(map(_LABELS, some)), list(map(_ERROR, some)))
        for kind, size in [(of.using.operations(of, error), size) for (of, error), size in groups]:
            kind.take_first(waiting, size)

    def entry(self) -> Entry:
        """Return its entry for the window; each time an equal one."""
        duration_s, end_unix_ns, outcome, error_type, trace_id, _, parent_span_id, _, _, labels, exceeded = self
        # All fields in their order, as one tuple: the constructor takes twice the time.
        return _new(
            Entry,
            ("operation", labels.name, duration_s, end_unix_ns / _NS, exceeded, error_type, outcome, trace_id,
             self.own_id, parent_span_id, None, None, None, labels.role, labels.root, None, False, False, None, None,
             None),
        )  # fmt: skip

    @staticmethod
    def columns(waiting: "Sequence[FinishedOperation]") -> list[Sequence[Any]]:
        """Return the columns of the entries of several, in the order of the fields of an entry; without making one."""
        durations_s, ends_ns, outcomes, errors, traces, spans, parents, _, are_traced, labels, exceeded = zip(
            *waiting, strict=True
        )
        number = len(waiting)
        if not any(are_traced):
            hashes = map(hash, zip(ends_ns, map(id, waiting), repeat(_salt[0], number), strict=True))
            spans = tuple([one & _ID_MASK for one in hashes])
        elif not (all(are_traced) and all(spans)) or (any(parents) and any(map(eq, spans, parents))):
            spans = tuple([one.own_id for one in waiting])
        names, roles, roots = label_columns(labels)
        ends = list(map(truediv, ends_ns, repeat(_NS, number)))
        kinds, none, no = ("operation",) * number, (None,) * number, (False,) * number
        work = [kinds, names, durations_s, ends, exceeded, errors, outcomes]
        return [*work, traces, spans, parents, none, none, none, roles, roots, none, no, no, none, none, none]

    @staticmethod
    def are_unremarkable(waiting: "Sequence[FinishedOperation]") -> bool:
        """Return whether all are roots that ended well and in time."""
        if any(map(EXCEEDED, waiting)) or {"ok"} != set(map(OUTCOME, waiting)):
            return False
        return {"root"} == {labels.role for labels in set(map(_LABELS, waiting))}


# By their places: by their names they take twice the time.
DURATION: Final = itemgetter(FinishedOperation._fields.index("duration_s"))
OUTCOME: Final = itemgetter(FinishedOperation._fields.index("outcome"))
EXCEEDED: Final = itemgetter(FinishedOperation._fields.index("exceeded"))
_ERROR: Final = itemgetter(FinishedOperation._fields.index("error_type"))
_LABELS: Final = itemgetter(FinishedOperation._fields.index("labels"))
