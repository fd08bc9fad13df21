"""The telemetry's own failures: counted by component and logged once, while the application goes on.

A failure is named by its component (a short constant) and the class of the exception, never by the exception's message:
a message can quote what a patient typed.
"""

import logging
from collections import Counter, OrderedDict
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.runtime import safe_log

logger: Final = logging.getLogger("hydrochat_otel")

_MOST_SENTENCES: Final = 256
_NAME: Final = type.__dict__["__name__"]
"""The name of a class, whatever its metaclass says."""

_counts: Final[Counter[str]] = Counter()
_logged: Final[OrderedDict[str, None]] = OrderedDict()


def note(
    component: str, error: BaseException | None = None, *, sentence: str | None = None, quiet: bool = False
) -> None:
    """Count one failure of the component and log its first occurrence; never raises, any thread may call.

    Args:
        component: Short constant name, the label value of ``hydrochat.telemetry.errors``.
        error: What went wrong; only the name of its class is used.
        sentence: What to log instead of the general sentence; each different one is logged once.
        quiet: Do not log; the caller does.
    """
    try:
        # Two threads may lose one increment; that is worth no lock on the host's path.
        _counts[component] += 1
        if quiet:
            return
        if sentence is not None:
            _log_once(sentence)
        elif _counts[component] == 1:
            cause = "" if error is None else f" ({_NAME.__get__(type(error))})"
            safe_log.warning(
                logger,
                "Telemetry failed at %s%s; the application goes on, further failures are counted in %s.",
                component,
                cause,
                semconv.TELEMETRY_ERRORS.name,
            )
    except Exception:  # noqa: S110 - a MemoryError, say; the host must not notice
        pass


def counts() -> dict[str, int]:
    """Return the number of failures by component since the process started."""
    return dict(_counts)


def forget() -> None:
    """Start at zero: in a forked child, because the parent publishes what it counted, and between tests."""
    _counts.clear()
    _logged.clear()


def _log_once(sentence: str) -> None:
    if sentence in _logged:
        return
    _logged[sentence] = None
    if len(_logged) > _MOST_SENTENCES:
        _logged.popitem(last=False)
    safe_log.warning(logger, "%s", sentence)
