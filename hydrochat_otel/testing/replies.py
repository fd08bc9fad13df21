"""Declares the emulator's replies: a reply is data and describes everything on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from hydrochat_otel.testing.consumption import Buckets, Consumption
from hydrochat_otel.testing.ledger import Outcome

UsageOn = Literal["every", "last", "null_last", "none"]
"""Which events of a stream carry usage: every one (cumulative), the last, every one but a last null, or no event."""

BLOCKING_FINISH_REASONS: Final = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"}
)
_OK: Final = 200
_FIRST_ERROR: Final = 400
_LAST_ERROR: Final = 599
_USAGE_ON: Final = ("every", "last", "null_last", "none")
_TIERS: Final[Mapping[str, str]] = {
    "": "standard",
    "ON_DEMAND": "standard",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
}
"""The service tier by Vertex AI's traffic type and by the Gemini API's name; any other has no price."""
_STATUS_NAMES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The tokens that a reply really used, and how its usage states them.

    The usage on the wire is derived: `promptTokenCount` is `prompt` (which includes `cached`), `candidatesTokenCount`
    is `answer`, or `answer` + `thinking` if `thinking_inside`, and `totalTokenCount` is everything once. Like the
    service, it leaves out a count of 0.

    Attributes:
        prompt: Prompt tokens, cached ones included, tool results not.
        cached: Of `prompt`, those from the cache.
        tool: Prompt tokens that came from the service's own tools.
        answer: Tokens of the answer, thoughts not included.
        thinking: Tokens of thoughts.
        thinking_inside: Inclusive accounting: `candidatesTokenCount` includes the thoughts.
        prompt_audio: Of `prompt`, audio.
        prompt_image: Of `prompt`, images.
        cached_audio: Of `cached` and `prompt_audio`, both.
        details: Whether the usage breaks the counts down by modality.
        cached_details: Whether it breaks the cached ones down.
        total: Stated instead of the true total, for usage that does not balance.
        service_tier: The Gemini API's `serviceTier`.
        traffic_type: Vertex AI's `trafficType`.
        searches: Google searches that the usage of an interaction counts.
        record: Sent instead of the derived usage, for shapes that no rule covers.
    """

    prompt: int = 0
    cached: int = 0
    tool: int = 0
    answer: int = 0
    thinking: int = 0
    thinking_inside: bool = False
    prompt_audio: int = 0
    prompt_image: int = 0
    cached_audio: int = 0
    details: bool = True
    cached_details: bool = True
    total: int | None = None
    service_tier: str | None = None
    traffic_type: str | None = None
    searches: int = 0
    record: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("prompt", "cached", "tool", "answer", "thinking", "prompt_audio", "prompt_image", "cached_audio"):
            if getattr(self, name) < 0:
                raise ValueError(f"Usage.{name} is {getattr(self, name)}; it must be 0 or more")
        if self.cached > self.prompt:
            raise ValueError(f"Usage.cached is {self.cached}; it is a part of prompt, which is {self.prompt}")
        if self.cached_audio > min(self.cached, self.prompt_audio):
            raise ValueError(f"Usage.cached_audio is {self.cached_audio}; it is a part of cached and of prompt_audio")
        if self.prompt_audio + self.prompt_image > self.prompt:
            raise ValueError("Usage.prompt_audio and prompt_image exceed prompt, of which they are parts")

    def consumption(self) -> Consumption:
        """Return what is billed for it."""
        stated = self.to_json().get("totalTokenCount")
        return Consumption(
            buckets=Buckets(
                input_fresh=self.prompt - self.cached,
                input_cached=self.cached,
                input_tool=self.tool,
                output_answer=self.answer,
                output_thinking=self.thinking,
            ),
            fresh_audio=self.prompt_audio - self.cached_audio,
            cached_audio=self.cached_audio,
            reported_total=stated if isinstance(stated, int) else None,
            tier=_TIERS.get(self.traffic_type or self.service_tier or "", "other"),
        )

    def so_far(self, event: int, events: int) -> "Usage":
        """Return the cumulative usage at event number `event` of `events`: all input at once, output in proportion."""
        if event == events:
            return self
        return replace(self, answer=self.answer * event // events, thinking=self.thinking * event // events)

    def to_json(self) -> dict[str, Any]:
        """Return the usage as it is sent."""
        if self.record is not None:
            return dict(self.record)
        candidates = self.answer + (self.thinking if self.thinking_inside else 0)
        total = self.prompt + self.tool + self.answer + self.thinking if self.total is None else self.total
        prompt_text = self.prompt - self.prompt_audio - self.prompt_image
        cached_text = self.cached - self.cached_audio
        record: dict[str, Any] = {
            "promptTokenCount": self.prompt,
            "candidatesTokenCount": candidates,
            "cachedContentTokenCount": self.cached,
            "thoughtsTokenCount": self.thinking,
            "toolUsePromptTokenCount": self.tool,
            "totalTokenCount": total,
            "serviceTier": self.service_tier,
            "trafficType": self.traffic_type,
        }
        if self.details:
            record |= {
                "promptTokensDetails": _modalities(TEXT=prompt_text, IMAGE=self.prompt_image, AUDIO=self.prompt_audio),
                "cacheTokensDetails": _modalities(TEXT=cached_text, AUDIO=self.cached_audio),
                "candidatesTokensDetails": _modalities(TEXT=candidates),
                "toolUsePromptTokensDetails": _modalities(TEXT=self.tool),
            }
            if not self.cached_details:
                del record["cacheTokensDetails"]
        return {name: value for name, value in record.items() if value}

    def to_embedding(self) -> dict[str, Any]:
        """Return the usage of an embedding, which has a prompt and no total."""
        record = self.to_json()
        return {name: record[name] for name in ("promptTokenCount", "promptTokensDetails") if name in record}


def _modalities(**tokens: int) -> list[dict[str, Any]]:
    return [{"modality": modality, "tokenCount": count} for modality, count in tokens.items() if count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an answer: a text, a thought, a function call or inline data (base64)."""

    text: str | None = None
    thought: bool = False
    call: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    call_id: str | None = None
    data: str | None = None
    mime_type: str = "application/octet-stream"

    def to_json(self) -> dict[str, Any]:
        """Return the part as it is sent."""
        if self.call is not None:
            named = {} if self.call_id is None else {"id": self.call_id}
            return {"functionCall": {**named, "name": self.call, "args": dict(self.args)}}
        if self.data is not None:
            return {"inlineData": {"mimeType": self.mime_type, "data": self.data}}
        return {"text": self.text or ""} | ({"thought": True} if self.thought else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One event of a stream, for streams that :class:`Reply` cannot derive.

    `usage` is cumulative. None leaves it out, `usage_null` sends an explicit null.
    """

    parts: tuple[Part, ...] = ()
    usage: Usage | None = None
    usage_null: bool = False
    finish_reason: str | None = None
    continuation_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """An error object, `google.rpc.Status` as JSON."""

    code: int
    message: str = "made up by the emulator"
    details: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the object as it is sent."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        error["status"] = _STATUS_NAMES.get(self.code, "UNKNOWN")
        if self.details:
            error["details"] = [dict(detail) for detail in self.details]
        return {"error": error}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Everything on the wire in answer to one request.

    Attributes:
        parts: The answer; None makes one from the request (a text, or JSON that fits the requested schema).
        usage: What it used; None sends no usage, and nothing is billed.
        usage_on: Which events of a stream carry the usage.
        finish_reason: Of the candidate.
        block_reason: `promptFeedback.blockReason`; there are no candidates then.
        candidates: How many; 0 sends none.
        model_version: The model version that answers; None for the requested model.
        continuation_token: Base64; goes with the finish reason `CONTINUATION`.
        error: Sent instead of an answer, with its code as the HTTP status.
        body: Sent unchanged, for a body that is not even JSON.
        headers: Of the response.
        chunks: The events of a stream; () makes an event of each part.
        error_after: A stream sends this many events and then `stream_error`.
        cut_after: The connection breaks after this many events, for a plain answer (0) instead of it.
        hold_after: A stream pauses after this many events until the caller disconnects.
        delay_s: Seconds before the first byte.
        chunk_delay_s: Seconds between two events.
        queries: Web searches that the grounding metadata names.
        maps: Whether the grounding metadata names a place of Google Maps.
        resource: Name of the interaction, job, operation or cached content.
        status_name: Status of an interaction; `in_progress` for work that continues.
        batch: What each reply of a finished batch job used.
        to_file: Whether a batch job wrote its replies to a file.
        videos: How many videos a finished operation made.
        stored_hours: How long ago cached content was created.
    """

    parts: tuple[Part, ...] | None = None
    usage: Usage | None = Usage(prompt=10, answer=5)
    usage_on: UsageOn = "every"
    finish_reason: str | None = "STOP"
    block_reason: str | None = None
    candidates: int = 1
    model_version: str | None = None
    continuation_token: str | None = None
    error: ApiError | None = None
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[Chunk, ...] = ()
    stream_error: ApiError | None = None
    error_after: int = 0
    cut_after: int | None = None
    hold_after: int | None = None
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    queries: tuple[str, ...] = ()
    maps: bool = False
    resource: str = ""
    status_name: str = ""
    batch: tuple[Usage, ...] = ()
    to_file: bool = False
    videos: int = 0
    stored_hours: float = 0.0

    def __post_init__(self) -> None:
        for name in ("delay_s", "chunk_delay_s", "candidates", "error_after", "cut_after", "hold_after"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"Reply.{name} is {value}; it must be 0 or more")
        if self.usage_on not in _USAGE_ON:
            raise ValueError(f"Reply.usage_on is {self.usage_on!r}; it must be one of {', '.join(_USAGE_ON)}")
        if self.error is not None and not _FIRST_ERROR <= self.error.code <= _LAST_ERROR:
            raise ValueError(
                f"Reply.error has the code {self.error.code}; an error's code is {_FIRST_ERROR} to {_LAST_ERROR}"
            )
        if self.error is not None and self.body is not None:
            raise ValueError("Reply.error and Reply.body exclude each other: only one body is sent")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _OK if self.error is None else self.error.code

    @property
    def outcome(self) -> Outcome:
        """The outcome for a caller that reads to the end."""
        if self.error is not None or self.body is not None or self.stream_error is not None:
            return "error"
        if self.cut_after is not None:
            return "error"
        if self.hold_after is not None:
            return "cancelled"
        last_reason = self.chunks[-1].finish_reason if self.chunks else self.finish_reason
        return "blocked" if self.block_reason or last_reason in BLOCKING_FINISH_REASONS else "ok"


def answer(*texts: str, **fields: Any) -> Reply:
    """Return a plain answer with one part (streamed: one event) for each text; `fields` are those of :class:`Reply`."""
    return Reply(parts=tuple(Part(text=text) for text in texts) or None, **fields)


def function_call(
    name: str, args: Mapping[str, Any] | None = None, *, call_id: str | None = None, **fields: Any
) -> Reply:
    """Return a call of one function that the caller declared, with an id as the service may give it."""
    return Reply(parts=(Part(call=name, args=args or {}, call_id=call_id),), **fields)


def blocked(reason: str = "PROHIBITED_CONTENT", **fields: Any) -> Reply:
    """Return the reply to a refused prompt: no candidates, only the prompt is used."""
    return Reply(**({"usage": Usage(prompt=10)} | fields), block_reason=reason)


def failure(code: int, message: str = "made up by the emulator", **fields: Any) -> Reply:
    """Return an HTTP error."""
    return Reply(error=ApiError(code=code, message=message), **fields)


def rate_limited(retry_delay_s: float = 0.2, **fields: Any) -> Reply:
    """Return a 429 whose details say when to retry."""
    details = (
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerMinute"}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_delay_s:g}s"},
    )
    return Reply(error=ApiError(code=429, message="quota exceeded", details=details), **fields)
