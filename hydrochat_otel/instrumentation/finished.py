"""Finished work as a frozen record, from which span attributes, metrics and the window's entry are all made."""

import os
from collections.abc import Callable
from typing import Final, NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import StatusCode
from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.semconv import Outcome, Role
from hydrochat_otel.window.entry import Entry

_ID_BYTES: Final = 8


class Ids(NamedTuple):
    """The ids of a piece of work: trace, span and parent span; 0 where there is none."""

    trace_id: int
    span_id: int
    parent_span_id: int


class Ended(NamedTuple):
    """When and how a piece of work ended, and where it stood among others.

    Attributes:
        duration_s: Seconds from start to finish by a monotonic clock.
        end_unix_ns: Start plus duration: a wall clock that is set back in between cannot bend it.
        outcome: How it ended.
        error_type: Class name or status of the failure; None for none.
        inside: The context in which it ran, its span included; exemplars take their trace from it.
        outside: The context in which it began.
        is_traced: Whether it has a span of its own.
    """

    duration_s: float
    end_unix_ns: int
    outcome: Outcome
    error_type: str | None
    inside: Context
    outside: Context
    is_traced: bool

    def ids(self) -> Ids:
        """Return the ids of the work; without a span of its own it gets an id, so that entries can be told apart."""
        own = trace.get_current_span(self.inside).get_span_context()
        above = trace.get_current_span(self.outside).get_span_context()
        if self.is_traced and own.span_id not in {0, above.span_id}:
            return Ids(own.trace_id, own.span_id, above.span_id)
        return Ids(above.trace_id, int.from_bytes(os.urandom(_ID_BYTES)), above.span_id)

    def end_span(self, attributes: dict[str, AttributeValue]) -> None:
        """End the span of the work, if it has one, with what became known about it."""
        span = trace.get_current_span(self.inside)
        if not self.is_traced or not span.is_recording():
            return
        if self.outcome != "ok":
            attributes[semconv.OUTCOME] = self.outcome
        if self.error_type is not None:
            attributes[semconv.ERROR_TYPE] = self.error_type
        end_own: Callable[..., None] | None = getattr(span, "end_own", None)  # of spans that take all in one step
        if end_own is not None:
            end_own(attributes, is_error=self.error_type is not None, end_time=self.end_unix_ns)
            return
        if self.error_type is not None:
            span.set_status(StatusCode.ERROR)
        if attributes:
            span.set_attributes(attributes)
        span.end(self.end_unix_ns)


class FinishedOperation(NamedTuple):
    """One finished tracked operation.

    Attributes:
        name: Label of the operation.
        role: ``root`` where a caller waits for it, ``step`` inside another one.
        root: Name of the outermost operation; its own if it is the root.
        exceeded: Whether it took longer than its threshold.
        ended: When and how it ended.
    """

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

    def end_span(self) -> None:
        """End its span with what became known about it."""
        self.ended.end_span({semconv.THRESHOLD_EXCEEDED: True} if self.exceeded else {})

    def entry(self) -> Entry:
        """Return what the window keeps of it."""
        ended = self.ended
        ids = ended.ids()
        return Entry(
            "operation",
            self.name,
            ended.duration_s,
            ended.end_unix_ns / 1e9,
            self.exceeded,
            ended.error_type,
            ended.outcome,
            ids.trace_id,
            ids.span_id,
            ids.parent_span_id,
            role=self.role,
            root_operation=self.root,
        )
