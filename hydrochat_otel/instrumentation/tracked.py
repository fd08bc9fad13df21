"""A tracked operation from begin to end, for the decorator, the context manager and the callbacks of LangGraph."""

import logging
import math
from typing import Any, Final

from opentelemetry.context import Context

from hydrochat_otel.instrumentation import contexts, instruments
from hydrochat_otel.instrumentation.cancellations import outcome_of
from hydrochat_otel.instrumentation.finished import FinishedOperation
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.instrumentation.operation import Common, Operation
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
    outside = contexts.get_current()
    return Operation(common_of(using or instruments.current(), name).begun(outside, threshold_s), outside)


def common_of(using: Instruments, name: str) -> Common:
    """Return what operations of the name have in common; the instruments keep it for the closed set of names."""
    key = Common, name
    known = using.plans.get(key)
    if isinstance(known, Common):
        return known
    made = Common(using, using.operation_names.admit(name))
    if made.name == name:
        using.plans[key] = made
    return made


class Tracked:
    """What is tracked under a name, with the first two arguments of :func:`begin`; called, it begins an operation.

    Attributes:
        threshold_s: As the argument of :func:`begin`.
        known: What the operations of the instruments that recorded the last one have in common; None for none.
        limit_s: Seconds above which one is a violation, for these instruments.
    """

    __slots__ = ("_name", "known", "limit_s", "threshold_s")

    def __init__(self, name: str, threshold_s: float | None) -> None:
        self._name = name
        self.threshold_s = threshold_s
        self.limit_s = 0.0
        self.known: Common | None = None

    def __call__(self) -> Operation:
        """Begin an operation below the current one."""
        outside = contexts.get_current()
        return Operation(self.common().begun(outside, self.threshold_s), outside)

    def __reduce__(self) -> tuple[Any, ...]:
        return Tracked, (self._name, self.threshold_s)  # functions are stored by value as well, as `cloudpickle` does

    def common(self) -> Common:
        """Return what the operations have in common that the current instruments record."""
        common = self.known
        if common is None or common.using is not instruments.binding.bound:
            common = common_of(instruments.current(), self._name)
            # A refused name is refused, and counted, with each call.
            if common.name == self._name:
                own_s = self.threshold_s
                # Before others see that it is known.
                self.limit_s = common.using.response_time_threshold_s if own_s is None else own_s
                self.known = common
            else:
                self.known = None
        return common


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
        warn(finished, operation.threshold_s)


def warn(finished: FinishedOperation, threshold_s: float) -> None:
    """Log that an operation exceeded its threshold."""
    safe_log.warning(
        logger,
        "⚠️ [PERFORMANCE] Response time %.2fs exceeds %ss threshold for operation: %s",
        finished.duration_s,
        threshold_s,
        finished.labels.name,
    )
