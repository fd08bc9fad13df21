"""A tracked call of a plain function, in as few steps as possible.

Such a function may take microseconds itself, and each function of ours that a call passes costs as much as reading a
clock. So what an :class:`Operation` does in many steps is done here in two for a call that returns. A call that ends in
another way (it raises, returns unfinished work, or runs inside a garbage collection) continues as an operation.
"""

import time
from collections.abc import Callable
from types import NoneType
from typing import Any, Final, NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import Span

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import attribution, contexts, instruments, results, tracked
from hydrochat_otel.instrumentation.attribution import SPAN_KEY, WITHIN_KEY, Within
from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation
from hydrochat_otel.instrumentation.operation import Operation, ids_of, start_span
from hydrochat_otel.instrumentation.tracked import Common, Tracked
from hydrochat_otel.runtime import collection, failures

Function = Callable[..., Any]

_COMPLETE: Final = frozenset({NoneType, bool, int, float, str, bytes, list, tuple, dict, set})
"""Types of usual results, none of which is unfinished work."""
_UNTRACED: Final = (0, 0, 0, False, False)
"""What :func:`ids_of` returns if there is no span."""
_new: Final[Any] = tuple.__new__
"""Makes a named tuple without the function call of its constructor."""


class _Begun(NamedTuple):
    """A call that has begun.

    Attributes:
        common: What it has in common with others.
        within: The operations for code inside.
        span: Its own span; None if nothing is traced.
        inside: The context of code inside.
        is_current: Whether that context is current; not if a finaliser makes the call inside a garbage collection.
        started_unix_ns: When it began, since the epoch.
        started_ns: When it began, by the monotonic clock.
    """

    common: Common
    within: Within
    span: Span | None
    inside: Context
    is_current: bool
    started_unix_ns: int
    started_ns: int


class _Resumed(Operation):
    """The operation of a call that began without one."""

    __slots__ = ()

    def __init__(self, begun: _Begun, outside: Context) -> None:
        common, within, self.span, self.context, _, self._started_unix_ns, self._started_ns = begun
        self.instruments = common.using
        self.threshold_s = common.threshold_s
        self.name, self.root = within
        self.role = "root" if within is common.alone else "step"
        self.outside = outside
        self._open = [True]


def plain_function(function: Function, kind: Tracked) -> Function:
    """Return a function with each call of the function tracked; its result may be unfinished work."""

    def timed(*args: Any, **kwargs: Any) -> Any:
        before = contexts.get_current()
        begun: _Begun | Operation | None = None
        raised: BaseException | None = None
        try:
            try:
                try:
                    begun = _begin(kind, before)
                except BaseException as failure:
                    failures.note("performance.begin", failure)
                result = function(*args, **kwargs)
                if type(begun) is _Begun and type(result) not in _COMPLETE and results.is_unfinished(type(result)):
                    begun = _Resumed(begun, before)
                    work = failures.contained("performance.result", results.continued, result, begun)
                    if work is not None:
                        result, begun = work, None
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
        finally:
            if contexts.get_current() is not before:  # the work continues, or the host raised at one of our lines
                tracked.attach(before)

    return timed


def _begin(kind: Tracked, before: Context) -> _Begun:
    common = kind.known
    if common is None or common.using is not instruments.binding.bound:
        common = kind.common()
    around: Any = before.get(WITHIN_KEY)
    within = common.alone if around is None else common.steps.get(around.root) or common.step(around.root)
    started_unix_ns, using, span = time.time_ns(), common.using, None
    if using.start_span is not None:
        name = common.name
        span = start_span(using, name, before, {semconv.OPERATION: name}, started_unix_ns)
    inside = attribution.inside(before, within, span) if before or span is not None else common.alone_inside
    # Looked at here, because the function call costs as much as both clocks.
    is_current = not collection.NEWEST.args or collection.NEWEST.args[0] != "start" or not collection.is_running()
    begun: _Begun = _new(_Begun, (common, within, span, inside, is_current, started_unix_ns, time.perf_counter_ns()))
    if is_current:
        contexts.attach(inside)
    return begun


def _end(begun: _Begun | Operation, before: Context, raised: BaseException | None) -> None:
    if isinstance(begun, Operation):
        tracked.attach(before)
        tracked.end(begun, raised)
        return
    ended_ns = time.perf_counter_ns()
    common, within, span, _, is_current, started_unix_ns, started_ns = begun
    if is_current:
        contexts.attach(before)
    if raised is not None or not is_current:
        tracked.end(_Resumed(begun, before), raised)
        return
    elapsed_ns = ended_ns - started_ns
    duration_s = elapsed_ns / 1e9
    ids = _UNTRACED if span is None and SPAN_KEY not in before else ids_of(span, before)
    ended: Ended = _new(Ended, (duration_s, started_unix_ns + elapsed_ns, "ok", None, *ids))
    using, threshold_s, role = common.using, common.threshold_s, "root" if within is common.alone else "step"
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
