"""Finished work as a frozen record, from which span attributes, metrics and the window's entry are all made."""

import os
from collections.abc import Callable, Sequence
from operator import eq
from typing import Any, Final, NamedTuple, Protocol

from opentelemetry.trace import NonRecordingSpan, Span, StatusCode
from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.runtime import forks, process_globals
from hydrochat_otel.semconv import Outcome, Role
from hydrochat_otel.window.entry import Entry

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


class Ended(NamedTuple):
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

    duration_s: float
    end_unix_ns: int
    outcome: Outcome
    error_type: str | None
    trace_id: int = 0
    span_id: int = 0
    parent_span_id: int = 0
    is_sampled: bool = False
    is_traced: bool = False

    @property
    def own_id(self) -> int:
        """The id of its entry: its span's, or one that distinguishes entries without a span; always the same."""
        span_id = self.span_id
        if self.is_traced and span_id and span_id != self.parent_span_id:
            return span_id
        # Records of the same time, if a clock is coarse, still differ in their place in memory.
        return hash((self.end_unix_ns, self.duration_s, id(self), _salt[0])) & _ID_MASK

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
        end_own: Callable[[Ended, LateAttributes], None] | None = getattr(span, "end_own", None)
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


class Recorder(Protocol):
    """Feeds finished operations to instruments."""

    def record_operation(self, finished: "FinishedOperation") -> None:
        """Feed one finished operation."""


class FinishedOperation(NamedTuple):
    """One finished tracked operation.

    Attributes:
        using: The instruments that record it.
        name: Label of the operation.
        role: ``root`` if a caller waits for it, ``step`` inside another one.
        root: Name of the outermost operation; its own if it is the root.
        exceeded: Whether it took longer than its threshold.
        ended: When and how it ended.
    """

    using: Recorder
    name: str
    role: Role
    root: str
    exceeded: bool
    ended: Ended

    @property
    def duration_s(self) -> float:
        """Seconds from start to finish."""
        return self.ended.duration_s

    @property
    def is_bad(self) -> bool:
        """Whether it failed or took longer than the threshold that it states."""
        return self.exceeded or self.ended.outcome == "error"

    def span_attributes(self) -> dict[str, AttributeValue]:
        """Return the attributes of its span besides its outcome."""
        return {semconv.THRESHOLD_EXCEEDED: True} if self.exceeded else {}

    def feed(self) -> None:
        """Feed it to the instruments."""
        self.using.record_operation(self)

    def entry(self) -> Entry:
        """Return its entry for the window; each time an equal one."""
        ended = self.ended
        duration_s, end_unix_ns, outcome, error_type, trace_id, _, parent_span_id, _, _ = ended
        end_unix_s = end_unix_ns / _NS
        # All fields in their order, as one tuple: the constructor takes twice the time.
        return _new(
            Entry,
            ("operation", self.name, duration_s, end_unix_s, self.exceeded, error_type, outcome, trace_id, ended.own_id,
             parent_span_id, None, None, None, self.role, self.root, None, False, False, None, None, None),
        )  # fmt: skip

    @staticmethod
    def columns(waiting: "Sequence[FinishedOperation]") -> list[Sequence[Any]]:
        """Return the columns of the entries of several, in the order of the fields of an entry; without making one."""
        _, names, roles, roots, exceeded, ended = zip(*waiting, strict=True)
        durations_s, ends_ns, outcomes, errors, traces, spans, parents, _, are_traced = zip(*ended, strict=True)
        if not (all(are_traced) and all(spans)) or (any(parents) and any(map(eq, spans, parents))):
            spans = tuple([one.own_id for one in ended])
        ends = [end_ns / _NS for end_ns in ends_ns]
        number = len(waiting)
        kinds, none, no = ("operation",) * number, (None,) * number, (False,) * number
        work = [kinds, names, durations_s, ends, exceeded, errors, outcomes]
        return [*work, traces, spans, parents, none, none, none, roles, roots, none, no, no, none, none, none]
