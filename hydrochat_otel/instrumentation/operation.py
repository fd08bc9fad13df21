"""The operation: one object that owns the clock, the span and the outcome of a piece of work.

It starts once, is active while the work runs, and finishes exactly once. Nobody else starts a span or reads a clock.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from contextvars import Token
from typing import Final

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.runtime import failures
from hydrochat_otel.semconv import Outcome

_CANCELLATIONS: Final = (asyncio.CancelledError, GeneratorExit)


def outcome_of(error: BaseException | None) -> Outcome:
    """Return how work ended that raised this, or nothing; a cancellation is no error."""
    if error is None:
        return "ok"
    return "cancelled" if isinstance(error, _CANCELLATIONS) else "error"


class Operation:
    """A piece of work that is timed and traced.

    Started by construction. :meth:`enter` and :meth:`leave` make its span current for a stretch of the work (for
    generators and streams: one step), :meth:`finish` ends it. None of the methods raises. One operation belongs to
    one logical flow; finishing from two threads at once still ends it once.

    Attributes:
        instruments: What it was started with and is recorded by.
        name: Name of the span.
        span: The span; a non-recording one where nobody traces.
        context: The context in which the span is current, for children and exemplars.
        duration_s: Seconds from start to finish by a monotonic clock; None before the finish.
        outcome: How it ended; None before the finish.
        error_type: Class name or status of the failure; None for none.
        threshold_s: Seconds above which it counts as a violation.
        exceeded: Whether it took longer than that.

    With `traced=False` it has no span of its own, because somebody else's stands for the work.
    """

    __slots__ = (
        "_open",
        "_started_ns",
        "_started_unix_ns",
        "context",
        "duration_s",
        "error_type",
        "exceeded",
        "instruments",
        "name",
        "outcome",
        "span",
        "threshold_s",
    )

    def __init__(
        self,
        instruments: Instruments,
        name: str,
        attributes: Mapping[str, AttributeValue],
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        threshold_s: float = math.inf,
        traced: bool = True,
    ) -> None:
        self.instruments = instruments
        self.name = name
        self.threshold_s = threshold_s
        self.exceeded = False
        self.duration_s: float | None = None
        self.outcome: Outcome | None = None
        self.error_type: str | None = None
        self.span: Span = trace.INVALID_SPAN
        self.context: Context = context_api.get_current()
        self._open = [True]
        self._started_unix_ns = time.time_ns()
        try:
            if traced:
                self.span = instruments.tracer.start_span(
                    name, self.context, kind, attributes, start_time=self._started_unix_ns, record_exception=False
                )
                self.context = trace.set_span_in_context(self.span, self.context)
        except Exception as error:  # an id generator, sampler or processor of the host's may fail here
            failures.note("operation.start", error)
        self._started_ns = time.perf_counter_ns()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start by a monotonic clock."""
        return (time.perf_counter_ns() - self._started_ns) / 1e9

    def enter(self) -> Token[Context]:
        """Make the span current in the calling thread or task; returns what :meth:`leave` takes."""
        return context_api.attach(self.context)

    def leave(self, token: Token[Context]) -> None:
        """Undo one :meth:`enter`."""
        context_api.detach(token)

    def finish(
        self,
        error: BaseException | None = None,
        *,
        outcome: Outcome | None = None,
        error_type: str | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        ended_ns: int | None = None,
    ) -> bool:
        """End the operation; only the first call does, and returns True.

        Args:
            error: What the work raised; cancellations are no errors. Its message is never looked at.
            outcome: How the work ended, when the caller knows better than the exception says.
            error_type: Overrides the exception's class name, for instance with a status code.
            attributes: What became known during the work, set on the span.
            ended_ns: When it ended by ``time.perf_counter_ns()``, if that was before now.
        """
        try:
            self._open.pop()
        except IndexError:
            return False
        elapsed_ns = (ended_ns or time.perf_counter_ns()) - self._started_ns
        self.duration_s = elapsed_ns / 1e9
        self.exceeded = self.duration_s > self.threshold_s
        if outcome is None:
            outcome = outcome_of(error)
        self.outcome = outcome
        if outcome == "error":
            self.error_type = self.instruments.error_types.admit(error_type or type(error).__name__)
        try:
            self._end_span(elapsed_ns, attributes)
        except Exception as failure:
            failures.note("operation.finish", failure)
        return True

    def _end_span(self, elapsed_ns: int, attributes: Mapping[str, AttributeValue] | None) -> None:
        span = self.span
        if not span.is_recording():
            return
        if attributes:
            span.set_attributes(attributes)
        if self.exceeded:
            span.set_attribute(semconv.THRESHOLD_EXCEEDED, True)
        if self.outcome != "ok":
            span.set_attribute(semconv.OUTCOME, self.outcome or "")
        if self.error_type is not None:
            span.set_attribute(semconv.ERROR_TYPE, self.error_type)
            span.set_status(StatusCode.ERROR)
        # Start plus monotonic time, so that a wall clock that is set back in between cannot bend the duration.
        span.end(self._started_unix_ns + elapsed_ns)
