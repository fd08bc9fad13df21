"""Wrappers of the SDK's functions that store, change and delete cached content."""

import functools
from typing import Any

from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function, begin
from hydrochat_otel.runtime import failures


def stored(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that puts content into the cache."""

    @functools.wraps(original)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(current, operation, self, kwargs)
        if call is None:
            return original(self, *args, **kwargs)
        with call:
            content = original(self, *args, **kwargs)
        call.complete(content)
        _store(current(), content, kwargs, self)
        return content

    return counted


def stored_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that puts content into the cache."""

    @functools.wraps(original)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(current, operation, self, kwargs)
        if call is None:
            return await original(self, *args, **kwargs)
        with call:
            content = await original(self, *args, **kwargs)
        call.complete(content)
        _store(current(), content, kwargs, self)
        return content

    return counted


def changed(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the function that changes or deletes content."""

    @functools.wraps(original)
    def passed(self: Any, *args: Any, **kwargs: Any) -> Any:
        reply = original(self, *args, **kwargs)
        _change(current(), original.__name__, reply, kwargs)
        return reply

    return passed


def changed_async(original: Function, current: Current, _operation: str) -> Function:
    """Wrap the coroutine function that changes or deletes content."""

    @functools.wraps(original)
    async def passed(self: Any, *args: Any, **kwargs: Any) -> Any:
        reply = await original(self, *args, **kwargs)
        _change(current(), original.__name__, reply, kwargs)
        return reply

    return passed


def _store(counting: Calls | None, content: Any, arguments: dict[str, Any], owner: Any) -> None:
    try:
        if counting is not None:
            counting.storage.store(content, arguments.get("model"), getattr(owner, "_api_client", None))
    except Exception as error:
        failures.note("google_genai.late_usage", error)


def _change(counting: Calls | None, function: str, reply: Any, arguments: dict[str, Any]) -> None:
    try:
        if counting is None:
            return
        if function == "delete":
            counting.storage.delete(arguments.get("name"))
        else:
            counting.storage.extend(reply)
    except Exception as error:
        failures.note("google_genai.late_usage", error)
