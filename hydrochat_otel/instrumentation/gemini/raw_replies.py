"""Replies of the interactions' own SDK in every form: parsed, as events, as a raw response, as a raw stream.

A raw response leaves parsing to its caller. Its facts are read from the bytes that pass, without delaying them:
complete bodies once, streams line by line, each bounded.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.guarded_call import Dropping, Follower
from hydrochat_otel.instrumentation.gemini.streams import WatchedAsyncStream, WatchedStream
from hydrochat_otel.runtime import failures, interruptions

_PLAIN: Final = ("id", "interaction_id", "model", "status", "event_type", "service_tier")
_LONGEST_BODY: Final = 8 * 1024 * 1024
_LISTS: Final = (
    "cached_tokens_by_modality",
    "input_tokens_by_modality",
    "output_tokens_by_modality",
    "tool_use_tokens_by_modality",
    "grounding_tool_count",
)


def follow(reply: Any, call: Follower) -> None:
    """End the call with a reply, now or when its caller has read it; never raises."""
    if hasattr(reply, "generator"):
        # In place, as the SDK itself does: the stream that the caller gets stays the same object.
        reply.generator = WatchedStream(reply.generator, lambda: call, call)
    else:
        _follow_unary(reply, call)


def follow_async(reply: Any, call: Follower) -> None:
    """End the call with a reply of the asynchronous client."""
    if hasattr(reply, "generator"):
        reply.generator = WatchedAsyncStream(reply.generator, call)
    else:
        _follow_unary(reply, call)


def _follow_unary(reply: Any, call: Follower) -> None:
    response = getattr(reply, "http_response", None)
    if response is None:
        call.complete(reply)
        return
    try:
        body = _body_of(response)
        if body is None:
            _PassingBody(response, call)
        else:
            reader = _Reader(call)
            reader.feed(body)
            reader.end()
            call.succeed()
    except Exception as error:
        failures.note("google_genai.reply", error)
        call.succeed()


def _body_of(response: Any) -> bytes | None:
    """Return the body of a response that was read already, or None."""
    try:
        content = response.content
    except Exception as error:
        interruptions.pass_on(error)
        return None
    return content if isinstance(content, bytes) else None


class _Reader:
    """Reads the facts of a body as it passes: JSON as a whole, or server-sent events."""

    def __init__(self, call: Follower) -> None:
        self._call = call
        self._buffer = bytearray()
        self._is_json: bool | None = None

    def feed(self, part: bytes) -> None:
        """Take the next bytes; a line or body beyond the bound passes unread."""
        self._buffer += part
        if self._is_json is None and (start := self._buffer.lstrip()[:1]):
            self._is_json = start == b"{"
        if not self._is_json:
            *events, rest = bytes(self._buffer).replace(b"\r\n", b"\n").split(b"\n\n")
            self._buffer = bytearray(rest)
            for event in events:
                self._take_event(event)
        if len(self._buffer) > _LONGEST_BODY:
            self._buffer.clear()

    def end(self) -> None:
        """Read what is left."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        if self._is_json:
            self._take_json(rest, whole=True)
        else:
            self._take_event(rest)

    def _take_event(self, event: bytes) -> None:
        for line in event.split(b"\n"):
            if line.startswith(b"data:") and b"{" in line:
                self._take_json(line[5:], whole=False)

    def _take_json(self, text: bytes, *, whole: bool) -> None:
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(said, dict):
            reply = as_reply(said)
            if whole:
                self._call.take(reply)
            else:
                self._call.take_chunk(reply)


class _PassingBody(Dropping):
    """Observes the bytes of a response that its caller reads; it lives as long as the response does."""

    call: Follower

    def __init__(self, response: Any, call: Follower) -> None:
        self.call = call
        self._reader = _Reader(call)
        self._iterate: Callable[..., Iterator[bytes]] = response.iter_bytes
        self._aiterate: Callable[..., AsyncIterator[bytes]] = response.aiter_bytes
        # Every other way to read a response, except its undecoded bytes, uses these two functions.
        response.iter_bytes = self.iter_bytes
        response.aiter_bytes = self.aiter_bytes

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield what the response's own function yields, and read it as well."""
        parts = self._iterate(chunk_size)
        try:
            while True:
                part = self.call.around(next, parts, None)
                if part is None:
                    self._finish()
                    return
                self._feed(part)
                yield part
        finally:
            self.call.drop()  # left early; after any other end it does nothing

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Yield what the response's own function yields, and read it as well."""
        parts = self._aiterate(chunk_size)
        try:
            while True:
                part = await self.call.around_async(anext, parts, None)
                if part is None:
                    self._finish()
                    return
                self._feed(part)
                yield part
        finally:
            self.call.drop()

    def _feed(self, part: bytes) -> None:
        try:
            self._reader.feed(part)
        except Exception as error:
            failures.note("google_genai.reply", error)

    def _finish(self) -> None:
        try:
            self._reader.end()
        except Exception as error:
            failures.note("google_genai.reply", error)
        self.call.succeed()


def as_reply(said: dict[str, Any]) -> SimpleNamespace:
    """Return a JSON object as attributes like those of the SDK's own models, as far as facts are read from them."""
    reply = SimpleNamespace(**{name: said.get(name) for name in _PLAIN})
    if isinstance(whole := said.get("interaction"), dict):
        reply.interaction = as_reply(whole)
    if isinstance(status := said.get("status"), dict):
        reply.status = SimpleNamespace(code=status.get("code"))
    if isinstance(feedback := said.get("prompt_feedback"), dict):
        reply.prompt_feedback = SimpleNamespace(block_reason=feedback.get("block_reason"))
    reply.usage = _as_usage(usage) if isinstance(usage := said.get("usage"), dict) else None
    return reply


def _as_usage(said: dict[str, Any]) -> SimpleNamespace:
    usage = SimpleNamespace(**said)
    for name in _LISTS:
        entries = said.get(name)
        lines = entries if isinstance(entries, list) else []
        setattr(usage, name, [SimpleNamespace(**entry) for entry in lines if isinstance(entry, dict)])
    return usage
