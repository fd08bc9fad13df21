"""Response times: :func:`track_response_time` measures, :class:`PerformanceMetrics` summarises the retained window."""

import functools
import inspect
import logging
import math
import os
from collections.abc import Callable
from contextvars import Token
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from opentelemetry import trace
from opentelemetry.context import Context

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import generators, instruments
from hydrochat_otel.instrumentation.operation import Operation
from hydrochat_otel.runtime import failures
from hydrochat_otel.semconv import Outcome
from hydrochat_otel.window import window
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.summary import summarise
from hydrochat_otel.window.window import Kept, MetricsStore

logger = logging.getLogger("hydrochat_otel.performance")

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
        mine = next((pair for pair in reversed(self._open) if pair[0].span is span), self._open[-1])
        self._open.remove(mine)
        operation, token = mine
        operation.leave(token)
        end(operation, error)

    def _begin(self) -> Operation:
        using = instruments.current()
        name = using.operation_names.admit(self._name)
        threshold_s = using.response_time_threshold_s if self._threshold_s is None else self._threshold_s
        return Operation(using, name, {semconv.OPERATION: name}, threshold_s=threshold_s)


def end(operation: Operation, error: BaseException | None, outcome: Outcome | None = None) -> None:
    """End a tracked operation: span, metrics, and the warning above its threshold; never raises.

    Args:
        operation: What ends; only its first end counts.
        error: What the work raised.
        outcome: How it ended, where the caller knows better than the exception says.
    """
    if not operation.finish(error, outcome=outcome):
        return
    try:
        using, name, duration_s = operation.instruments, operation.name, operation.duration_s
        using.defer(
            using.record_operation, name, duration_s, operation.error_type, operation.exceeded, operation.context
        )
        if operation.exceeded:
            logger.warning(
                "⚠️ [PERFORMANCE] Response time %.2fs exceeds %ss threshold for operation: %s",
                duration_s,
                operation.threshold_s,
                name,
            )
    except Exception as failure:  # a handler of the host's may fail while the warning is logged
        failures.note("performance.end", failure)


# -- reading ------------------------------------------------------------------------------------------------------


class PerformanceMetrics:
    """The retained window of response times.

    The one from :func:`get_performance_metrics` reads what the pipeline keeps; one that is constructed has a window
    of its own, which only :meth:`add_response_time` fills.

    Args:
        max_entries: The most that is kept.
        ttl_hours: Age in hours from which an entry is not served any more.
    """

    def __init__(self, max_entries: int = 1000, ttl_hours: float = 24) -> None:
        self._own: MetricsStore | None = MetricsStore(max_entries, ttl_hours)

    @classmethod
    def of_pipeline(cls) -> Self:
        """Return a view of the window that the pipeline fills."""
        view = cls.__new__(cls)
        view._own = None  # noqa: SLF001 - the same class
        return view

    @property
    def _store(self) -> MetricsStore:
        return self._own if self._own is not None else window.get_global_metrics_store()

    @property
    def max_entries(self) -> int:
        """The most that is kept."""
        return self._store.max_entries

    @property
    def ttl_hours(self) -> float:
        """Age in hours from which an entry is not served any more."""
        return self._store.ttl_hours

    @property
    def response_times(self) -> list[dict[str, Any]]:
        """Each retained operation, oldest first.

        Keys: `operation`, `duration` (s), `timestamp` (aware, UTC), `exceeded_threshold`, `error` (name of the
        exception's class or None).
        """
        return [
            {
                "operation": entry.operation,
                "duration": entry.duration_s,
                "timestamp": datetime.fromtimestamp(entry.end_unix_s, UTC),
                "exceeded_threshold": entry.exceeded_threshold,
                "error": entry.error,
            }
            for entry in self._store.live_entries("operation")
        ]

    def add_response_time(
        self,
        operation: str,
        duration: float,
        timestamp: datetime,
        exceeded_threshold: bool,
        error: str | None = None,
    ) -> None:
        """Add an operation that was measured elsewhere: `duration` in seconds, `timestamp` aware or naive local.

        On the pipeline's window it is counted in the instruments, too.
        """
        using = instruments.current()
        name = using.operation_names.admit(operation)
        error_type = None if error is None else using.error_types.admit(error)
        outcome = "ok" if error is None else "error"
        end_unix_s = timestamp.timestamp()
        # An id of its own tells it from another one of the same moment, where windows of several processes meet.
        span_id = int.from_bytes(os.urandom(8))
        entry = Entry("operation", name, duration, end_unix_s, exceeded_threshold, error_type, outcome, 0, span_id)
        self._store.insert(entry, datetime.now(UTC).timestamp() - end_unix_s)
        if self._own is None:
            using.defer(using.record_operation, name, duration, error_type, exceeded_threshold, Context())

    def get_summary(self) -> dict[str, Any]:
        """Summarise the retained operations.

        Keys: `metrics_count` and its alias `total_operations`, `avg_response_time`, `max_response_time`,
        `min_response_time`, `p50_response_time`, `p95_response_time`, `p99_response_time` (s), `threshold_violations`,
        `violation_rate` (0 to 1), `errors`. An empty window gives zeros.
        """
        return summarise(self._store.live_entries("operation")).as_dict()

    def cleanup_expired(self) -> int:
        """Free what has expired and return its number."""
        return self._store.cleanup_expired()

    def reset(self) -> None:
        """Forget the retained operations; counters for Prometheus never fall and keep theirs."""
        self._store.remove(_is_operation)


def _is_operation(kept: Kept) -> bool:
    return isinstance(kept, Entry) and kept.kind == "operation"


_OF_PIPELINE: Final = PerformanceMetrics.of_pipeline()


def get_performance_metrics() -> PerformanceMetrics:
    """Return the response times that the pipeline keeps."""
    return _OF_PIPELINE


def get_performance_summary() -> dict[str, Any]:
    """Summarise the response times that the pipeline keeps; the keys of :meth:`PerformanceMetrics.get_summary`."""
    return _OF_PIPELINE.get_summary()


def reset_performance_metrics() -> None:
    """Forget the response times that the pipeline keeps."""
    _OF_PIPELINE.reset()
