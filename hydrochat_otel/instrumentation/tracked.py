"""A tracked operation from begin to end, for the decorator, the context manager and the callbacks of LangGraph."""

import logging
import math
from typing import Final

from opentelemetry.context import Context

from hydrochat_otel.instrumentation import contexts, instruments
from hydrochat_otel.instrumentation.cancellations import outcome_of
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.instrumentation.operation import Operation
from hydrochat_otel.runtime import collection, safe_log
from hydrochat_otel.semconv import Outcome

logger: Final = logging.getLogger("hydrochat_otel.performance")

NO_THRESHOLD: Final = math.inf


def begin(name: str, threshold_s: float | None, using: Instruments | None = None) -> Operation:
    """Begin an operation below the current one.

    Args:
        name: Name of the operation; a name that the closed set refuses becomes ``other``.
        threshold_s: Seconds above which it is a violation; None takes `HYDROCHAT_RESPONSE_TIME_THRESHOLD`.
        using: The instruments that record it; None takes the current ones.
    """
    using = using or instruments.current()
    admitted = using.operation_names.admit(name)
    limit_s = using.response_time_threshold_s if threshold_s is None else threshold_s
    return Operation(using, admitted, threshold_s=limit_s)


def attach(context: Context) -> None:
    """Make the context current; does nothing in a finaliser that the garbage collector runs, where that may crash."""
    if not collection.is_running():
        contexts.attach(context)


def end(operation: Operation | None, error: BaseException | None, outcome: Outcome | None = None) -> None:
    """End an operation: span, metrics, and the warning above its threshold; does nothing for None.

    Work that was closed, dropped or collected may end in a finaliser: its end is only noted, and recorded later.

    Args:
        operation: The operation; only its first end counts.
        error: What the work raised.
        outcome: How it ended, if the caller has better information than the exception.
    """
    if operation is None:
        return
    if isinstance(error, GeneratorExit) or collection.is_running():
        operation.drop(error, outcome or outcome_of(error))
        return
    finished = operation.finish(error, outcome=outcome)
    if finished is not None and finished.exceeded:
        safe_log.warning(
            logger,
            "⚠️ [PERFORMANCE] Response time %.2fs exceeds %ss threshold for operation: %s",
            finished.duration_s,
            operation.threshold_s,
            finished.name,
        )
