"""A tracked operation from begin to end, for the decorator, the context manager and the callbacks of LangGraph."""

import logging
import math
from typing import Final

from opentelemetry.context import Context

from hydrochat_otel.instrumentation import attribution, contexts, instruments
from hydrochat_otel.instrumentation.attribution import Within
from hydrochat_otel.instrumentation.cancellations import outcome_of
from hydrochat_otel.instrumentation.finished import FinishedOperation
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
    admitted, limit_s = _admitted(using, name, threshold_s)
    return Operation(using, admitted, threshold_s=limit_s)


def _admitted(using: Instruments, name: str, threshold_s: float | None) -> tuple[str, float]:
    limit_s = using.response_time_threshold_s if threshold_s is None else threshold_s
    return using.operation_names.admit(name), limit_s


class Common:
    """What the operations of one name have in common that the same instruments record.

    Attributes:
        using: The instruments.
        name: Their label.
        threshold_s: Seconds above which one is a violation.
        alone: The operations for code inside, if no other operation is around.
        alone_inside: The context of code inside, if nothing at all is around and there is no tracer.
        steps: The operations for code inside, by the outermost operation around.
    """

    __slots__ = ("alone", "alone_inside", "name", "steps", "threshold_s", "using")

    def __init__(self, using: Instruments, name: str, threshold_s: float) -> None:
        self.using = using
        self.name = name
        self.threshold_s = threshold_s
        self.alone = Within(name, name)
        self.alone_inside = attribution.inside(Context(), self.alone, None)
        self.steps: dict[str, Within] = {}

    def step(self, root: str) -> Within:
        """Return the operations for code inside of a step of a root operation."""
        return self.steps.setdefault(root, Within(self.name, root))  # the names of operations are a closed set


class Tracked:
    """What is tracked under a name: a call begins an operation, with the arguments of :func:`begin`.

    Attributes:
        known: What its operations have in common with the instruments that recorded the last one; None for none yet.
    """

    __slots__ = ("_name", "_threshold_s", "known")

    def __init__(self, name: str, threshold_s: float | None) -> None:
        self._name = name
        self._threshold_s = threshold_s
        self.known: Common | None = None

    def __call__(self) -> Operation:
        """Begin an operation."""
        return begin(self._name, self._threshold_s)

    def common(self) -> Common:
        """Return what its operations have in common with the current instruments, and note it."""
        using = instruments.current()
        made = Common(using, *_admitted(using, self._name, self._threshold_s))
        if made.name == self._name:  # a refused name is refused, and counted, with each call
            self.known = made
        return made


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
        finished.name,
    )
