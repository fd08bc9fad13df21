"""A tracked call of a plain function, in as few steps as possible.

Such a function may take microseconds itself, and each function of ours that a call passes costs as much as reading a
clock. So what an :class:`Operation` does in many steps is done here in one for a call that returns. A call that ends in
another way (it raises, returns unfinished work, or runs inside a garbage collection) continues as an operation.
"""

import math
import time
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan

from hydrochat_otel.instrumentation import contexts, results, tracked
from hydrochat_otel.instrumentation.attribution import SPAN_KEY
from hydrochat_otel.instrumentation.finished import FinishedOperation
from hydrochat_otel.instrumentation.instruments import binding
from hydrochat_otel.instrumentation.late_contexts import IN_ONE_VARIABLE, SeenContext, references
from hydrochat_otel.instrumentation.operation import Begun, Common, Operation, ids_of
from hydrochat_otel.instrumentation.tracked import Tracked
from hydrochat_otel.instrumentation.usual import NotedInside
from hydrochat_otel.runtime import collection, failures
from hydrochat_otel.runtime.collection import NEWEST
from hydrochat_otel.runtime.forks import process

Function = Callable[..., Any]

_COMPLETE: Final = frozenset({bool, int, float, str, bytes, list, tuple, dict, set})
"""Types of usual results, none of which is unfinished work."""
_NEVER: Final = math.nan
_new: Final[Any] = tuple.__new__
"""Makes a named tuple without the function call of its constructor."""


def plain_function(function: Function, kind: Tracked) -> Function:
    """Return a function with each call of the function tracked; its result may be unfinished work."""

    # All in one function: each further one that a call passes costs as much as reading a clock.
    def timed(*args: Any, **kwargs: Any) -> Any:
        before, has_returned = contexts.get_current(), False
        try:
            begun = inside = None
            known, started_s = kind.known, _NEVER  # since which nothing ends in time
            try:
                try:
                    if (
                        known is None
                        or known.using is not binding.bound
                        or NEWEST.value == "start"
                        or (
                            (inside := known.begin(before)) is None
                            if before
                            else known.is_traced
                            and (inside := known.spare.pop(0, None)) is None
                            and (inside := known.begin(before)) is None
                        )
                    ):
                        begun = _begin(kind, before)
                    else:  # there is no span that records
                        started_s = time.perf_counter()
                        contexts.attach(known.alone_inside if inside is None else inside)
                except BaseException as failure:
                    failures.note("performance.begin", failure)
                result = function(*args, **kwargs) if kwargs else function(*args)  # empty ones would be copied
                if result is not None and type(result) not in _COMPLETE:
                    # An operation that continues ends elsewhere.
                    begun = begun or _begun(known, kind.limit_s, before, inside, started_s)
                    result, begun, started_s = failures.contained(
                        "performance.result", _continuing, result, begun, before
                    ) or (result, begun, started_s)
                has_returned = True
                duration_s = (ended_s := time.perf_counter()) - started_s
                if known is not None and duration_s <= kind.limit_s and started_s >= process.forked_s:
                    contexts.attach(before)
                    record: Any = (
                        (known.alone, ended_s, duration_s)
                        if inside is None
                        or (  # nothing is around it and nothing has seen it: it waits for the next call
                            (spare := inside.spare) is not None
                            and references(inside) == IN_ONE_VARIABLE
                            and type(inside) is not SeenContext
                            and spare.setdefault(0, inside) is not None
                        )
                        else _inner(known, before, references(inside), inside, (ended_s, duration_s))
                    )
                    queue = known.using.queue
                    if len(queue.arrived) < queue.room:  # as put(), without a function call
                        queue.arrived.append(record)
                    else:
                        queue.put(record)
                else:
                    _end(begun or _begun(known, kind.limit_s, before, inside, started_s), before, None)
            except BaseException as error:
                if not has_returned:
                    begun = begun or _begun(known, kind.limit_s, before, inside, started_s)
                    failures.contained("performance.end", _end, begun, before, error)
                    raise
                failures.note("performance.end", error)
                _restore(before)
        except BaseException:  # also what the host raised at one of our lines
            failures.contained("performance.end", _restore, before)
            raise
        return result

    return timed


def _restore(before: Context) -> None:
    if contexts.get_current() is not before:
        tracked.attach(before)


def _begin(kind: Tracked, before: Context) -> Begun | Operation:
    """Begin a call, and make its context current; in a garbage collection it continues as an operation."""
    begun = kind.common().begun(before, kind.threshold_s)
    if collection.NEWEST.value == "start" and collection.is_running():
        return Operation(begun, before)
    contexts.attach(begun[4])
    return begun


def _begun(
    known: Common | None, limit_s: float, before: Context, inside: Context | None, started_s: float
) -> Begun | None:
    """Return what has begun without a span that records, if it ends in another way than usual; None for nothing.

    Args:
        known: What it has in common with others.
        limit_s: Seconds above which it is a violation.
        before: The context in which it began.
        inside: The context of code inside; None if nothing was around.
        started_s: When it began, in seconds by the monotonic clock.
    """
    if known is None or math.isnan(started_s):
        return None
    if inside is None:
        inside = known.alone_inside
    span: Any = inside.get(SPAN_KEY) if known.is_traced else None
    return known, known.labels(before), limit_s, span, inside, _unix_ns(started_s), int(started_s * 1e9)


def _unix_ns(moment_s: float) -> int:
    """Return when a moment of the monotonic clock was, just before, in nanoseconds since the epoch."""
    return time.time_ns() - int((time.perf_counter() - moment_s) * 1e9)


def _inner(
    known: Common, before: Context, number: int, inside: SeenContext, took: tuple[float, float]
) -> FinishedOperation | NotedInside:
    """Return the record of a call without a span that records that ended well and in time.

    Args:
        known: What it has in common with others.
        before: The context in which it began.
        number: The number of references to the context of code inside.
        inside: That context. Its span has ids if something has looked at it, or may do so later.
        took: When it ended (in seconds by the monotonic clock), and the seconds that it took.
    """
    ended_s, duration_s = took
    labels = known.labels(before)
    if number == IN_ONE_VARIABLE and type(inside) is not SeenContext:
        return labels, ended_s, duration_s, inside.parent
    span: Any = inside.get(SPAN_KEY) if known.is_traced else None
    ids = ids_of(span, before)
    record: FinishedOperation = _new(
        FinishedOperation, (duration_s, _unix_ns(ended_s), "ok", None, *ids, labels, False)
    )
    return record


def _continuing(
    result: Any, begun: Begun | Operation | None, before: Context
) -> tuple[Any, Operation | None, float] | None:
    """Return unfinished work, the operation unless the work ends it, and no start; None for a complete result."""
    if not isinstance(begun, tuple) or not results.is_unfinished(type(result)):
        return None
    contexts.attach(before)
    operation = Operation(begun, before)
    work = failures.contained("performance.result", results.continued, result, operation)
    return (result, operation, math.nan) if work is None else (work, None, math.nan)


def _end(begun: Begun | Operation | None, before: Context, raised: BaseException | None) -> None:
    """End a call; one that did not return ends as an operation."""
    ended_ns = time.perf_counter_ns()
    if not isinstance(begun, tuple):  # its context is not current
        tracked.end(begun, raised)
        return
    contexts.attach(before)
    if raised is not None:
        tracked.end(Operation(begun, before), raised)
        return
    common, labels, threshold_s, span, _, started_unix_ns, started_ns = begun
    if started_ns < process.forked_ns:  # it is the parent's
        return
    elapsed_ns = ended_ns - started_ns
    duration_s, end_unix_ns = elapsed_ns / 1e9, started_unix_ns + elapsed_ns
    exceeded = duration_s > threshold_s
    record: FinishedOperation = _new(
        FinishedOperation, (duration_s, end_unix_ns, "ok", None, *ids_of(span, before), labels, exceeded)
    )
    if span is not None and type(span) is not NonRecordingSpan:
        try:
            record.end_span(span, record.span_attributes)
        except BaseException as failure:
            failures.note("operation.finish", failure)
    common.using.queue.put(record)
    if exceeded:
        tracked.warn(record, threshold_s)
