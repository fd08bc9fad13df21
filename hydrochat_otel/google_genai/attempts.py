"""The attempts of one call: every HTTP request that the SDK sends for it, seen without owning the retries."""

import asyncio
import time
from typing import Any, Final, Literal, NamedTuple

Reason = Literal["2xx", "3xx", "4xx", "429", "5xx", "network", "cancelled", "other"]
"""How an attempt ended: a class of statuses, 429 by itself, no answer, given up by the caller, or failed before it
was sent."""

_TRANSPORTS: Final = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "requests", "urllib3"})
_SDK: Final = "google.genai"
_TOO_MANY_REQUESTS: Final = 429
_RETRY_INFO: Final = "google.rpc.RetryInfo"
_LONGEST_ADVICE_S: Final = 86_400.0


class Attempt(NamedTuple):
    """One HTTP request.

    Attributes:
        reason: How it ended.
        wait_s: Seconds between the end of the attempt before and its start; None for the first one, and where the
            SDK waited out of sight.
        advised_s: Seconds that the service asked to wait (RetryInfo); None where it did not.
    """

    reason: Reason
    wait_s: float | None = None
    advised_s: float | None = None


class Attempts:
    """Gathers the attempts of one call, which follow one another in one thread or task."""

    __slots__ = ("_connections", "_ended_ns", "_wait_s", "made")

    def __init__(self) -> None:
        self.made: list[Attempt] = []
        self._ended_ns = 0
        self._wait_s: float | None = None
        self._connections = 0

    def begin(self) -> None:
        """Note that an attempt starts."""
        self._connections = 0
        self._wait_s = (time.perf_counter_ns() - self._ended_ns) / 1e9 if self.made else None

    def connect(self) -> None:
        """Note that a session is taken: the second time within one attempt, the SDK repeats a broken connection."""
        self._connections += 1
        if self._connections > 1:
            self.made.append(Attempt("network", self._wait_s))
            self._wait_s = None

    def end(self, error: BaseException | None) -> None:
        """Note how the attempt ended."""
        self._ended_ns = time.perf_counter_ns()
        if error is None:
            self.made.append(Attempt("2xx", self._wait_s))
        else:
            self.made.append(Attempt(reason_of(error), self._wait_s, advised_s(error)))


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of the SDK carries, or None."""
    if not any(kind.__module__.startswith(_SDK) for kind in type(error).__mro__):
        return None
    for name in ("code", "status_code"):
        status = getattr(error, name, None)
        if isinstance(status, int) and 100 <= status <= 599:  # noqa: PLR2004 - the range of HTTP statuses
            return status
    return None


def reason_of(error: BaseException) -> Reason:
    """Return the class of an attempt's failure."""
    status = status_of(error)
    if status == _TOO_MANY_REQUESTS:
        return "429"
    if status is not None:
        classes: dict[int, Reason] = {3: "3xx", 4: "4xx", 5: "5xx"}
        return classes.get(status // 100, "other")
    if isinstance(error, asyncio.CancelledError | GeneratorExit | KeyboardInterrupt):
        return "cancelled"
    if isinstance(error, OSError) or any(kind.__module__.split(".")[0] in _TRANSPORTS for kind in type(error).__mro__):
        return "network"
    return "other"


def advised_s(error: BaseException) -> float | None:
    """Return the seconds of an error's ``google.rpc.RetryInfo``, or None where it has none that makes sense."""
    details: Any = getattr(error, "details", None)
    try:
        for detail in details["error"]["details"]:
            if str(detail.get("@type", "")).endswith(_RETRY_INFO):
                seconds = float(str(detail["retryDelay"]).removesuffix("s"))
                return seconds if 0 <= seconds <= _LONGEST_ADVICE_S else None
    except (TypeError, KeyError, ValueError, AttributeError, IndexError):
        return None
    return None
