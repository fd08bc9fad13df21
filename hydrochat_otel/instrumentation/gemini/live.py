"""Live sessions: one call from connecting to closing, whose tokens are those of its turns.

The service charges every turn for the whole session so far, so turns are summed; within a turn its counts are
cumulative.
"""

import contextlib
import functools
import weakref
from collections.abc import AsyncIterator
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.guarded_call import Held, guarded
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function
from hydrochat_otel.runtime.failures import contained

_held: Final[weakref.WeakKeyDictionary[Any, Held]] = weakref.WeakKeyDictionary()


def connection(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that returns an asynchronous context manager of a session."""

    @functools.wraps(original)
    @contextlib.asynccontextmanager
    async def counted(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        # A session that its loop never closes ends when this frame is freed.
        held: Held | None = contained("google_genai.begin", _begin, current, operation, self, kwargs)
        if held is None:
            async with original(self, *args, **kwargs) as session:
                yield session
            return
        try:
            async with original(self, *args, **kwargs) as session:
                contained("google_genai.live", _remember, session, held)
                yield session
        except BaseException as error:
            held.call.end_with(error)
            raise
        held.call.succeed()

    return counted


def message_async(original: Function, _current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that receives one message of a session."""

    @functools.wraps(original)
    async def read(self: Any, *args: Any, **kwargs: Any) -> Any:
        received = await original(self, *args, **kwargs)
        contained("google_genai.live", _take, self, received)
        return received

    return read


def _begin(current: Current, operation: str, owner: Any, arguments: dict[str, Any]) -> Held | None:
    counting = current()
    if counting is None:
        return None
    client = owner._api_client  # noqa: SLF001 - as the SDK does
    call = guarded(counting.begin(operation, arguments.get("model"), client, arguments.get("config")))
    return None if call is None else Held(call)


def _remember(session: Any, held: Held) -> None:
    _held[session] = held


def _take(session: Any, received: Any) -> None:
    held = _held.get(session)
    if held is not None:
        held.call.take(received)
        content = getattr(received, "server_content", None)
        if getattr(content, "turn_complete", None):
            held.call.close_turn()
