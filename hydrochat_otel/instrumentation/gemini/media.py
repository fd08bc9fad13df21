"""Videos: a request begins one, and its seconds are charged once the operation reports it as made."""

import functools
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.late_usage import Video
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function, begin
from hydrochat_otel.runtime import failures

_DEFAULT_SECONDS: Final = 8
"""Length of a video, in seconds, if the request names none: Veo's default."""


def video(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that begins to make videos."""

    @functools.wraps(original)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(current, operation, self, kwargs)
        if call is None:
            return original(self, *args, **kwargs)
        with call:
            reply = original(self, *args, **kwargs)
        call.complete(reply)
        _note_begun(current(), reply, kwargs)
        return reply

    return counted


def video_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that begins to make videos."""

    @functools.wraps(original)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(current, operation, self, kwargs)
        if call is None:
            return await original(self, *args, **kwargs)
        with call:
            reply = await original(self, *args, **kwargs)
        call.complete(reply)
        _note_begun(current(), reply, kwargs)
        return reply

    return counted


def result(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that looks an operation up."""

    @functools.wraps(original)
    def looked_up(self: Any, *args: Any, **kwargs: Any) -> Any:
        reply = original(self, *args, **kwargs)
        _take_result(current(), operation, self, reply)
        return reply

    return looked_up


def result_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that looks an operation up."""

    @functools.wraps(original)
    async def looked_up(self: Any, *args: Any, **kwargs: Any) -> Any:
        reply = await original(self, *args, **kwargs)
        _take_result(current(), operation, self, reply)
        return reply

    return looked_up


def _note_begun(counting: Calls | None, reply: Any, arguments: dict[str, Any]) -> None:
    if counting is None:
        return
    try:
        name, config = getattr(reply, "name", None), arguments.get("config")
        asked = config.get("duration_seconds") if isinstance(config, dict) else getattr(config, "duration_seconds", 0)
        if isinstance(name, str):
            counting.late.videos.put(name, Video(str(arguments.get("model") or ""), float(asked or _DEFAULT_SECONDS)))
    except Exception as error:
        failures.note("google_genai.late_usage", error)


def _take_result(counting: Calls | None, operation: str, owner: Any, reply: Any) -> None:
    if counting is None or not getattr(reply, "done", None):
        return
    try:
        name = getattr(reply, "name", None)
        begun = counting.late.videos.take(name) if isinstance(name, str) else None
        if begun is None:
            return
        response = getattr(reply, "response", None) or getattr(reply, "result", None)
        made = len(getattr(response, "generated_videos", None) or ())
        call = counting.begin(operation, begun.model, getattr(owner, "_api_client", None))
        if call is not None:
            call.charge("video_second", made * begun.seconds)
            call.succeed()
    except Exception as error:
        failures.note("google_genai.late_usage", error)
