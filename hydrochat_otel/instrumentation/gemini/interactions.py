"""The interactions API: one hop is one call, plain or streamed; its HTTP requests go through a transport of its own."""

import functools
from typing import Any

from hydrochat_otel.instrumentation.gemini import call as calls
from hydrochat_otel.instrumentation.gemini.call import Call, Calls
from hydrochat_otel.instrumentation.gemini.streams import WatchedAsyncStream, WatchedStream
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function
from hydrochat_otel.runtime import failures


def _begin(counting: Calls | None, operation: str, owner: Any, arguments: dict[str, Any]) -> Call | None:
    if counting is None:
        return None
    try:
        asked = arguments.get("request") or arguments
        model = _field(asked, "model") or _field(_field(asked, "body"), "model")
        return counting.begin(operation, model, _Client(owner))
    except Exception as error:
        failures.note("google_genai.begin", error)
        return None


class _Client:
    """Tells the server of the interactions' own SDK the way that the other client does."""

    vertexai = False

    def __init__(self, owner: Any) -> None:
        self._http_options = {"base_url": getattr(owner.sdk_configuration, "server_url", None)}


def interaction(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that creates one interaction and returns it, or a stream of its events."""

    @functools.wraps(original)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _begin(current(), operation, self, kwargs)
        if call is None:
            return original(self, *args, **kwargs)
        with call:
            reply = original(self, *args, **kwargs)
        if hasattr(reply, "generator"):
            # In place, as the SDK itself does: the stream that the caller gets stays the same object.
            reply.generator = WatchedStream(reply.generator, lambda: call)
        else:
            call.complete(reply)
        return reply

    return counted


def interaction_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that creates one interaction and returns it, or a stream of its events."""

    @functools.wraps(original)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = _begin(current(), operation, self, kwargs)
        if call is None:
            return await original(self, *args, **kwargs)
        with call:
            reply = await original(self, *args, **kwargs)
        if hasattr(reply, "generator"):
            reply.generator = WatchedAsyncStream(reply.generator, call)
        else:
            call.complete(reply)
        return reply

    return counted


def retrying(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the function that repeats a request: it is given the function that sends it once, which is noted."""

    @functools.wraps(original)
    def counted(func: Function, *args: Any, **kwargs: Any) -> Any:
        call = None if current() is None else calls.current_call()
        if call is None:
            return original(func, *args, **kwargs)

        def send(attempt: int) -> Any:
            with call.attempts:
                response = func(attempt)
                call.attempts.status = response.status_code
            return response

        return original(send, *args, **kwargs)

    return counted


def retrying_async(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that repeats a request."""

    @functools.wraps(original)
    async def counted(func: Function, *args: Any, **kwargs: Any) -> Any:
        call = None if current() is None else calls.current_call()
        if call is None:
            return await original(func, *args, **kwargs)

        async def send(attempt: int) -> Any:
            with call.attempts:
                response = await func(attempt)
                call.attempts.status = response.status_code
            return response

        return await original(send, *args, **kwargs)

    return counted


def _field(record: Any, name: str) -> Any:
    return record.get(name) if isinstance(record, dict) else getattr(record, name, None)
