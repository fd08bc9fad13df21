"""Encodes the emulator's answers for the wire, method by method."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hydrochat_otel.testing import surfaces
from hydrochat_otel.testing.answers import estimated_tokens, made_up_parts
from hydrochat_otel.testing.consumption import Consumption
from hydrochat_otel.testing.replies import Chunk, Reply, Usage
from hydrochat_otel.testing.wire import Request

_OF_INTERACTIONS: Final = frozenset({"interactions.create", "interactions.get"})
_DIMENSIONS: Final = 8
_CREATED: Final = "2025-01-01T00:00:00Z"
# One transparent pixel.
_PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream: its bytes, and the usage so far (None: it does not state it)."""

    content: bytes
    used: Consumption | None = None


def model_answering(request: Request, reply: Reply) -> str:
    """Return the bare id of the model that answers."""
    return reply.model_version or request.model


def to_bytes(body: Mapping[str, Any]) -> bytes:
    """Return a JSON body over several lines, as the service sends it."""
    return json.dumps(body, indent=2).encode()


def speaks(request: Request) -> bool:
    """Return whether the emulator can answer the request."""
    return request.streams or request.method in _BODIES or request.method == "download"


def unary_body(request: Request, reply: Reply) -> bytes:
    """Return the body of an answer that is not streamed."""
    if request.method == "download":
        return surfaces.batch_file(reply)
    return to_bytes(_BODIES[request.method](request, reply))


def event_count(request: Request, reply: Reply) -> int:
    """Return how many events a stream has before it is cut, held or turned into an error."""
    if request.method in _OF_INTERACTIONS:
        return sum(1 for _ in surfaces.interaction_events(request, reply))
    return len(_chunks(request, reply))


def stream_events(request: Request, reply: Reply) -> Iterator[Event]:
    """Yield the events of a stream in order, and an error object at the end if the reply has one."""
    if request.method in _OF_INTERACTIONS:
        for content, used in surfaces.interaction_events(request, reply):
            yield Event(content, used)
        return
    chunks = _chunks(request, reply)
    if reply.stream_error is not None:
        chunks = chunks[: reply.error_after]
    for chunk in chunks:
        body = _generate_response(request, reply, chunk)
        if chunk.usage_null:
            body["usageMetadata"] = None
        used = None if chunk.usage is None else chunk.usage.consumption()
        yield Event(b"data: " + json.dumps(body).encode() + b"\r\n\r\n", used)
    if reply.stream_error is not None:
        # As the service does: the plain object over several lines, not an event.
        yield Event(to_bytes(reply.stream_error.to_json()) + b"\n")


def _chunks(request: Request, reply: Reply) -> tuple[Chunk, ...]:
    if reply.chunks:
        return reply.chunks
    parts = made_up_parts(request) if reply.parts is None else reply.parts
    events = max(len(parts), 1)
    return tuple(
        Chunk(
            parts=parts[number - 1 : number],
            usage=_usage_on(reply, number, events),
            usage_null=reply.usage_on == "null_last" and number == events,
            finish_reason=reply.finish_reason if number == events else None,
            continuation_token=reply.continuation_token if number == events else None,
        )
        for number in range(1, events + 1)
    )


def _usage_on(reply: Reply, number: int, events: int) -> Usage | None:
    if reply.usage is None or reply.usage_on == "none":
        return None
    is_last = number == events
    if (reply.usage_on == "last" and not is_last) or (reply.usage_on == "null_last" and is_last):
        return None
    return reply.usage.so_far(number, events)


def _generated(request: Request, reply: Reply) -> dict[str, Any]:
    chunks = _chunks(request, reply)
    whole = Chunk(
        parts=tuple(part for chunk in chunks for part in chunk.parts),
        usage=chunks[-1].usage if reply.chunks else reply.usage,
        finish_reason=chunks[-1].finish_reason,
        continuation_token=chunks[-1].continuation_token,
    )
    return _generate_response(request, reply, whole)


def _generate_response(request: Request, reply: Reply, chunk: Chunk) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if reply.block_reason is not None:
        body["promptFeedback"] = {"blockReason": reply.block_reason}
    else:
        body["candidates"] = [_candidate(chunk, index, reply) for index in range(reply.candidates)]
    if chunk.usage is not None:
        body["usageMetadata"] = chunk.usage.to_json()
    body["modelVersion"] = model_answering(request, reply)
    body["responseId"] = "emulated"
    if request.api == "vertex":
        body["createTime"] = _CREATED
    return body


def _candidate(chunk: Chunk, index: int, reply: Reply) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": index}
    if chunk.parts:
        candidate["content"] = {"role": "model", "parts": [part.to_json() for part in chunk.parts]}
    if chunk.finish_reason is not None:
        candidate["finishReason"] = chunk.finish_reason
    if grounding := _grounding(reply):
        candidate["groundingMetadata"] = grounding
    if chunk.continuation_token is not None:
        candidate["continuationToken"] = chunk.continuation_token
    return candidate


def _grounding(reply: Reply) -> dict[str, Any]:
    grounding: dict[str, Any] = {}
    if reply.queries:
        grounding["webSearchQueries"] = list(reply.queries)
    if reply.maps:
        grounding["groundingChunks"] = [{"maps": {"uri": "https://example.invalid/place", "title": "a clinic"}}]
    return grounding


def _counted(request: Request, reply: Reply) -> dict[str, Any]:
    tokens = estimated_tokens(request.characters) if reply.usage is None else reply.usage.prompt
    details = [{"modality": "TEXT", "tokenCount": tokens}]
    body: dict[str, Any] = {"totalTokens": tokens, "promptTokensDetails": details}
    if reply.usage is not None and reply.usage.cached:
        body["cachedContentTokenCount"] = reply.usage.cached
    return body


def _vector(request: Request) -> list[float]:
    config = request.body.get("parameters") or next(iter(request.body.get("requests", [])), request.body)
    dimensions = int(config.get("outputDimensionality") or _DIMENSIONS)
    return [number / dimensions for number in range(1, dimensions + 1)]


def _tokens_each(request: Request, reply: Reply) -> list[int]:
    """Return the prompt tokens divided over the inputs; the first gets the remainder."""
    inputs = max(len(request.contents), 1)
    tokens = 0 if reply.usage is None else reply.usage.prompt
    return [tokens // inputs + (tokens % inputs if number == 0 else 0) for number in range(inputs)]


def _embedded(request: Request, reply: Reply) -> dict[str, Any]:
    vector = {"values": _vector(request)}
    body: dict[str, Any] = (
        {"embedding": vector}
        if request.method == "embedContent"
        else {"embeddings": [vector for _ in request.contents]}
    )
    if reply.usage is not None:
        body["usageMetadata"] = reply.usage.to_embedding()
    return body


def _predicted(request: Request, reply: Reply) -> dict[str, Any]:
    if request.kind != "embed":
        count = int(request.body.get("parameters", {}).get("sampleCount", 1))
        return {"predictions": [{"bytesBase64Encoded": _PNG, "mimeType": "image/png"}] * count}
    predictions = []
    for tokens in _tokens_each(request, reply):
        embeddings: dict[str, Any] = {"values": _vector(request)}
        if reply.usage is not None:
            embeddings["statistics"] = {"truncated": False, "token_count": tokens}
        predictions.append({"embeddings": embeddings})
    return {"predictions": predictions, "metadata": {"billableCharacterCount": request.characters}}


def _tokenised(_request: Request, _reply: Reply) -> dict[str, Any]:
    return {"tokensInfo": [{"tokenIds": ["1"], "tokens": ["d291bmQ="], "role": "user"}]}


def _model(request: Request, _reply: Reply) -> dict[str, Any]:
    if request.method.endswith(".list"):
        return {"models": [{"name": "models/gemini-2.0-flash-exp"}]}
    return {"name": f"models/{request.model}", "displayName": request.model}


_BODIES: Final[Mapping[str, Callable[[Request, Reply], Mapping[str, Any]]]] = {
    "generateContent": _generated,
    "countTokens": _counted,
    "computeTokens": _tokenised,
    "embedContent": _embedded,
    "batchEmbedContents": _embedded,
    "predict": _predicted,
    "models.get": _model,
    "models.list": _model,
    "tunedModels.get": _model,
    **surfaces.BODIES,
}
