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

from hydrochat_otel.instrumentation import contexts, instruments, results, tracked
from hydrochat_otel.instrumentation.finished import FinishedOperation
from hydrochat_otel.instrumentation.operation import Begun, Common, Operation, ids_of
from hydrochat_otel.instrumentation.tracked import Tracked
from hydrochat_otel.runtime import collection, failures

Function = Callable[..., Any]

_COMPLETE: Final = frozenset({bool, int, float, str, bytes, list, tuple, dict, set})
"""Types of usual results, none of which is unfinished work."""
_new: Final[Any] = tuple.__new__
"""Makes a named tuple without the function call of its constructor."""


def plain_function(function: Function, kind: Tracked) -> Function:
    """Return a function with each call of the function tracked; its result may be unfinished work."""

    # All in one function: each further one that a call passes costs as much as reading a clock.
    def timed(*args: Any, **kwargs: Any) -> Any:
        before, has_returned = contexts.get_current(), False
        try:
            begun: Begun | Operation | None = None
            known, started_unix_s, started_ns = kind.known, math.nan, math.nan  # since which nothing ends in time
            try:
                try:
                    if (
                        before
                        or known is None
                        or known.is_traced
                        or known.using is not instruments.binding.bound
                        or collection.NEWEST.value == "start"
                    ):
                        begun = _begin(kind, before)
                    else:  # nothing is around, and there is no span
                        started_unix_s, started_ns = time.time(), time.perf_counter_ns()
                        contexts.attach(known.alone_inside)
                except BaseException as failure:
                    failures.note("performance.begin", failure)
                result = function(*args, **kwargs) if kwargs else function(*args)  # empty ones would be copied
                if result is not None and type(result) not in _COMPLETE:
                    # An operation that continues ends elsewhere.
                    begun = begun or _begun(known, kind, started_unix_s, started_ns)
                    result, begun, started_ns = failures.contained(
                        "performance.result", _continuing, result, begun, before
                    ) or (result, begun, started_ns)
                has_returned = True
                duration_s = (time.perf_counter_ns() - started_ns) / 1e9
                if known is not None and duration_s <= kind.limit_s:
                    contexts.attach(before)
                    queue = known.using.queue
                    if len(queue.arrived) < queue.room:  # as put(), without a function call
                        queue.arrived.append((known.alone, started_unix_s, duration_s))
                    else:
                        queue.put((known.alone, started_unix_s, duration_s))
                else:
                    _end(begun or _begun(known, kind, started_unix_s, started_ns), before, None)
            except BaseException as error:
                if not has_returned:
                    begun = begun or _begun(known, kind, started_unix_s, started_ns)
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


def _begun(known: Common | None, kind: Tracked, started_unix_s: float, started_ns: float) -> Begun | None:
    """Return what has begun without anything around, if its call ends in another way than usual; None for nothing."""
    if known is None or math.isnan(started_ns):
        return None
    return known, known.alone, kind.limit_s, None, known.alone_inside, int(started_unix_s * 1e9), int(started_ns)


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
