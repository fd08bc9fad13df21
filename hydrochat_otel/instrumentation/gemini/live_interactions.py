"""Live interactions over a web socket: one call from connecting to the event that ends the interaction, or to leaving.

The usage of an interaction is cumulative over its events and its connections.
"""

import functools
import weakref
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.call import Call
from hydrochat_otel.instrumentation.gemini.raw_replies import as_reply
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function
from hydrochat_otel.runtime import failures

_ENDING: Final = frozenset({"interaction.completed", "interaction.cancelled", "interaction.canceled"})


class _Held:
    """Holds the call of a connection: lives as long as the connection, and ends the call when nothing references it."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def __del__(self) -> None:
        self.call.drop()


_held: Final[weakref.WeakKeyDictionary[Any, _Held]] = weakref.WeakKeyDictionary()


def opened_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that opens the connection, once for each context manager."""

    @functools.wraps(original)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        counting = None if getattr(self, "_session", None) is not None else current()
        call = None if counting is None else counting.begin(operation, None, getattr(self, "_api_client", None))
        if call is None:
            return await original(self, *args, **kwargs)
        with call:
            connection = await original(self, *args, **kwargs)
        try:
            _held[connection] = _Held(call)
            if counting is not None:
                counting.late.interactions.take(str(getattr(self, "_interaction_id", "")))
        except Exception as error:
            failures.note("google_genai.live", error)
        return connection

    return counted


def received_async(original: Function, _current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that waits for the next events of a connection."""

    @functools.wraps(original)
    async def read(self: Any, *args: Any, **kwargs: Any) -> Any:
        was_empty = not self._pending_events
        try:
            result = await original(self, *args, **kwargs)
        except BaseException as error:
            if (held := _held.get(self)) is not None:
                held.call.fail(error)
            raise
        if was_empty:
            _take_events(self)
        return result

    return read


def left_async(original: Function, _current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that leaves a connection or cancels its interaction."""

    @functools.wraps(original)
    async def ended(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await original(self, *args, **kwargs)
        finally:
            if (held := _held.pop(self, None)) is not None:
                held.call.abandon()

    return ended


def _take_events(connection: Any) -> None:
    held = _held.get(connection)
    if held is None:
        return
    try:
        for event in tuple(connection._pending_events):  # noqa: SLF001 - checked when the function is patched
            if not isinstance(event, dict):
                continue
            reply = as_reply(event)
            held.call.take(reply)
            if event.get("event_type") in _ENDING:
                held.call.succeed()
    except Exception as error:
        failures.note("google_genai.live", error)
