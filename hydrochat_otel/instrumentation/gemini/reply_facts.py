"""What is read from a reply of the SDK: counts, enumerations and the model's version. Never content."""

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hydrochat_otel.instrumentation.gemini.call import Call

BLOCKING: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    }
)
"""Finish reasons that mean that a filter withheld the answer."""

_FINISH_REASONS: Final = BLOCKING | {
    "STOP",
    "MAX_TOKENS",
    "LANGUAGE",
    "OTHER",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "ESCALATION",
    "CONTINUATION",
}
_ENDED: Final = {
    "completed": "STOP",
    "incomplete": "MAX_TOKENS",
    "requires_action": "STOP",
    "requires_continuation": "CONTINUATION",
}
_TIER_HEADER: Final = "x-gemini-service-tier"


def read(call: "Call", reply: Any) -> None:
    """Read a reply or chunk into the call."""
    said = vars(reply)  # a look-up of what a model of pydantic does not have costs a microsecond each
    usage = said.get("usage_metadata")
    if usage is not None:
        if call.site.operation == "create_cache":
            call.cached_content_tokens = usage.total_token_count
        else:
            call.usage.take(usage)
    elif call.site.operation == "interaction":
        _read_interaction(call, said.get("interaction") or reply)
    if model := said.get("model_version"):
        call.answered_by(str(model))
    if candidates := said.get("candidates"):
        reasons = tuple(reason for candidate in candidates if (reason := _reason(candidate)))
        if reasons:
            call.finish_reasons = reasons
    feedback = said.get("prompt_feedback")
    if feedback is not None and feedback.block_reason is not None:
        call.refused = True
    if usage is None and (embeddings := said.get("embeddings")):
        _read_embeddings(call, embeddings)
    response = said.get("sdk_http_response")
    if response is not None and response.headers and (tier := response.headers.get(_TIER_HEADER)):
        call.usage.take_service_tier(str(tier))


def read_body(call: "Call", body: str) -> None:
    """Read the usage record of an embedding from the raw body, for versions of the SDK that leave it out."""
    place = -1 if call.usage.is_known else body.rfind('"usageMetadata"')
    if place < 0:
        return
    try:
        record, _ = json.JSONDecoder().raw_decode(body, body.index("{", place))
    except ValueError:
        return
    prompt = record.get("promptTokenCount")
    if isinstance(prompt, int) and record.get("totalTokenCount", prompt) == prompt:
        call.usage.take_prompt(prompt)


def has_output(chunk: Any) -> bool:
    """Whether a chunk carries a part of an answer; thoughts alone are none."""
    for candidate in getattr(chunk, "candidates", None) or ():
        content = getattr(candidate, "content", None)
        for part in getattr(content, "parts", None) or ():
            if not getattr(part, "thought", None):
                return True
    return False


def _reason(candidate: Any) -> str:
    reason = getattr(candidate, "finish_reason", None)
    if reason is None:
        return ""
    text = str(getattr(reason, "value", reason))
    return text if text in _FINISH_REASONS else "OTHER"


def _read_interaction(call: "Call", interaction: Any) -> None:
    call.usage.take(getattr(interaction, "usage", None))
    model = getattr(interaction, "model", None)
    if isinstance(model, str) and model:
        call.answered_by(model)
    status = str(getattr(interaction, "status", None) or "")
    if status == "failed":
        call.declared_error = status
    elif status in _ENDED:
        call.finish_reasons = (_ENDED[status],)


def _read_embeddings(call: "Call", embeddings: Any) -> None:
    """Vertex AI counts tokens for each embedding, and nothing else costs."""
    counts = [getattr(getattr(embedding, "statistics", None), "token_count", None) for embedding in embeddings]
    if all(count is not None for count in counts):
        call.usage.take_prompt(int(sum(count or 0 for count in counts)))
