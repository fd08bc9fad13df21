"""A tracked operation from begin to end, for the decorator, the context manager and the callbacks of LangGraph."""

import logging
import math
from typing import Final

from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.instrumentation.operation import Operation
from hydrochat_otel.runtime import failures
from hydrochat_otel.semconv import Outcome

logger: Final = logging.getLogger("hydrochat_otel.performance")

NO_THRESHOLD: Final = math.inf


def begin(name: str, threshold_s: float | None, using: Instruments | None = None) -> Operation:
    """Begin an operation below what is current.

    Args:
        name: Name of the operation; one that the rule of names refuses becomes ``other``.
        threshold_s: Seconds above which it is a violation; None takes `HYDROCHAT_RESPONSE_TIME_THRESHOLD`.
        using: What records it; None takes the current instruments.
    """
    using = using or instruments.current()
    admitted = using.operation_names.admit(name)
    limit_s = using.response_time_threshold_s if threshold_s is None else threshold_s
    return Operation(using, admitted, threshold_s=limit_s)


def end(operation: Operation, error: BaseException | None, outcome: Outcome | None = None) -> None:
    """End an operation: span, metrics, and the warning above its threshold; never raises.

    Args:
        operation: The operation; only its first end counts.
        error: What the work raised.
        outcome: How it ended, if the caller knows better than the exception says.
    """
    finished = operation.finish(error, outcome=outcome)
    if finished is None or not finished.exceeded:
        return
    try:
        logger.warning(
            "⚠️ [PERFORMANCE] Response time %.2fs exceeds %ss threshold for operation: %s",
            finished.duration_s,
            operation.threshold_s,
            finished.name,
        )
    except Exception as failure:  # a log handler of the host may raise
        failures.note("performance.end", failure)
