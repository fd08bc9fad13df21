"""Response times: :func:`track_response_time` measures, :func:`get_performance_metrics` reads what is kept."""

import functools
import inspect
import math
from collections.abc import Callable
from contextvars import Token
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from opentelemetry import trace
from opentelemetry.context import Context

from hydrochat_otel.instrumentation import generators, instruments
from hydrochat_otel.instrumentation.operation import Operation
from hydrochat_otel.instrumentation.tracked import begin, end
from hydrochat_otel.window import window
from hydrochat_otel.window.response_times import PerformanceMetrics
from hydrochat_otel.window.store import MetricsStore

_F = TypeVar("_F", bound=Callable[..., Any])


def track_response_time(operation_name: str, threshold_seconds: float | None = None) -> "ResponseTimeTracker":
    """Time an operation: a decorator for functions of all four kinds, and a context manager.

        @track_response_time("classify_intent")
        async def classify(message): ...

        with track_response_time("render_reply", threshold_seconds=0.5):
            ...

    Plain and asynchronous functions and generators are timed on a monotonic clock, also when they raise; what they
    return, raise, yield and receive passes untouched. A generator is timed from its first step to its end.

    Args:
        operation_name: An identifier without white space (``chat.turn``). Names in any other form, names that look
            like a record number, and names beyond `HYDROCHAT_MAX_OPERATIONS` are counted as ``other``.
        threshold_seconds: A longer duration is a violation and logs one warning. None takes
            `HYDROCHAT_RESPONSE_TIME_THRESHOLD`, which is 2.0 unless set.

    Raises:
        TypeError: The name is no text.
        ValueError: The threshold is no number of at least 0.
    """
    return ResponseTimeTracker(operation_name, threshold_seconds)


class ResponseTimeTracker:
    """What :func:`track_response_time` returns; one tracker may serve any number of calls at once."""

    __slots__ = ("_name", "_open", "_threshold_s")

    def __init__(self, operation_name: str, threshold_seconds: float | None = None) -> None:
        if not isinstance(operation_name, str):
            raise TypeError(f"operation_name must be a str, not {type(operation_name).__name__}.")
        if threshold_seconds is not None and not (math.isfinite(threshold_seconds) and threshold_seconds >= 0):
            raise ValueError(f"threshold_seconds={threshold_seconds} is not allowed: it must be at least 0.")
        self._name = operation_name
        self._threshold_s = threshold_seconds
        self._open: list[tuple[Operation, Token[Context]]] = []

    def __call__(self, function: _F) -> _F:
        """Decorate a function; the kind of function is decided here, not at each call."""
        if isinstance(function, classmethod):
            raise TypeError("track_response_time decorates functions; put it below @classmethod.")
        called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
        wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
        if inspect.isasyncgenfunction(called):
            wrap = functools.partial(generators.wrap_async_generator, begin=self._begin, end=end)
        elif inspect.iscoroutinefunction(called):
            wrap = self._wrap_async
        elif inspect.isgeneratorfunction(called):
            wrap = functools.partial(generators.wrap_generator, begin=self._begin, end=end)
        else:
            wrap = self._wrap_sync
        return cast("_F", functools.wraps(function)(wrap(function)))

    def _wrap_sync(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            operation = self._begin()
            token = operation.enter()
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                operation.leave(token)
                end(operation, error)
                raise
            operation.leave(token)
            end(operation, None)
            return result

        return timed

    def _wrap_async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def timed(*args: Any, **kwargs: Any) -> Any:
            operation = self._begin()
            token = operation.enter()
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                operation.leave(token)
                end(operation, error)
                raise
            operation.leave(token)
            end(operation, None)
            return result

        return timed

    def __enter__(self) -> Self:
        """Start an operation."""
        operation = self._begin()
        self._open.append((operation, operation.enter()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the operation that this block started, also where other threads or tasks use the same tracker."""
        span = trace.get_current_span()
        mine = next(
            (pair for pair in reversed(self._open) if trace.get_current_span(pair[0].context) is span), self._open[-1]
        )
        self._open.remove(mine)
        operation, token = mine
        operation.leave(token)
        end(operation, error)

    def _begin(self) -> Operation:
        return begin(self._name, self._threshold_s)


# -- reading ------------------------------------------------------------------------------------------------------


class _PipelineMetrics(PerformanceMetrics):
    """The response times in the window that the pipeline fills."""

    def __init__(self) -> None:
        """Have no window of its own."""

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
    """Return the response times that the pipeline keeps."""
    return _of_pipeline


def get_performance_summary() -> dict[str, Any]:
    """Summarise the response times that the pipeline keeps; the keys of :meth:`PerformanceMetrics.get_summary`."""
    return _of_pipeline.get_summary()


def reset_performance_metrics() -> None:
    """Remove the response times that the pipeline keeps."""
    _of_pipeline.reset()
