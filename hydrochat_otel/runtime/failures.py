"""Where the telemetry's own failures are counted: the application goes on, and nobody has to guess.

A failure is told by its seam (a short constant) and the class of the exception, never by its message: a message can
quote what a patient typed.
"""

import logging
from collections import Counter
from typing import Final

from hydrochat_otel import semconv

logger: Final = logging.getLogger("hydrochat_otel")

_counts: Final[Counter[str]] = Counter()


def note(seam: str, error: BaseException | None = None, *, quiet: bool = False) -> None:
    """Count one failure at the seam and log its first occurrence; never raises, any thread may call.

    Args:
        seam: Short constant name of the place, the label value of ``hydrochat.telemetry.errors``.
        error: What went wrong; only the name of its class is used.
        quiet: Whether the caller says it in words of his own.
    """
    # Not atomic under several threads by itself; a lost increment of a rare event is worth no lock on the host's path.
    _counts[seam] += 1
    if _counts[seam] == 1 and not quiet:
        cause = f" ({type(error).__name__})" if error is not None else ""
        logger.warning(
            "Telemetry failed at %s%s; the application goes on, further ones are counted in %s.",
            seam,
            cause,
            semconv.TELEMETRY_ERRORS.name,
        )


def counts() -> dict[str, int]:
    """Return the number of failures by seam since the process started."""
    return dict(_counts)


def forget_parent() -> None:
    """Start at zero in a forked child: what was counted is the parent's."""
    _counts.clear()
