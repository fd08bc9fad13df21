"""Response times: :func:`track_response_time` measures, :func:`get_performance_metrics` reads the window."""

import inspect
import math
import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from opentelemetry.context import Context

from hydrochat_otel.instrumentation import callables, contexts, instruments
from hydrochat_otel.instrumentation.operation import Operation
from hydrochat_otel.instrumentation.tracked import Tracked, attach, end
from hydrochat_otel.runtime import failures, interruptions
from hydrochat_otel.window import window
from hydrochat_otel.window.response_times import PerformanceMetrics
from hydrochat_otel.window.store import MetricsStore

_F = TypeVar("_F", bound=Callable[..., Any])


def track_response_time(operation_name: str, threshold_seconds: float | None = None) -> "ResponseTimeTracker":
    """Time an operation: a decorator for callables of every kind, and a context manager.

        @track_response_time("classify_intent")
        async def classify(message): ...

        with track_response_time("render_reply", threshold_seconds=0.5):
            ...

    The clock is monotonic. What the callable returns, raises, yields and receives passes unchanged, and `inspect` sees
    the same as without it. A coroutine or generator is timed from its first step to its end, also one that a plain
    function, a partial or an object with `__call__` returns.

    Args:
        operation_name: An identifier without white space (``chat.turn``). Names in any other form, names that look like
            a record number, and names beyond `HYDROCHAT_MAX_OPERATIONS` are counted as ``other``.
        threshold_seconds: A longer duration is a violation and logs one warning. None takes
            `HYDROCHAT_RESPONSE_TIME_THRESHOLD`, which is 2.0 unless set.

    Raises:
        TypeError: The name is not a str.
        ValueError: The threshold is below 0 or not finite.
    """
    return ResponseTimeTracker(operation_name, threshold_seconds)


class ResponseTimeTracker:
    """The result of :func:`track_response_time`; one tracker may serve any number of calls at once."""

    __slots__ = ("_begin", "_name", "_open", "_threshold_s")

    def __init__(self, operation_name: str, threshold_seconds: float | None = None) -> None:
        if not isinstance(operation_name, str):
            raise TypeError(f"operation_name must be a str, not {type(operation_name).__name__}.")
        if threshold_seconds is not None and not (math.isfinite(threshold_seconds) and threshold_seconds >= 0):
            raise ValueError(f"threshold_seconds={threshold_seconds} is not allowed: it must be at least 0.")
        self._name = operation_name
        self._threshold_s = threshold_seconds
        self._begin = Tracked(operation_name, threshold_seconds)
        self._open: list[_Block] = []

    def __call__(self, function: _F) -> _F:
        """Decorate a callable; its kind is determined here, not at each call.

        Raises:
            TypeError: The argument cannot be called, as a classmethod or a property cannot.
        """
        return cast("_F", callables.decorated(function, self._begin, self))

    def __reduce__(self) -> tuple[Any, ...]:
        return track_response_time, (self._name, self._threshold_s)

    def __enter__(self) -> Self:
        """Begin an operation."""
        before = contexts.get_current()
        try:
            self._enter(before)
        except BaseException as failure:
            # If the host raised at one of our lines the block is not entered, and `__exit__` will not run.
            attach(before)
            failures.note("performance.begin", failure)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the operation that this block began, also if other threads or tasks use the same tracker."""
        try:
            self._exit(error)
        except BaseException as failure:
            inside = contexts.get_current()
            for block in self._open:
                if block.operation is not None and block.operation.context is inside:
                    attach(block.before)
                    self._open.remove(block)
                    break
            failures.note("performance.end", failure)

    def _enter(self, before: Context) -> None:
        block = _Block(before)
        self._open.append(block)
        try:
            block.operation = self._begin()
            attach(block.operation.context)
        except BaseException as failure:
            if interruptions.is_the_hosts(failure):
                self._open.remove(block)
            failures.note("performance.begin", failure)

    def _exit(self, error: BaseException | None) -> None:
        block = self._block()
        if block is not None:
            block.leave()
            self._open.remove(block)
            end(block.operation, error)

    def _block(self) -> "_Block | None":
        """Return the block that ends: the current one, else the frame's, else the newest of the thread."""
        inside, frame, thread = contexts.get_current(), _frame_of_with(), threading.get_ident()
        of_frame = of_thread = None
        for block in reversed(self._open):
            if block.operation is not None and block.operation.context is inside:
                return block
            if of_frame is None and block.frame == frame:
                of_frame = block
            if of_thread is None and block.thread == thread:
                of_thread = block
        return of_frame or of_thread


class _Block:
    """A ``with`` block that is open.

    Attributes:
        before: The context that was current outside of it.
        frame: Identity of the frame that entered it; unique while the block is open.
        operation: Its operation; None if that could not begin.
        thread: Identifier of the thread that entered it.
    """

    __slots__ = ("before", "frame", "operation", "thread")

    def __init__(self, before: Context) -> None:
        self.before = before
        self.frame = _frame_of_with()
        self.operation: Operation | None = None
        self.thread = threading.get_ident()

    def leave(self) -> None:
        """Restore the context that was current outside; does nothing if another context is current by now."""
        if self.operation is not None and contexts.get_current() is self.operation.context:
            attach(self.before)


def _frame_of_with() -> int:
    """Return the identity of the frame that runs the ``with`` statement: the first one outside of this module."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals is globals():
        frame = frame.f_back
    return id(frame)


# -- reading ------------------------------------------------------------------------------------------------------


class _PipelineMetrics(PerformanceMetrics):
    """The response times in the window that the pipeline fills."""

    def __init__(self) -> None:
        """Make no window of its own."""

    @property
    def _store(self) -> MetricsStore:
        return window.get_global_metrics_store()

    def add_response_time(
        self,
        operation: str,
        duration: float,
        timestamp: datetime,
        exceeded_threshold: bool,
        error: str | None = None,
    ) -> None:
        """Add an operation that was measured elsewhere to the window and to the instruments."""
        using = instruments.current()
        name = using.operation_names.admit(operation)
        error_type = None if error is None else using.error_types.admit(error)
        super().add_response_time(name, duration, timestamp, exceeded_threshold, error_type)
        using.record_measured(name, duration, timestamp.timestamp(), error_type, exceeded=exceeded_threshold)


_of_pipeline: Final = _PipelineMetrics()


def get_performance_metrics() -> PerformanceMetrics:
    """Return the response times of the window that the pipeline fills."""
    return _of_pipeline


def get_performance_summary() -> dict[str, Any]:
    """Summarise the response times of the pipeline's window; the keys of :meth:`PerformanceMetrics.get_summary`."""
    return _of_pipeline.get_summary()


def reset_performance_metrics() -> None:
    """Remove the response times from the pipeline's window."""
    _of_pipeline.reset()
