"""Wrappers of the SDK's functions: each passes every argument, result and exception through, and counts the call.

Each takes the original and a `current` that returns the :class:`Calls` to count with, or None once it is undone.
"""

import functools
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from hydrochat_otel.instrumentation import contexts
from hydrochat_otel.instrumentation.gemini import guarded_call
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.guarded_call import (
    GuardedCall,
    begin,
    begin_attempt,
    begin_stream,
    end_attempt,
    fail_attempt,
    guarded,
    leave,
    leave_async,
    restore,
)
from hydrochat_otel.instrumentation.gemini.streams import WatchedAsyncStream, WatchedStream
from hydrochat_otel.runtime.failures import contained, note

Function = Callable[..., Any]
Current = Callable[[], Calls | None]

_LATE: Final = "google_genai.late_usage"


class Replied(NamedTuple):
    """A reply and the function of the SDK that returned it, for the step that follows.

    Attributes:
        calls: What counts.
        operation: Value of ``gen_ai.operation.name``.
        owner: The SDK's object that has the function.
        arguments: The named arguments of the function; the SDK's public functions take no others.
        reply: What the function returned.
    """

    calls: Calls
    operation: str
    owner: Any
    arguments: dict[str, Any]
    reply: Any

    def begin(self, model: str) -> GuardedCall | None:
        """Begin the record of what earlier work used, as this reply states it."""
        return guarded(self.calls.begin(self.operation, model, getattr(self.owner, "_api_client", None)))


Step = Callable[[Replied], None]
"""Looks at a reply after the call. It may raise: the guard is here, and the host has its reply."""


def _take(step: Step, current: Current, replied: tuple[str, Any, dict[str, Any], Any]) -> None:
    counting = current()
    if counting is not None:
        step(Replied(counting, *replied))


def unary(original: Function, current: Current, operation: str, step: Step | None = None) -> Function:
    """Wrap a function that sends one request and returns its reply."""

    @functools.wraps(original)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(current, operation, self, kwargs)
        if call is None:
            return original(self, *args, **kwargs)
        try:
            try:
                if (inside := call.inside) is not None:
                    contexts.attach(inside)
                reply = original(self, *args, **kwargs)
            finally:
                contexts.attach(call.outside)
        except BaseException as error:
            leave(call, call.outside, error)
            raise
        try:
            call.complete(reply)
        except BaseException as failure:
            note("google_genai.reply", failure)
        if step is not None:
            contained(_LATE, _take, step, current, (operation, self, kwargs, reply))
        return reply

    return counted


def unary_async(original: Function, current: Current, operation: str, step: Step | None = None) -> Function:
    """Wrap a coroutine function that sends one request and returns its reply."""

    @functools.wraps(original)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(current, operation, self, kwargs)
        if call is None:
            return await original(self, *args, **kwargs)
        try:
            try:
                if (inside := call.inside) is not None:
                    contexts.attach(inside)
                reply = await original(self, *args, **kwargs)
                contexts.attach(call.outside)
            except BaseException:
                restore(call, call.outside)
                raise
        except BaseException as error:
            leave_async(call, call.outside, error)
            raise
        try:
            call.complete(reply)
        except BaseException as failure:
            note("google_genai.reply", failure)
        if step is not None:
            contained(_LATE, _take, step, current, (operation, self, kwargs, reply))
        return reply

    return counted


def followed(original: Function, current: Current, operation: str, step: Step) -> Function:
    """Wrap a function that is not counted itself: only its reply is looked at."""

    @functools.wraps(original)
    def passed(self: Any, *args: Any, **kwargs: Any) -> Any:
        reply = original(self, *args, **kwargs)
        contained(_LATE, _take, step, current, (operation, self, kwargs, reply))
        return reply

    return passed


def followed_async(original: Function, current: Current, operation: str, step: Step) -> Function:
    """Wrap a coroutine function that is not counted itself: only its reply is looked at."""

    @functools.wraps(original)
    async def passed(self: Any, *args: Any, **kwargs: Any) -> Any:
        reply = await original(self, *args, **kwargs)
        contained(_LATE, _take, step, current, (operation, self, kwargs, reply))
        return reply

    return passed


def stream(original: Function, current: Current, operation: str) -> Function:
    """Wrap a generator function whose first step sends the request."""

    @functools.wraps(original)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        chunks = original(self, *args, **kwargs)
        if contained("google_genai.begin", current) is None:
            return chunks
        return WatchedStream(chunks, functools.partial(begin_stream, current, operation, self, kwargs))

    return counted


def stream_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap a coroutine function that sends the request and returns an asynchronous generator."""

    @functools.wraps(original)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin_stream(current, operation, self, kwargs)
        if call is None:
            return await original(self, *args, **kwargs)
        return WatchedAsyncStream(await call.around_async(original, self, *args, **kwargs), call)

    return counted


def attempt(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the function that sends one HTTP request; only requests of a counted call are noted."""

    @functools.wraps(original)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin_attempt(current)
        if call is None:
            return original(self, *args, **kwargs)
        try:
            response = original(self, *args, **kwargs)
        except BaseException as error:
            fail_attempt(call, error)
            raise
        end_attempt(call, response)
        return response

    return noted


def attempt_async(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that sends one HTTP request."""

    @functools.wraps(original)
    async def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin_attempt(current)
        if call is None:
            return await original(self, *args, **kwargs)
        try:
            response = await original(self, *args, **kwargs)
        except BaseException as error:
            fail_attempt(call, error)
            raise
        end_attempt(call, response)
        return response

    return noted


def session_async(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that takes an aiohttp session, once for each connection within an attempt."""

    @functools.wraps(original)
    async def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call: GuardedCall | None = contained("google_genai.attempt", guarded_call.inside, current)
        if call is not None:
            call.connect()
        return await original(self, *args, **kwargs)

    return noted
