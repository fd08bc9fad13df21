"""Videos: a request begins one, and its seconds are charged once the operation reports it as made."""

from typing import Final

from hydrochat_otel.instrumentation.gemini import wrappers
from hydrochat_otel.instrumentation.gemini.late_usage import Video
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function, Replied

_DEFAULT_SECONDS: Final = 8
"""Length of a video, in seconds, if the request names none: Veo's default."""


def video(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that begins to make videos."""
    return wrappers.unary(original, current, operation, _note_begun)


def video_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that begins to make videos."""
    return wrappers.unary_async(original, current, operation, _note_begun)


def result(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that looks an operation up."""
    return wrappers.followed(original, current, operation, _take_result)


def result_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that looks an operation up."""
    return wrappers.followed_async(original, current, operation, _take_result)


def _note_begun(replied: Replied) -> None:
    name, config = getattr(replied.reply, "name", None), replied.arguments.get("config")
    asked = config.get("duration_seconds") if isinstance(config, dict) else getattr(config, "duration_seconds", 0)
    if isinstance(name, str):
        begun = Video(str(replied.arguments.get("model") or ""), float(asked or _DEFAULT_SECONDS))
        replied.calls.late.videos.put(name, begun)


def _take_result(replied: Replied) -> None:
    reply = replied.reply
    name = getattr(reply, "name", None)
    if not getattr(reply, "done", None) or not isinstance(name, str):
        return
    begun = replied.calls.late.videos.take(name)
    if begun is None:
        return
    response = getattr(reply, "response", None) or getattr(reply, "result", None)
    made = len(getattr(response, "generated_videos", None) or ())
    call = replied.begin(begun.model)
    if call is not None:
        call.charge("video_second", made * begun.seconds)
        call.succeed()
