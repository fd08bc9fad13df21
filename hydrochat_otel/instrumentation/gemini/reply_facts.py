"""Reads the plain facts of a reply of the SDK: counts, enumerations and the model's version. Never content."""

import json
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from hydrochat_otel.instrumentation.gemini import reply_uses
from hydrochat_otel.instrumentation.gemini.raw_json import as_attributes
from hydrochat_otel.instrumentation.gemini.reply_uses import Use
from hydrochat_otel.prices.counts import is_count, text_of

BLOCKING: Final = frozenset(
    {
        "safety",
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "image_safety",
        "image_prohibited_content",
        "image_recitation",
        "model_armor",
    }
)
"""Finish reasons that mean that a filter withheld the answer."""

_FINISH_REASONS: Final = {
    reason.upper(): reason
    for reason in (
        *BLOCKING,
        "stop",
        "max_tokens",
        "language",
        "other",
        "malformed_function_call",
        "image_other",
        "no_image",
        "unexpected_tool_call",
        "too_many_tool_calls",
        "missing_thought_signature",
        "malformed_response",
        "escalation",
        "continuation",
    )
}
_ENDED: Final = {
    "completed": "stop",
    "incomplete": "max_tokens",
    "requires_action": "stop",
    "requires_continuation": "continuation",
    "budget_exceeded": "max_tokens",
}
_MOST_CANDIDATES: Final = 32
_USAGE: Final = '"usageMetadata"'
_LONGEST_USAGE: Final = 4096
_FOLLOWS: Final = frozenset({"in_progress", "queued", "idle"})
_INTERACTIONS: Final = frozenset({"interaction", "interaction_result", "decision", "create_voice", "live_interaction"})
_CANCELLED: Final = frozenset({"cancelled", "interaction.cancelled", "interaction.canceled"})
TIER_HEADER: Final = "x-gemini-service-tier"


class ReplyFacts(NamedTuple):
    """The facts of one reply, chunk or message; a missing one is empty.

    Attributes:
        usage: Its usage, for :meth:`UsageRecord.take`; None if it has none.
        prompt_tokens: Its input tokens if it states nothing else: an embedding.
        cached_content_tokens: The tokens that it stored in the cache.
        model: The model version that answered.
        response_id: The id that the service gave the reply.
        finish_reasons: Why each candidate ended, by its index; empty for one that continues.
        is_refused: Whether the prompt was refused.
        service_tier: The tier that its headers name.
        declared_error: The failure that it states instead of an exception.
        is_cancelled: Whether it states that it was cancelled.
        usage_follows: Whether the work continues, so that its usage comes with a later reply.
        uses: What is charged by the unit.
    """

    usage: Any = None
    prompt_tokens: int | None = None
    cached_content_tokens: int | None = None
    model: str = ""
    response_id: str = ""
    finish_reasons: tuple[str, ...] = ()
    is_refused: bool = False
    service_tier: str = ""
    declared_error: str = ""
    is_cancelled: bool = False
    usage_follows: bool = False
    uses: tuple[Use, ...] = ()


def read(operation: str, reply: Any) -> ReplyFacts:
    """Return the facts of a reply or chunk.

    Args:
        operation: Value of ``gen_ai.operation.name`` of the call.
        reply: A model of the SDK.
    """
    said = vars(reply)  # looking up what a pydantic model does not have costs a microsecond each
    if operation in _INTERACTIONS:
        return _interaction(said)
    usage = said.get("usage_metadata")
    feedback = said.get("prompt_feedback")
    stores = operation == "create_cache" and usage is not None
    return ReplyFacts(
        usage=None if stores else usage,
        prompt_tokens=embedded_tokens(said) if usage is None else None,
        cached_content_tokens=usage.total_token_count if stores else None,
        model=str(said.get("model_version") or ""),
        response_id=str(said.get("response_id") or ""),
        finish_reasons=_reasons(said.get("candidates")),
        is_refused=feedback is not None and feedback.block_reason is not None,
        service_tier=tier(said.get("sdk_http_response")),
        uses=_uses(said),
    )


def tier(response: Any) -> str:
    """Return the service tier that the headers of a response name, empty for none."""
    return str((response.headers.get(TIER_HEADER) if response is not None and response.headers else None) or "")


def usage_part(body: str) -> str:
    """Return the part of a raw body that states its usage, for :func:`usage_of_body`; empty if there is none."""
    place = body.rfind(_USAGE)
    return body[place : place + _LONGEST_USAGE] if place >= 0 else ""


def usage_of_body(body: str) -> Any:
    """Return the usage of an embedding from its raw body; None if it has none.

    Versions of the SDK before 3 leave it out of the reply, and with it the modalities, which decide the price.
    """
    part = usage_part(body)
    try:
        record, _ = json.JSONDecoder().raw_decode(part, part.index("{"))
    except (ValueError, RecursionError):
        return None
    return as_attributes(record)


def has_output(chunk: Any) -> bool:
    """Return whether a chunk carries a part of an answer; thoughts alone do not count."""
    for candidate in getattr(chunk, "candidates", None) or ():
        content = getattr(candidate, "content", None)
        for part in getattr(content, "parts", None) or ():
            if not getattr(part, "thought", None):
                return True
    return False


def merged(known: tuple[str, ...], later: tuple[str, ...]) -> tuple[str, ...]:
    """Return the finish reasons of a stream's candidates after one more chunk."""
    return tuple(new or old for old, new in zip_longest(known, later, fillvalue="")) if known else later


def is_blocked(finish_reasons: tuple[str, ...]) -> bool:
    """Return whether filters withheld the answers of all candidates that ended."""
    if BLOCKING.isdisjoint(finish_reasons):
        return False
    return BLOCKING.issuperset(filter(None, finish_reasons))


def _reasons(candidates: Any) -> tuple[str, ...]:
    reasons: list[str] = []
    for position, candidate in enumerate(candidates or ()):
        index = getattr(candidate, "index", None)
        place = index if type(index) is int and 0 <= index < _MOST_CANDIDATES else position
        reasons += [""] * (place + 1 - len(reasons))
        reasons[place] = finish_reason(candidate)
    return tuple(reasons)


def finish_reason(candidate: Any) -> str:
    """Return why a candidate ended, a member of a closed set; empty if it did not."""
    reason = getattr(candidate, "finish_reason", None)
    if reason is None:
        return ""
    return _FINISH_REASONS.get(text_of(reason), "other")


def _uses(said: dict[str, Any]) -> tuple[Use, ...]:
    uses = reply_uses.of_candidates(said.get("candidates"))
    if images := said.get("generated_images"):
        uses += reply_uses.of_images(images)
    return tuple(uses)


def _interaction(said: dict[str, Any]) -> ReplyFacts:
    """Return the facts of an interaction, a decision or one of their events."""
    whole = said.get("interaction")
    interaction = said if whole is None else vars(whole)
    model, given, event = interaction.get("model"), interaction.get("id"), str(said.get("event_type") or "")
    status = interaction.get("status")
    name = status if isinstance(status, str) else ""
    feedback = interaction.get("prompt_feedback")
    usage = interaction.get("usage")
    tier = interaction.get("service_tier")
    return ReplyFacts(
        usage=usage,
        model=model if isinstance(model, str) else "",
        response_id=given if isinstance(given, str) else "",
        finish_reasons=(_ENDED[name],) if name in _ENDED else (),
        is_refused=getattr(feedback, "block_reason", None) is not None,
        service_tier=text_of(tier),
        declared_error=_declared_error(name, event, status),
        is_cancelled=name in _CANCELLED or event in _CANCELLED,
        usage_follows=not event and name in _FOLLOWS and usage is None,
        uses=tuple(reply_uses.of_interaction(usage)),
    )


def _declared_error(name: str, event: str, status: Any) -> str:
    """Return the failure that an interaction states: its status, an error event, or the code of a live one."""
    if name == "failed" or event == "error":
        return name if name == "failed" else event
    code = getattr(status, "code", None)
    return "failed" if event == "interaction.completed" and code else ""


def embedded_tokens(said: dict[str, Any]) -> int | None:
    """Return the tokens that Vertex AI or a batch counts for each embedding; nothing else of an embedding costs."""
    if (count := said.get("token_count")) is not None:
        return count if is_count(count) else None
    embeddings = said.get("embeddings")
    counts = [getattr(getattr(embedding, "statistics", None), "token_count", None) for embedding in embeddings or ()]
    return int(sum(count or 0 for count in counts)) if counts and None not in counts else None
