"""The emulator's answers besides generated content: interactions, decisions, batches, files, videos, caches."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from hydrochat_otel.testing.consumption import Consumption
from hydrochat_otel.testing.replies import Reply, Usage
from hydrochat_otel.testing.wire import Request

_CREATED: Final = "2025-01-01T00:00:00Z"
_FILE: Final = "files/batch-emulated"
_HOUR_S: Final = 3600.0


def interaction(request: Request, reply: Reply) -> dict[str, Any]:
    """Return an interaction as the service sends it; one that continues in the background has no usage yet."""
    body: dict[str, Any] = {
        "id": reply.resource or "interaction-emulated",
        "object": "interaction",
        "status": reply.status_name or "completed",
        "model": reply.model_version or request.model or "gemini-2.5-flash",
        "created": _CREATED,
        "updated": _CREATED,
        "steps": [{"type": "model_output", "content": [{"type": "text", "text": "Keep it dry."}]}],
    }
    if reply.usage is not None and body["status"] not in {"in_progress", "queued"}:
        body["usage"] = interaction_usage(reply.usage)
        if reply.usage.service_tier:
            body["service_tier"] = reply.usage.service_tier
    return body


def interaction_events(request: Request, reply: Reply) -> Iterator[tuple[bytes, Consumption | None]]:
    """Yield the events of a streamed interaction: created, a step, and its end."""
    whole = interaction(request, reply)
    begun = whole | {"status": "in_progress"}
    begun.pop("usage", None)
    yield _event("interaction.created", interaction=begun), None
    yield _event("step.start", index=0, step={"type": "model_output"}), None
    used = None if reply.usage is None else reply.usage.consumption()
    if reply.stream_error is not None:
        yield _event("error", error={"code": str(reply.stream_error.code), "message": "made up by the emulator"}), None
    elif whole["status"] in {"cancelled", "failed"}:
        update = {"interaction_id": whole["id"], "status": whole["status"], "usage": whole.get("usage")}
        yield _event("interaction.status_update", **update), used
    else:
        yield _event("interaction.completed", interaction=whole), used


def interaction_usage(usage: Usage) -> dict[str, Any]:
    """Return the usage of an interaction, which has its own field names."""
    record: dict[str, Any] = {
        "total_input_tokens": usage.prompt,
        "total_cached_tokens": usage.cached,
        "total_tool_use_tokens": usage.tool,
        "total_output_tokens": usage.answer,
        "total_thought_tokens": usage.thinking,
        "total_tokens": usage.prompt + usage.tool + usage.answer + usage.thinking,
    }
    text = usage.prompt - usage.prompt_audio - usage.prompt_image
    by_modality = {"text": text, "audio": usage.prompt_audio, "image": usage.prompt_image}
    record["input_tokens_by_modality"] = [
        {"modality": name, "tokens": tokens} for name, tokens in by_modality.items() if tokens
    ]
    by_modality = {"text": usage.cached - usage.cached_audio, "audio": usage.cached_audio}
    record["cached_tokens_by_modality"] = [
        {"modality": name, "tokens": tokens} for name, tokens in by_modality.items() if tokens
    ]
    if usage.searches:
        record["grounding_tool_count"] = [{"type": "google_search", "count": usage.searches}]
    return record


def decision(_request: Request, reply: Reply) -> dict[str, Any]:
    """Return the answers to a decision's questions, and their usage."""
    body: dict[str, Any] = {"answers": {}}
    if reply.usage is not None:
        body["usage"] = interaction_usage(reply.usage)
    if reply.block_reason is not None:
        body["prompt_feedback"] = {"block_reason": reply.block_reason}
    return body


def voice(request: Request, reply: Reply) -> dict[str, Any]:
    """Return a voice that was made from a description, and what making it used."""
    body = {"id": "voice_emulated", "type": "prompted", "model": reply.model_version or request.model}
    return body if reply.usage is None else body | {"usage": interaction_usage(reply.usage)}


def batch(request: Request, reply: Reply) -> dict[str, Any]:
    """Return a batch job: pending when it is created, then as declared, with its replies in the job or in a file."""
    succeeded = request.method.endswith(".get") and reply.status_name != "in_progress"
    state = "BATCH_STATE_SUCCEEDED" if succeeded else "BATCH_STATE_PENDING"
    metadata: dict[str, Any] = {"state": state, "createTime": _CREATED}
    if reply.model_version:
        metadata["model"] = f"models/{reply.model_version}"
    if succeeded and reply.to_file:
        metadata["output"] = {"responsesFile": _FILE}
    elif succeeded and reply.batch:
        responses = [{"response": _batch_response(reply, usage)} for usage in reply.batch]
        metadata["output"] = {"inlinedResponses": {"inlinedResponses": responses}}
    return {"name": reply.resource or "batches/emulated", "metadata": metadata}


def batch_file(reply: Reply) -> bytes:
    """Return the file that a batch job wrote: one line for each reply."""
    lines = [
        {"key": str(number), "response": _batch_response(reply, usage)} for number, usage in enumerate(reply.batch)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def video(request: Request, reply: Reply) -> dict[str, Any]:
    """Return the operation that makes videos: begun, then done with the videos that it made."""
    name = f"models/{request.model or 'veo'}/operations/{reply.resource or 'emulated'}"
    if request.method == "predictLongRunning" or not reply.videos:
        return {"name": name}
    if request.api == "vertex":
        videos = [{"gcsUri": f"gs://emulated/{number}"} for number in range(reply.videos)]
        return {"name": name, "done": True, "response": {"videos": videos}}
    samples = [{"video": {"uri": f"https://example.invalid/{number}"}} for number in range(reply.videos)]
    return {"name": name, "done": True, "response": {"generateVideoResponse": {"generatedSamples": samples}}}


def cache(request: Request, reply: Reply) -> dict[str, Any]:
    """Return cached content, stored as many hours ago as declared and for a day."""
    if request.method.endswith(".delete"):
        return {}
    tokens = 0 if reply.usage is None else reply.usage.prompt
    created = time.time() - reply.stored_hours * _HOUR_S
    return {
        "name": reply.resource or "cachedContents/emulated",
        "model": str(request.body.get("model", "")),
        "createTime": _time(created),
        "expireTime": _time(created + 24 * _HOUR_S),
        "usageMetadata": {"totalTokenCount": tokens},
    }


def _batch_response(reply: Reply, usage: Usage) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Yes."}]}, "finishReason": "STOP"}],
        "usageMetadata": usage.to_json(),
        "modelVersion": reply.model_version,
    }


def _event(kind: str, **fields: Any) -> bytes:
    stated = {name: value for name, value in fields.items() if value is not None}
    return f"event: {kind}\ndata: {json.dumps({'event_type': kind, **stated})}\n\n".encode()


def _time(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat().replace("+00:00", "Z")


BODIES: Final[Mapping[str, Callable[[Request, Reply], Mapping[str, Any]]]] = {
    "interactions.create": interaction,
    "interactions.get": interaction,
    "decisions.create": decision,
    "voices.create": voice,
    "predictLongRunning": video,
    "fetchPredictOperation": video,
    "operations.get": video,
    "cachedContents.create": cache,
    "cachedContents.get": cache,
    "cachedContents.update": cache,
    "cachedContents.delete": cache,
    "batchGenerateContent": batch,
    "asyncBatchEmbedContent": batch,
    "batches.get": batch,
}
