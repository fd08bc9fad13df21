"""The telemetry's own failures: counted by component and logged, while the application continues.

A failure is named by its component (a short constant) and the class of the exception, never by the exception's message:
a message can quote what a patient typed. An exception that the host raised into our code, such as a time limit, is
raised again.
"""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, Final

from hydrochat_otel import semconv
from hydrochat_otel.runtime import interruptions, process_globals, safe_log

logger: Final = logging.getLogger("hydrochat_otel")

_MOST_SENTENCES: Final = 256
_QUIET_S: Final = 60.0
"""Seconds before a sentence about the same kind of failure (a component and a class) is logged again."""
_NAME: Final = type.__dict__["__name__"]
"""Reads the name of a class, whatever its metaclass does."""

_counts: Final[Counter[str]] = Counter()
_logged_s: Final[OrderedDict[str, float]] = OrderedDict()
"""The monotonic time at which each sentence was logged last."""


def note(
    component: str,
    error: BaseException | None = None,
    *,
    sentence: str | None = None,
    quiet: bool = False,
    own_thread: bool = False,
) -> None:
    """Count one failure of the component, and log it once per kind and minute; any thread may call.

    Called where an exception is caught that must not reach the host. It raises nothing of its own.

    Args:
        component: Short constant name, the label value of ``hydrochat.telemetry.errors``.
        error: The caught exception; only the name of its class is used.
        sentence: What to log instead of the general sentence; each different one is logged once.
        quiet: Do not log; the caller does.
        own_thread: Nothing of the host's runs in this thread, so nothing is raised again.

    Raises:
        BaseException: The error again, if the host raised it into our code: a signal handler's time limit, Ctrl-C.
    """
    if error is not None and not own_thread and interruptions.is_the_hosts(error):
        raise error
    try:
        # Two threads may lose one increment; that does not justify a lock on the host's path.
        _counts[component] += 1
        if quiet:
            return
        if sentence is not None:
            if _is_due(sentence, None):
                safe_log.warning(logger, "%s", sentence)
            return
        cause = "" if error is None else f" ({_NAME.__get__(type(error))})"
        if _is_due(component + cause, _QUIET_S):
            safe_log.warning(
                logger,
                "Telemetry failed at %s%s; the application continues, further failures are counted in %s.",
                component,
                cause,
                semconv.TELEMETRY_ERRORS.name,
            )
    except BaseException as failure:  # such as a MemoryError; the host must not notice
        if not own_thread and interruptions.is_the_hosts(failure):
            raise


def contained(component: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of ours from the host's path and return its result; None if it fails, which is noted.

    Raises:
        BaseException: As :func:`note`.
    """
    try:
        return function(*arguments)
    except BaseException as error:
        note(component, error)
        return None


def counts() -> dict[str, int]:
    """Return the number of failures by component since the process started."""
    return dict(_counts)


def forget() -> None:
    """Start at zero: in a forked child, because the parent publishes what it counted, and between tests."""
    _counts.clear()
    _logged_s.clear()


def _is_due(sentence: str, quiet_s: float | None) -> bool:
    """Return whether the sentence was not logged within the period; None is forever."""
    now_s = time.monotonic()
    last_s = _logged_s.get(sentence)
    if last_s is not None and (quiet_s is None or now_s - last_s < quiet_s):
        return False
    _logged_s[sentence] = now_s
    if len(_logged_s) > _MOST_SENTENCES:
        _logged_s.popitem(last=False)
    return True


process_globals.register("failures", forget)
