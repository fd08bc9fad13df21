"""The attempts of one call: observes every HTTP request that the SDK sends for it; the SDK decides on retries."""

import asyncio
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple

Reason = Literal["2xx", "3xx", "4xx", "429", "5xx", "network", "cancelled", "other"]
"""How an attempt ended: a class of statuses, 429 by itself, no answer, cancelled by the caller, or failed before it was
sent.
"""

_TRANSPORTS: Final = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "requests", "urllib3"})
_SDK: Final = "google.genai"
_OK: Final = 200
_TOO_MANY_REQUESTS: Final = 429
_RETRY_INFO: Final = "google.rpc.RetryInfo"
_CLASSES: Final[dict[int, Reason]] = {2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
_LONGEST_ADVICE_S: Final = 86_400.0
_CHARGEABLE: Final = frozenset({"2xx", "network", "cancelled"})
_UNSENT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"})
"""Exceptions of httpx before a request is sent."""


class Attempt(NamedTuple):
    """One HTTP request.

    Attributes:
        reason: How it ended.
        wait_s: Seconds between the end of the previous attempt and its start; None for the first one, and if the SDK's
            wait was not observed.
        advised_s: Seconds that the service asked to wait (RetryInfo); None if it did not.
        is_sent: Whether the request may have left the process; False if no connection was made.
    """

    reason: Reason
    wait_s: float | None = None
    advised_s: float | None = None
    is_sent: bool = True

    @property
    def may_be_charged(self) -> bool:
        """Whether the service may have worked on it: sent, and answered by no error, which costs nothing."""
        return self.is_sent and self.reason in _CHARGEABLE


ONE_ANSWERED: Final = (Attempt("2xx"),)
"""The attempts of nearly every call."""


class Attempts:
    """Collects the attempts of one call, which follow one another in one thread or task; a context manager around each.

    Attributes:
        made: The attempts so far.
        status: Set within an attempt whose status raises nothing.
    """

    # Kept with the class until it is set: a call begins on the host's path.
    made: tuple[Attempt, ...] = ()
    status = _OK
    _ended_ns = 0
    _wait_s: float | None = None
    _connections = 0

    def __enter__(self) -> None:
        """Note that an attempt starts."""
        if self.made:
            self._wait_s = (time.perf_counter_ns() - self._ended_ns) / 1e9
            self.status = _OK
            self._connections = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Note how the attempt ended."""
        self._ended_ns = time.perf_counter_ns()
        if error is not None:
            self._add(Attempt(reason_of(error), self._wait_s, advised_s(error), is_sent=not _is_unsent(error)))
        elif self.made or self.status != _OK:
            self._add(Attempt(reason_of_status(self.status), self._wait_s))
        else:
            self.made = ONE_ANSWERED

    def _add(self, attempt: Attempt) -> None:
        self.made = (*self.made, attempt)

    @property
    def may_be_charged(self) -> bool:
        """Whether the service may have processed the last attempt, although no reply of it was read."""
        return bool(self.made) and self.made[-1].may_be_charged

    @property
    def lost(self) -> int:
        """Attempts that were repeated although the service may have worked on them and charge for them."""
        return lost_attempts(self.made) if len(self.made) > 1 else 0

    def connect(self) -> None:
        """Note that a session is taken: a second one within an attempt means a repeated connection."""
        self._connections += 1
        if self._connections > 1:
            broken = sys.exc_info()[1]  # the SDK takes the second session while it handles the failure of the first
            self._add(Attempt("network", self._wait_s, is_sent=broken is None or not _is_unsent(broken)))
            self._wait_s = None


def lost_attempts(made: Sequence[Attempt]) -> int:
    """Return how many attempts were repeated although the service may charge for them: sent, and no error answered."""
    return sum(1 for attempt in made[:-1] if attempt.may_be_charged)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of the SDK carries, or None."""
    if not any(kind.__module__.startswith(_SDK) for kind in type(error).__mro__):
        return None
    for name in ("code", "status_code"):
        status = getattr(error, name, None)
        if isinstance(status, int) and 100 <= status <= 599:  # noqa: PLR2004 - the range of HTTP statuses
            return status
    return None


def _is_unsent(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return not names.isdisjoint(_UNSENT) or "ClientConnectorError" in names or isinstance(error, ConnectionRefusedError)


def reason_of(error: BaseException) -> Reason:
    """Return the class of an attempt's failure."""
    status = status_of(error)
    if status is not None:
        return reason_of_status(status)
    if isinstance(error, asyncio.CancelledError | GeneratorExit | KeyboardInterrupt):
        return "cancelled"
    if isinstance(error, OSError) or any(kind.__module__.split(".")[0] in _TRANSPORTS for kind in type(error).__mro__):
        return "network"
    return "other"


def reason_of_status(status: int) -> Reason:
    """Return the class of a status."""
    if status == _TOO_MANY_REQUESTS:
        return "429"
    return _CLASSES.get(status // 100, "other")


def advised_s(error: BaseException) -> float | None:
    """Return the seconds of an error's ``google.rpc.RetryInfo``, or None if it has no valid one."""
    details: Any = getattr(error, "details", None)
    try:
        for detail in details["error"]["details"]:
            if str(detail.get("@type", "")).endswith(_RETRY_INFO):
                seconds = float(str(detail["retryDelay"]).removesuffix("s"))
                return seconds if 0 <= seconds <= _LONGEST_ADVICE_S else None
    except (TypeError, KeyError, ValueError, AttributeError, IndexError):
        return None
    return None
