"""Work in progress: one object that owns the clock, the span and the end of a piece of work.

It starts once, is active while the work runs, and finishes exactly once. No other code starts a span or reads a clock.
"""

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import AttributeValue

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import attribution, late_contexts
from hydrochat_otel.instrumentation.attribution import SPAN_KEY, WITHIN_KEY, Within
from hydrochat_otel.instrumentation.cancellations import class_name, outcome_of
from hydrochat_otel.instrumentation.finished import Ended, Ending, FinishedOperation, LateAttributes, OperationLabels
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.instrumentation.late_contexts import Begin, Spare
from hydrochat_otel.runtime import failures, forks
from hydrochat_otel.semconv import Outcome
from hydrochat_otel.window.entry import Entry

_new: Final[Any] = tuple.__new__
"""Makes a named tuple without the function call of its constructor."""
_INTERNAL: Final = SpanKind.INTERNAL
_SAMPLED: Final = int(TraceFlags.SAMPLED)


class FinishedWork(Protocol):
    """The frozen record of finished work."""

    @property
    def ended(self) -> Ending:
        """When and how it ended."""

    def span_attributes(self) -> dict[str, AttributeValue]:
        """Return the attributes of its span besides its outcome."""

    def entry(self) -> Entry | None:
        """Return its entry for the window."""

    def feed(self) -> None:
        """Feed it to the instruments."""


class Work:
    """The clock and the span of a piece of work.

    Started by construction. Its context is current for a part of the work (for generators and streams: one step). None
    of the methods raises. It belongs to one logical flow; two threads that end it at the same time still end it once.

    Attributes:
        instruments: The instruments that it was started with and that record it.
        outside: The context in which it began.
        context: The context in which its span is current, for children and exemplars.
        span: Its own span; None if another library's span replaces it.

    Args:
        using: The instruments that record it.
        span_name: Name of its span.
        attributes: Initial attributes of its span.
        outside: The context in which it begins.
        kind: Kind of its span.
        traced: Whether it gets a span of its own.
        key: Under which code inside finds this object in its context; None for not at all.
    """

    __slots__ = ("_open", "_started_ns", "_started_unix_ns", "context", "instruments", "outside", "span")

    def __init__(
        self,
        using: Instruments,
        span_name: str,
        attributes: Mapping[str, AttributeValue],
        outside: Context,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        traced: bool = True,
        key: str | None = None,
    ) -> None:
        self.instruments = using
        self.outside = outside
        self._open = [True]
        self._started_unix_ns = started_unix_ns = time.time_ns()
        span: Span | None = None
        if traced and using.is_traced:
            span = start_span(using, span_name, outside, attributes, started_unix_ns, kind=kind)
        self.span = span
        self.context = inside = Context(outside)
        if span is not None:
            dict.__setitem__(inside, SPAN_KEY, span)  # no other code has this context yet
        if key is not None:
            dict.__setitem__(inside, key, self)
        self._started_ns = time.perf_counter_ns()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start by a monotonic clock."""
        return (time.perf_counter_ns() - self._started_ns) / 1e9

    @property
    def started_unix_s(self) -> float:
        """When it began, in seconds since the epoch."""
        return self._started_unix_ns / 1e9

    def skip(self, idle_ns: int) -> None:
        """Exclude a time in which the work waited to continue."""
        if self._started_ns >= forks.process.forked_ns:  # else it would seem to have begun here
            self._started_ns += idle_ns

    def _close(self) -> bool:
        """Return True to the first caller, which ends the work; work that a forked child inherits is its parent's."""
        try:
            return self._started_ns >= forks.process.forked_ns and self._open.pop()
        except IndexError:
            return False

    def _ended(
        self, error: BaseException | None, outcome: Outcome | None, error_type: str | None, ended_ns: int
    ) -> Ended:
        ended: Ended = _new(Ended, self._ending(error, outcome, error_type, ended_ns))
        return ended

    def _ending(
        self, error: BaseException | None, outcome: Outcome | None, error_type: str | None, ended_ns: int
    ) -> tuple[Any, ...]:
        """Return the fields of :class:`Ended`."""
        elapsed_ns = ended_ns - self._started_ns
        if outcome is None:
            outcome = outcome_of(error)
        error_type = self.instruments.error_types.admit(error_type or class_name(error)) if outcome == "error" else None
        clocks = elapsed_ns / 1e9, self._started_unix_ns + elapsed_ns
        return *clocks, outcome, error_type, *ids_of(self.span, self.outside)

    def end_span(self, ended: Ending, attributes: LateAttributes) -> None:
        """End the work's own span, if it has one that records; its attributes may be computed later."""
        span = self.span
        if span is not None:
            ended.end_span(span, attributes)


def ids_of(span: Span | None, outside: Context) -> tuple[int, int, int, bool, bool]:
    """Return the last fields of :class:`Ended` for work with this span, or without one, that began in the context."""
    outer: Any = outside.get(SPAN_KEY)
    around = INVALID_SPAN_CONTEXT if outer is None else _span_context(outer)
    own = around
    if span is not None:
        try:
            own = span.get_span_context()
        except BaseException as error:  # a span of the host's own kind
            failures.note("operation.finish", error)
            own = INVALID_SPAN_CONTEXT
    trace_id, span_id, _, flags, _, _ = own  # a tuple, whose properties cost a function call each
    return trace_id, span_id, around[1], flags & _SAMPLED == _SAMPLED, span is not None


def _span_context(span: Span) -> SpanContext:
    try:
        return span.get_span_context()
    except BaseException as error:  # a span of the host's own kind
        failures.note("operation.finish", error)
        return INVALID_SPAN_CONTEXT


def start_span(
    using: Instruments,
    name: str,
    outside: Context,
    attributes: Mapping[str, AttributeValue],
    start_unix_ns: int,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Span | None:
    """Start the span of work that is traced; None if the tracer fails."""
    try:
        return using.tracer.start_span(
            name, outside, kind, attributes, start_time=start_unix_ns, record_exception=False
        )
    except BaseException as error:  # an id generator, sampler or processor of the host may fail here
        failures.note("operation.start", error)
        return None


class DroppedWork(NamedTuple):
    """Work that a finaliser noted: its span ends when it is fed, by code that may wait.

    Attributes:
        work: The work.
        finished: Its finished record.
    """

    work: Work
    finished: FinishedWork

    def entry(self) -> Entry | None:
        """Return its entry for the window."""
        return self.finished.entry()

    def feed(self) -> None:
        """End its span and feed it to the instruments."""
        self.work.end_span(self.finished.ended, self.finished.span_attributes)
        self.finished.feed()


class Common:
    """What the operations of one name have in common that the same instruments record.

    Attributes:
        using: The instruments.
        is_traced: Whether their tracer may make spans.
        name: Their label.
        alone: What they have in common if no other operation is around.
        alone_inside: The context of code inside, if nothing at all is around and there is no tracer.
        begin: Begins one that has no span that records.
        spare: Where the context of one that nothing was around waits for the next one.
    """

    __slots__ = ("__weakref__", "_steps", "alone", "alone_inside", "begin", "is_traced", "name", "spare", "using")

    def __init__(self, using: Instruments, name: str) -> None:
        self.using = using
        self.is_traced = using.is_traced
        self.name = name
        self.alone = OperationLabels(using, name, "root", name)
        self.alone_inside = attribution.inside(Context(), self.alone.within, None)
        self._steps: dict[str, OperationLabels] = {}
        self.spare: Spare = {}
        self.begin: Begin = late_contexts.beginning(using.tracer, self)

    def labels(self, outside: Context) -> OperationLabels:
        """Return the labels of work that begins in the context."""
        around: Any = outside.get(WITHIN_KEY)
        return self.alone if around is None else self._steps.get(around.root) or self._step(around.root)

    def within(self, outside: Context) -> Within:
        """Return the operations around code inside work that begins in the context."""
        return self.labels(outside).within

    def begun(self, outside: Context, threshold_s: float | None) -> "Begun":
        """Begin work in the context.

        Args:
            outside: The context.
            threshold_s: Seconds above which it is a violation; None takes that of the instruments.
        """
        labels = self.labels(outside) if outside else self.alone
        started_unix_ns, using, name = time.time_ns(), self.using, self.name
        span: Span | None = None
        if self.is_traced:  # as start_span(), without a function call
            try:
                attributes = {semconv.OPERATION: name}
                span = using.tracer.start_span(name, outside, _INTERNAL, attributes, None, started_unix_ns, False)
            except BaseException as error:  # an id generator, sampler or processor of the host may fail here
                failures.note("operation.start", error)
        if outside or span is None:
            inside = attribution.inside(outside, labels.within, span) if outside else self.alone_inside
        else:
            inside = Context({WITHIN_KEY: labels.within, SPAN_KEY: span})
        if threshold_s is None:
            threshold_s = using.response_time_threshold_s
        return self, labels, threshold_s, span, inside, started_unix_ns, time.perf_counter_ns()

    def _step(self, root: str) -> OperationLabels:
        made = OperationLabels(self.using, self.name, "step", root)
        return self._steps.setdefault(root, made)  # the names of operations are a closed set


Begun = tuple[Common, OperationLabels, float, Span | None, Context, int, int]
"""What is left of an operation while it runs: its name's, its labels, the seconds above which it is a violation, its
own span, the context of code inside, and when it began: since the epoch, and by the monotonic clock."""


class Operation(Work):
    """A tracked operation: a root if no other one is around it, a step inside another.

    Attributes:
        labels: What it has in common with others.
        threshold_s: Seconds above which it counts as a violation.

    Args:
        begun: What has begun; it may have run until now without an operation.
        outside: The context in which it began.
    """

    __slots__ = ("labels", "threshold_s")

    def __init__(self, begun: Begun, outside: Context) -> None:
        common, labels, self.threshold_s, self.span, inside, self._started_unix_ns, self._started_ns = begun
        # A block is recognised by its context, so no two operations share one.
        self.context = Context(inside) if inside is common.alone_inside else inside
        self.instruments = common.using
        self.labels = labels
        self.outside = outside
        self._open = [True]

    def finish(self, error: BaseException | None = None, *, outcome: Outcome | None = None) -> FinishedOperation | None:
        """End the operation: span, metrics and the window's entry. Only the first call does; later ones return None.

        Args:
            error: What the work raised; cancellations are not errors. Its message is never read.
            outcome: How the work ended, if the caller has better information than the exception.
        """
        if not self._close():
            return None
        finished = self._record(error, outcome, time.perf_counter_ns())
        try:
            self.end_span(finished.ended, finished.span_attributes)
        except BaseException as failure:
            failures.note("operation.finish", failure)
        self.instruments.queue.put(finished)
        return finished

    def drop(self, error: BaseException | None = None, outcome: Outcome = "cancelled") -> None:
        """Note the end of an operation in code that a finaliser may run, such as for an unreferenced stream."""
        if self._close():
            ended_ns = time.perf_counter_ns()
            kind = class_name(error) if outcome == "error" else None
            self.instruments.queue.note(lambda: DroppedWork(self, self._record(None, outcome, ended_ns, kind)))

    def _record(
        self, error: BaseException | None, outcome: Outcome | None, ended_ns: int, error_type: str | None = None
    ) -> FinishedOperation:
        ending = self._ending(error, outcome, error_type, ended_ns)
        finished: FinishedOperation = _new(FinishedOperation, (*ending, self.labels, ending[0] > self.threshold_s))
        return finished
