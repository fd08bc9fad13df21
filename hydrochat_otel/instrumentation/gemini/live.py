"""Live sessions: one call from connecting to closing, whose tokens are those of its turns.

The service charges every turn for all that the session holds by then, so turns are summed; within a turn its counts
are cumulative.
"""

import contextlib
import functools
import weakref
from collections.abc import AsyncIterator
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.call import Call
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function
from hydrochat_otel.runtime import failures

_calls: Final[weakref.WeakKeyDictionary[Any, Call]] = weakref.WeakKeyDictionary()


def connection(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that returns an asynchronous context manager of a session."""

    @functools.wraps(original)
    @contextlib.asynccontextmanager
    async def counted(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        counting = current()
        call = None if counting is None else counting.begin(operation, kwargs.get("model"), self._api_client)
        if call is None:
            async with original(self, *args, **kwargs) as session:
                yield session
            return
        try:
            async with original(self, *args, **kwargs) as session:
                _remember(session, call)
                yield session
        except BaseException as error:
            call.fail(error)
            raise
        call.succeed()

    return counted


def message_async(original: Function, _current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that receives one message of a session."""

    @functools.wraps(original)
    async def read(self: Any, *args: Any, **kwargs: Any) -> Any:
        received = await original(self, *args, **kwargs)
        call = _calls.get(self)
        if call is not None:
            call.take(received)
            content = getattr(received, "server_content", None)
            if getattr(content, "turn_complete", None):
                call.close_turn()
        return received

    return read


def _remember(session: Any, call: Call) -> None:
    try:
        _calls[session] = call
    except TypeError as error:
        failures.note("google_genai.live", error)
