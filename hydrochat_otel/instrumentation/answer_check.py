"""Answer checks: the application's conditions for an answer before the call to Gemini counts as successful.

An answer can come with HTTP 200 and be useless: invalid JSON, a value outside the enumeration. Only the application can
decide. It sets its check around the call, and the call is recorded once, as failed, with the tokens it used.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import context as context_api

from hydrochat_otel.instrumentation import contexts
from hydrochat_otel.runtime import failures

UNUSABLE_ANSWER: Final = "UnusableAnswer"
"""The ``error.type`` of a call whose answer was refused."""

Check = Callable[[Any], bool]
"""Takes the reply of the SDK and returns whether it is usable."""

_CHECK_KEY: Final = context_api.create_key("hydrochat_otel.instrumentation.answer_check")


@contextmanager
def demanding(check: Check) -> Iterator[None]:
    """Apply the check to the replies of the plain (not streamed) calls made inside, in this thread or task."""
    with contexts.holding(_CHECK_KEY, check):
        yield


def refusal(reply: Any) -> str | None:
    """Return the error type for a reply that the current check refuses, or None; never raises.

    Without a check it costs one look-up. A check that raises refuses nothing and is counted.
    """
    check = contexts.get_current().get(_CHECK_KEY)
    if check is None:
        return None
    try:
        return None if check(reply) else UNUSABLE_ANSWER  # type: ignore[operator]  # only demanding() sets the key
    except BaseException as error:
        failures.note("acceptance", error)
        return None
