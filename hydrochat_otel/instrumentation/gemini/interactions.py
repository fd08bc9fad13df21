"""Interactions, decisions and voices: one request is one call, plain, streamed, raw or in the background.

Their HTTP requests use a separate transport inside the SDK, which has its own retries.
"""

import functools
from typing import Any

from hydrochat_otel.instrumentation.gemini import wrappers
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.guarded_call import GuardedCall, guarded, inside
from hydrochat_otel.instrumentation.gemini.look_ups import CreatingCall, LookUp
from hydrochat_otel.instrumentation.gemini.raw_replies import follow, follow_async
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function, Replied
from hydrochat_otel.runtime.failures import contained


def _begin(current: Current, operation: str, owner: Any, arguments: dict[str, Any]) -> GuardedCall | None:
    counting: Calls | None = current()
    if counting is None:
        return None
    asked = arguments.get("request") or arguments
    model = _field(asked, "model") or _field(_field(asked, "body"), "model") or _field(_field(asked, "voice"), "model")
    call = counting.begin(operation, model, _Client(owner), asked)
    if call is None:
        return None
    in_background = _field(asked, "background") or _field(_field(asked, "body"), "background")
    return CreatingCall(call, counting.late.interactions, str(model or ""), in_background=bool(in_background))


class _Client:
    """Exposes the server of the interactions' own SDK in the same way as the main client."""

    vertexai = False

    def __init__(self, owner: Any) -> None:
        self._http_options = {"base_url": getattr(owner.sdk_configuration, "server_url", None)}


def interaction(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that creates an interaction, a decision or a voice, and returns it in any form."""

    @functools.wraps(original)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call: GuardedCall | None = contained("google_genai.begin", _begin, current, operation, self, kwargs)
        if call is None:
            return original(self, *args, **kwargs)
        reply = call.around(original, self, *args, **kwargs)
        contained("google_genai.reply", follow, reply, call)
        return reply

    return counted


def interaction_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that creates an interaction, a decision or a voice."""

    @functools.wraps(original)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call: GuardedCall | None = contained("google_genai.begin", _begin, current, operation, self, kwargs)
        if call is None:
            return await original(self, *args, **kwargs)
        reply = await call.around_async(original, self, *args, **kwargs)
        contained("google_genai.reply", follow_async, reply, call)
        return reply

    return counted


def result(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that looks an interaction up: the first finished reply after an unfinished one has usage."""
    return wrappers.followed(original, current, operation, _look)


def result_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that looks an interaction up."""
    return wrappers.followed_async(original, current, operation, _look_async)


def _look(replied: Replied) -> None:
    follow(replied.reply, _look_up(replied))


def _look_async(replied: Replied) -> None:
    follow_async(replied.reply, _look_up(replied))


def _look_up(replied: Replied) -> LookUp:
    def begin(model: str) -> GuardedCall | None:
        return guarded(replied.calls.begin(replied.operation, model, _Client(replied.owner)))

    return LookUp(begin, replied.calls.late.interactions)


def retrying(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the function that repeats a request: its argument sends the request once, and each such call is noted."""

    @functools.wraps(original)
    def counted(func: Function, *args: Any, **kwargs: Any) -> Any:
        call: GuardedCall | None = contained("google_genai.attempt", inside, current)
        if call is None:
            return original(func, *args, **kwargs)

        def answer(attempt: int) -> Any:
            response = func(attempt)
            call.answer_status(response)
            return response

        def send(attempt: int) -> Any:
            return call.attempts.around(answer, attempt)

        return original(send, *args, **kwargs)

    return counted


def retrying_async(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that repeats a request."""

    @functools.wraps(original)
    async def counted(func: Function, *args: Any, **kwargs: Any) -> Any:
        call: GuardedCall | None = contained("google_genai.attempt", inside, current)
        if call is None:
            return await original(func, *args, **kwargs)

        async def answer(attempt: int) -> Any:
            response = await func(attempt)
            call.answer_status(response)
            return response

        async def send(attempt: int) -> Any:
            return await call.attempts.around_async(answer, attempt)

        return await original(send, *args, **kwargs)

    return counted


def _field(record: Any, name: str) -> Any:
    return record.get(name) if isinstance(record, dict) else getattr(record, name, None)
