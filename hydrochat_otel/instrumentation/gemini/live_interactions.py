"""Live interactions over a web socket: one call from connecting to the event that ends the interaction, or to leaving.

The usage of an interaction is cumulative over its events and its connections.
"""

import functools
import weakref
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.guarded_call import GuardedCall, Held, guarded
from hydrochat_otel.instrumentation.gemini.raw_replies import as_reply
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function
from hydrochat_otel.runtime.failures import contained

_ENDING: Final = frozenset({"interaction.completed", "interaction.cancelled", "interaction.canceled"})


_held: Final[weakref.WeakKeyDictionary[Any, Held]] = weakref.WeakKeyDictionary()


def opened_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that opens the connection, once for each context manager."""

    @functools.wraps(original)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call: GuardedCall | None = contained("google_genai.begin", _begin, current, operation, self)
        if call is None:
            return await original(self, *args, **kwargs)
        connection = await call.around_async(original, self, *args, **kwargs)
        contained("google_genai.live", _hold, current, self, connection, call)
        return connection

    return counted


def received_async(original: Function, _current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that waits for the next events of a connection."""

    @functools.wraps(original)
    async def read(self: Any, *args: Any, **kwargs: Any) -> Any:
        was_empty = contained("google_genai.live", _is_empty, self)
        try:
            result = await original(self, *args, **kwargs)
        except BaseException as error:
            contained("google_genai.live", _fail, self, error)
            raise
        if was_empty:
            contained("google_genai.live", _take_events, self)
        return result

    return read


def left_async(original: Function, _current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that leaves a connection or cancels its interaction."""

    @functools.wraps(original)
    async def ended(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await original(self, *args, **kwargs)
        finally:
            contained("google_genai.live", _leave, self)

    return ended


def _begin(current: Current, operation: str, context: Any) -> GuardedCall | None:
    counting = None if getattr(context, "_session", None) is not None else current()
    if counting is None:
        return None
    return guarded(counting.begin(operation, None, getattr(context, "_api_client", None)))


def _hold(current: Current, context: Any, connection: Any, call: GuardedCall) -> None:
    _held[connection] = Held(call)
    if (counting := current()) is not None:
        counting.late.interactions.take(str(getattr(context, "_interaction_id", "")))


def _is_empty(connection: Any) -> bool:
    return not connection._pending_events  # noqa: SLF001 - checked when the function is patched


def _fail(connection: Any, error: BaseException) -> None:
    if (held := _held.get(connection)) is not None:
        held.call.fail(error)


def _leave(connection: Any) -> None:
    if (held := _held.pop(connection, None)) is not None:
        held.call.abandon()


def _take_events(connection: Any) -> None:
    held = _held.get(connection)
    if held is None:
        return
    for event in tuple(connection._pending_events):  # noqa: SLF001 - as above
        if isinstance(event, dict):
            held.call.take(as_reply(event))
            if event.get("event_type") in _ENDING:
                held.call.succeed()
