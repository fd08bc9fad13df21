"""The names of our own attributes, and the closed sets of their values."""

from typing import Final, Literal

SCOPE: Final = "hydrochat_otel"
"""Name of the instrumentation scope of every span and instrument of ours."""

# -- attributes ---------------------------------------------------------------------------------------------------

OPERATION: Final = "hydrochat.operation"
"""Name of a tracked operation; for a call to Gemini, the innermost one that it was made in."""
ROOT_OPERATION: Final = "hydrochat.root_operation"
"""Name of the outermost tracked operation that a call to Gemini was made in."""
ROLE: Final = "hydrochat.role"
"""`root` if a caller waits for the tracked operation, `step` if it runs inside another one."""
DIMENSION: Final = "hydrochat.dimension."
"""Prefix of the application's own attributes of calls (`HYDROCHAT_COST_DIMENSIONS`)."""
LABEL: Final = "hydrochat.label"
"""Which closed set refused a value: `operation`, `model`, `error_type`, `server`, `tool`, `attribution`, `dimension`.
"""
LABEL_VALUE: Final = "hydrochat.label.value"
"""What the set refused, as far as it is safe to show; else ``other``."""
LLM_OPERATION: Final = "hydrochat.llm.operation"
"""The operation of Gemini (`generate_images`); on a span only if `gen_ai.operation.name` differs."""
CHARGE: Final = "hydrochat.charge"
"""What an additional charge is for; one of :data:`CHARGES`."""
OUTCOME: Final = "hydrochat.outcome"
THRESHOLD_EXCEEDED: Final = "hydrochat.threshold_exceeded"
TOKEN_BUCKET: Final = "hydrochat.token.bucket"
REASON: Final = "hydrochat.reason"
SEAM: Final = "hydrochat.seam"
LIBRARY: Final = "hydrochat.library.name"
LIBRARY_VERSION: Final = "hydrochat.library.version"
PERIOD: Final = "hydrochat.period"
BOUND: Final = "hydrochat.bound"
"""Which number of the forecast: `expected`, `low` or `high`."""
VERSION: Final = "hydrochat.version"
"""Version of this package that is installed."""
COST_USD: Final = "hydrochat.llm.cost_usd"
BUCKET_TOKENS: Final = "hydrochat.llm.tokens."
"""Prefix of span attributes for the tokens of the buckets that no attribute of the conventions carries."""
MODALITY_TOKENS: Final = "hydrochat.llm.modality_tokens."
"""Prefix of span attributes for the tokens of a bucket other than text, such as `...input_fresh.audio`."""
ATTEMPTS: Final = "hydrochat.llm.attempts"
"""On the span of a call whose first HTTP request was not the last: how many the SDK sent."""
ATTEMPT_REASONS: Final = "hydrochat.llm.attempt.reasons"
"""On a span whose call was retried or failed: how each attempt ended, in order (`429`, `5xx`, `network`, `2xx`)."""
RETRY_WAITS_S: Final = "hydrochat.llm.retry.waits"
"""On a span whose call was retried: seconds between each attempt and the one before."""
RETRY_ADVISED_S: Final = "hydrochat.llm.retry.advised"
"""On a span: the longest wait, in seconds, that the service requested (`google.rpc.RetryInfo`)."""
ESTIMATED: Final = "hydrochat.llm.estimated"
"""On a span: true if the reply does not state the modality of its cached tokens, so that the cost is an estimate.

On the span of a stream that ended early: false, because its tokens are those that the service had stated by then.
"""
UNPRICED: Final = "hydrochat.llm.unpriced"
"""On a span: true if tokens were used and no price is known; a cost of 0.0 is a free model's."""
UNRECONCILED: Final = "hydrochat.llm.unreconciled"
"""On a span: true if the usage is missing or does not balance."""
CACHED_CONTENT_TOKENS: Final = "hydrochat.llm.cached_content_tokens"
"""On the span of a call that stores content in the cache: the tokens stored, which no bucket counts."""
CHARGED_UNITS: Final = "hydrochat.llm.charged_units."
"""Prefix of span attributes for the units that a call is charged by, such as `...grounding_search`."""
SERVICE_TIER: Final = "hydrochat.llm.service_tier"
"""On a span: the service tier that the reply names, unless it is the standard one."""

OTHER: Final = "other"
"""Replaces a label value outside its closed set."""
NONE: Final = "none"
"""The operation of a call that was made outside every tracked one."""

# -- closed sets --------------------------------------------------------------------------------------------------

Outcome = Literal["ok", "error", "cancelled", "blocked"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "error", "cancelled", "blocked")
FAILED_OUTCOMES: Final[frozenset[str]] = frozenset({"error", "blocked"})
"""Those of work that gave its caller nothing usable."""

Role = Literal["root", "step"]
ROLES: Final[tuple[Role, ...]] = ("root", "step")

CHARGES: Final = (
    "grounding_search",
    "grounding_maps",
    "url_context",
    "code_execution",
    "cache_storage",
    "image",
    "video_second",
)
"""What Gemini charges for in addition to tokens."""

TokenBucket = Literal["input_fresh", "input_cached", "input_tool", "output_answer", "output_thinking"]
TOKEN_BUCKETS: Final[tuple[TokenBucket, ...]] = (
    "input_fresh",
    "input_cached",
    "input_tool",
    "output_answer",
    "output_thinking",
)
INPUT_BUCKETS: Final = TOKEN_BUCKETS[:3]
OUTPUT_BUCKETS: Final = TOKEN_BUCKETS[3:]

UNBILLED_OPERATIONS: Final = frozenset({"count_tokens", "compute_tokens"})
"""Operations of Gemini that are timed but are not calls: they cost nothing."""
RESULT_OPERATIONS: Final = frozenset({"interaction_result", "batch_result", "video_result", "cache_storage"})
"""Records of usage after the request has ended: the request is the call, these count tokens and dollars."""
SOCKET_OPERATIONS: Final = frozenset({"live", "live_interaction"})
"""Operations of Gemini over a web socket, which have no HTTP requests of their own."""
TOKEN_OPERATIONS: Final = frozenset(
    {
        "generate_content",
        "embeddings",
        "interaction",
        "decision",
        "create_voice",
        "live",
        "live_interaction",
        "interaction_result",
        "batch_result",
    }
)
"""Operations of Gemini whose replies carry usage; one without is unreconciled."""

EVICTED_CAPACITY: Final = "capacity"
EVICTED_AGE: Final = "age"

Period = Literal["day", "month"]
PERIODS: Final[tuple[Period, ...]] = ("day", "month")
"""The periods of spend and budget: since midnight, and since the first of the month."""
BOUNDS: Final = ("expected", "low", "high")
"""The numbers of a forecast; 80 of 100 cases lie between `low` and `high`."""
