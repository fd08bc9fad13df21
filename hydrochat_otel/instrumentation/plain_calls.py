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

from hydrochat_otel.instrumentation import contexts, results, tracked
from hydrochat_otel.instrumentation.attribution import SPAN_KEY
from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation
from hydrochat_otel.instrumentation.operation import Begun, Operation, ids_of
from hydrochat_otel.instrumentation.tracked import Tracked
from hydrochat_otel.runtime import collection, failures

Function = Callable[..., Any]

_COMPLETE: Final = frozenset({NoneType, bool, int, float, str, bytes, list, tuple, dict, set})
"""Types of usual results, none of which is unfinished work."""
_UNTRACED: Final = (0, 0, 0, False, False)
"""What :func:`ids_of` returns if there is no span."""
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
    raised: BaseException | None = None
    try:
        try:
            begun = _begin(kind, before)
        except BaseException as failure:
            failures.note("performance.begin", failure)
        result = function(*args, **kwargs)
        if type(begun) is Begun and type(result) not in _COMPLETE:
            continuing = failures.contained("performance.result", _continuing, result, begun, before)
            if continuing is not None:
                result, begun = continuing
    except BaseException as error:
        raised = error
        raise
    else:
        return result
    finally:
        try:
            if begun is not None:
                _end(begun, before, raised)
        except BaseException as failure:
            failures.note("performance.end", failure)
        finally:
            raised = None  # no cycle of exception, traceback and frame


def _begin(kind: Tracked, before: Context) -> Begun | Operation:
    """Begin a call, and make its context current; in a garbage collection it continues as an operation."""
    begun = kind.begun(before)
    newest = collection.NEWEST.args  # looked at here, because the function call costs as much as both clocks
    if newest and newest[0] == "start" and collection.is_running():
        return Operation(begun, before)
    contexts.attach(begun.inside)
    return begun


def _continuing(result: Any, begun: Begun, before: Context) -> tuple[Any, Operation | None] | None:
    """Return unfinished work and the operation, unless the work ends it; None for a complete result."""
    if not results.is_unfinished(type(result)):
        return None
    contexts.attach(before)
    operation = Operation(begun, before)
    work = failures.contained("performance.result", results.continued, result, operation)
    return (result, operation) if work is None else (work, None)


def _end(begun: Begun | Operation, before: Context, raised: BaseException | None) -> None:
    ended_ns = time.perf_counter_ns()
    if isinstance(begun, Operation):  # its context is not current
        tracked.end(begun, raised)
        return
    contexts.attach(before)
    if raised is not None:
        tracked.end(Operation(begun, before), raised)
        return
    common, within, threshold_s, span, _, started_unix_ns, started_ns = begun
    elapsed_ns = ended_ns - started_ns
    duration_s = elapsed_ns / 1e9
    ids = _UNTRACED if span is None and SPAN_KEY not in before else ids_of(span, before)
    ended: Ended = _new(Ended, (duration_s, started_unix_ns + elapsed_ns, "ok", None, *ids))
    using = common.using
    role = "root" if within is common.alone else "step"
    fields = using, common.name, role, within.root, duration_s > threshold_s, ended
    finished: FinishedOperation = _new(FinishedOperation, fields)
    if span is not None:
        try:
            ended.end_span(span, finished.span_attributes)
        except BaseException as failure:
            failures.note("operation.finish", failure)
    using.queue.put(finished)
    if finished.exceeded:
        tracked.warn(finished, threshold_s)
