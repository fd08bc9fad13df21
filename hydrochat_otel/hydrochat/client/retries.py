"""When a request to Gemini is sent again: jittered back-off, the server's own advice, and a limit on the waiting.

It adjusts the SDK's loop instead of adding one of ours: so a call stays one call with several attempts in the metrics.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.attempts import advised_s
from hydrochat_otel.runtime import safe_log

logger: Final = logging.getLogger("hydrochat_otel.gemini_client_v2")

_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The timing of one call's attempts; tenacity calls its methods.

    Attributes:
        max_retries: How often a failed request is sent again; 0 for never.
        request_timeout_s: The longest that one attempt may take.
        time_budget_s: The longest that all attempts and waits may take together.
        random: Numbers from 0 to 1, for the jitter.
    """

    max_retries: int
    request_timeout_s: float
    time_budget_s: float
    random: Callable[[], float] = field(default=random.random)

    def wait_s(self, state: Any) -> float:
        """Return the wait before the next attempt.

        It doubles from half a second to eight, less a random part of up to half. If the server stated when to retry
        (RetryInfo), it is that and up to a tenth more, never less.
        """
        error = state.outcome.exception()
        advised = None if error is None else advised_s(error)
        if advised is not None:
            return advised * (1 + 0.1 * self.random())
        longest_s: float = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (state.attempt_number - 1))
        return longest_s * (0.5 + 0.5 * self.random())

    def is_over(self, state: Any) -> bool:
        """Return whether to give up: no retries are left, or the wait would end after the budget."""
        ends_s: float = (state.seconds_since_start or 0.0) + state.upcoming_sleep
        attempts: int = state.attempt_number
        return attempts > self.max_retries or ends_s >= self.time_budget_s

    def before_attempt(self, state: Any) -> None:
        """Limit the attempt to the rest of the budget."""
        left_s = self.time_budget_s - (state.seconds_since_start or 0.0)
        state.args[0].timeout = max(0.001, min(self.request_timeout_s, left_s))

    def apply_to(self, client: Any) -> None:
        """Pace the retries of an SDK client that was made with retry options; an unknown loop stays unchanged."""
        retrying: Any = getattr(client._api_client, "_async_retry", None)  # noqa: SLF001 - its options know no RetryInfo
        if not all(hasattr(retrying, name) for name in ("wait", "stop", "before", "before_sleep")):
            safe_log.warning(
                logger, "This version of google-genai keeps its own retry waits: its retry loop is unknown."
            )
            return
        retrying.wait, retrying.stop, retrying.before = self.wait_s, self.is_over, self.before_attempt
        retrying.before_sleep = None  # it logs the error's message, which can quote the request
