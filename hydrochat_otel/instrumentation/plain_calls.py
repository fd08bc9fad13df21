"""A tracked call of a plain function, in as few steps as possible.

Such a function may take microseconds itself, and each function of ours that a call passes costs as much as reading a
clock. So what an :class:`Operation` does in many steps is done here in two for a call that returns. A call that ends in
another way (it raises, returns unfinished work, or runs inside a garbage collection) continues as an operation.
"""

import time
from collections.abc import Callable
from types import NoneType
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan

from hydrochat_otel.instrumentation import contexts, instruments, results, tracked
from hydrochat_otel.instrumentation.finished import FinishedOperation
from hydrochat_otel.instrumentation.operation import Begun, Common, Operation, ids_of
from hydrochat_otel.instrumentation.tracked import Tracked
from hydrochat_otel.runtime import collection, failures

Function = Callable[..., Any]

_COMPLETE: Final = frozenset({NoneType, bool, int, float, str, bytes, list, tuple, dict, set})
"""Types of usual results, none of which is unfinished work."""
_new: Final[Any] = tuple.__new__
"""Makes a named tuple without the function call of its constructor."""


def plain_function(function: Function, kind: Tracked) -> Function:
    """Return a function with each call of the function tracked; its result may be unfinished work."""

    def timed(*args: Any, **kwargs: Any) -> Any:
        before = contexts.get_current()
        try:
            return _run(function, kind, before, args, kwargs)
        finally:
            if contexts.get_current() is not before:  # the host raised at one of our lines
                tracked.attach(before)

    return timed


def _run(function: Function, kind: Tracked, before: Context, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    begun: Begun | Operation | None = None
    alone: Begun | None = None  # the same, if nothing is around and there is no span
    try:
        try:
            known, bound = kind.known, instruments.binding.bound
            common = known if known is not None and known.using is bound else kind.common()
            newest = collection.NEWEST.args  # looked at here, because the function call costs as much as both clocks
            if before or common.is_traced or (newest and newest[0] == "start"):
                begun = _begin(common, kind.threshold_s, before)
            else:  # as there, without a function call
                own_s, common_s = kind.threshold_s, common.using.response_time_threshold_s
                threshold_s, inside = common_s if own_s is None else own_s, common.alone_inside
                alone = common, common.alone, threshold_s, None, inside, time.time_ns(), time.perf_counter_ns()
                contexts.attach(inside)
        except BaseException as failure:
            failures.note("performance.begin", failure)
        result = function(*args, **kwargs) if kwargs else function(*args)  # empty ones would be copied
        if type(result) not in _COMPLETE:
            continuing = failures.contained("performance.result", _continuing, result, alone or begun, before)
            if continuing is not None:
                alone = None
                result, begun = continuing
    except BaseException as error:
        failures.contained("performance.end", _end, alone or begun, before, error)
        raise
    try:
        if alone is None:
            _end(begun, before, None)
            return result
        ended_ns = time.perf_counter_ns()
        contexts.attach(before)
        common, labels, threshold_s, _, _, started_unix_ns, started_ns = alone
        elapsed_ns = ended_ns - started_ns
        duration_s, end_unix_ns = elapsed_ns / 1e9, started_unix_ns + elapsed_ns
        exceeded = duration_s > threshold_s
        fields = duration_s, end_unix_ns, "ok", None, 0, 0, 0, False, False, labels, exceeded
        common.using.queue.put(fields)
        if exceeded:
            tracked.warn(_new(FinishedOperation, fields), threshold_s)
    except BaseException as failure:
        failures.note("performance.end", failure)
    return result


def _begin(common: Common, threshold_s: float | None, before: Context) -> Begun | Operation:
    """Begin a call, and make its context current; in a garbage collection it continues as an operation."""
    begun = common.begun(before, threshold_s)
    newest = collection.NEWEST.args
    if newest and newest[0] == "start" and collection.is_running():
        return Operation(begun, before)
    contexts.attach(begun[4])
    return begun


def _continuing(result: Any, begun: Begun | Operation | None, before: Context) -> tuple[Any, Operation | None] | None:
    """Return unfinished work and the operation, unless the work ends it; None for a complete result."""
    if not isinstance(begun, tuple) or not results.is_unfinished(type(result)):
        return None
    contexts.attach(before)
    operation = Operation(begun, before)
    work = failures.contained("performance.result", results.continued, result, operation)
    return (result, operation) if work is None else (work, None)


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
    record: Any = duration_s, end_unix_ns, "ok", None, *ids_of(span, before), labels, exceeded
    if exceeded or (span is not None and type(span) is not NonRecordingSpan):
        record = _new(FinishedOperation, record)
        if span is not None:
            try:
                record.end_span(span, record.span_attributes)
            except BaseException as failure:
                failures.note("operation.finish", failure)
    common.using.queue.put(record)
    if exceeded:
        tracked.warn(record, threshold_s)
