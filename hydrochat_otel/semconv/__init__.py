"""Every metric, attribute, unit and bucket edge that the package emits, as data.

The GenAI names are written out because the published package marks them as moved and renames are coming:
here is the one place to follow them. Dashboards, rules and the documentation's table are made from :data:`METRICS`.

Spec: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (1.41)
"""

from dataclasses import dataclass
from typing import Final, Literal

SCOPE: Final = "hydrochat_otel"
"""Name of the instrumentation scope of every span and instrument of ours."""

# -- attributes ---------------------------------------------------------------------------------------------------

OPERATION: Final = "hydrochat.operation"
OUTCOME: Final = "hydrochat.outcome"
THRESHOLD_EXCEEDED: Final = "hydrochat.threshold_exceeded"
TOKEN_BUCKET: Final = "hydrochat.token.bucket"
REASON: Final = "hydrochat.reason"
SEAM: Final = "hydrochat.seam"
LIBRARY: Final = "hydrochat.library.name"
LIBRARY_VERSION: Final = "hydrochat.library.version"
PERIOD: Final = "hydrochat.period"
COST_USD: Final = "hydrochat.llm.cost_usd"
BUCKET_TOKENS: Final = "hydrochat.llm.tokens."
"""Prefix of the five span attributes that carry one call's tokens, one for each bucket."""
MODALITY_TOKENS: Final = "hydrochat.llm.modality_tokens."
"""Prefix of span attributes for the tokens of a bucket that are no text, such as `...input_fresh.audio`."""
ATTEMPTS: Final = "hydrochat.llm.attempts"
"""On the span of a call whose first HTTP request did not settle it: how many the SDK sent."""
ATTEMPT_REASONS: Final = "hydrochat.llm.attempt.reasons"
"""On a span whose call was retried or failed: how each attempt ended, in order (`429`, `5xx`, `network`, `2xx`)."""
RETRY_WAITS_S: Final = "hydrochat.llm.retry.waits"
"""On a span whose call was retried: seconds between each attempt and the one before, as waited."""
RETRY_ADVISED_S: Final = "hydrochat.llm.retry.advised"
"""On a span: the longest seconds that the service asked to wait (`google.rpc.RetryInfo`)."""
ESTIMATED: Final = "hydrochat.llm.estimated"
"""On the span of a stream that ended early: false, because its tokens are those that the service had stated by then."""
UNPRICED: Final = "hydrochat.llm.unpriced"
"""On a span: true where tokens were used and no price is known; a cost of 0.0 is a free model's."""
UNRECONCILED: Final = "hydrochat.llm.unreconciled"
"""On a span: true where the usage record is missing or does not balance."""
CACHED_CONTENT_TOKENS: Final = "hydrochat.llm.cached_content_tokens"
"""On the span of a call that stores content in the cache: the tokens stored, which no bucket counts."""
SERVICE_TIER: Final = "hydrochat.llm.service_tier"
"""On a span: the service tier that the reply names, where it is not the standard one."""

ERROR_TYPE: Final = "error.type"
GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_TOKEN_TYPE: Final = "gen_ai.token.type"
GEN_AI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

OTHER: Final = "other"
"""What a label value outside its closed set becomes."""

# -- closed sets --------------------------------------------------------------------------------------------------

Outcome = Literal["ok", "error", "cancelled", "blocked"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "error", "cancelled", "blocked")

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
"""Operations of Gemini that are timed but are no calls: they cost nothing."""
TOKEN_OPERATIONS: Final = frozenset({"generate_content", "embeddings", "interaction", "live"})
"""Operations of Gemini whose replies carry usage; one without is unreconciled."""

PROVIDER_GEMINI: Final = "gcp.gemini"
PROVIDER_VERTEX: Final = "gcp.vertex_ai"

EVICTED_CAPACITY: Final = "capacity"
EVICTED_AGE: Final = "age"

Period = Literal["day", "month"]
PERIODS: Final[tuple[Period, ...]] = ("day", "month")
"""What spend and budget speak of: since midnight, and since the first of the month."""

# -- bucket edges -------------------------------------------------------------------------------------------------

OPERATION_EDGES_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""With an edge at exactly 2.0, the default threshold, so that Prometheus can count violations from the histogram."""

GEN_AI_EDGES_S: Final = tuple(0.01 * 2**n for n in range(14))
"""0.01 to 81.92 s, doubling, as the convention recommends."""

CHUNK_EDGES_S: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.5, 5.0, 10.0)

TOKEN_EDGES: Final = tuple(float(4**n) for n in range(14))
"""1 to 67108864 tokens, by four, as the convention recommends."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric as it is emitted: name, kind, UCUM unit, what it means, its attributes and its bucket edges.

    `across` says how the values of several processes become one; histograms and synchronous counters always add up.
    `fleet` is not made from theirs: whoever has the whole picture states it.
    """

    name: str
    kind: Literal["histogram", "counter", "gauge", "observable_counter"]
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    across: Literal["sum", "max", "min", "fleet"] = "sum"


_GEN_AI = (
    GEN_AI_OPERATION,
    GEN_AI_PROVIDER,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_MODEL,
    SERVER_ADDRESS,
    SERVER_PORT,
)

OPERATION_DURATION: Final = MetricSpec(
    "hydrochat.operation.duration",
    "histogram",
    "s",
    "How long each tracked operation took.",
    (OPERATION, ERROR_TYPE),
    OPERATION_EDGES_S,
)
OPERATION_VIOLATIONS: Final = MetricSpec(
    "hydrochat.operation.violations",
    "counter",
    "{violation}",
    "Operations that took longer than their threshold.",
    (OPERATION,),
)
GEN_AI_DURATION: Final = MetricSpec(
    "gen_ai.client.operation.duration",
    "histogram",
    "s",
    "How long each request to Gemini took, retries and waits included.",
    (*_GEN_AI, ERROR_TYPE),
    GEN_AI_EDGES_S,
)
GEN_AI_TOKEN_USAGE: Final = MetricSpec(
    "gen_ai.client.token.usage",
    "histogram",
    "{token}",
    "Tokens of each request, input and output.",
    (*_GEN_AI, GEN_AI_TOKEN_TYPE),
    TOKEN_EDGES,
)
GEN_AI_TIME_TO_FIRST_CHUNK: Final = MetricSpec(
    "gen_ai.client.operation.time_to_first_chunk",
    "histogram",
    "s",
    "From the start of a stream to its first chunk that carries more than thoughts.",
    _GEN_AI,
    GEN_AI_EDGES_S,
)
GEN_AI_TIME_PER_OUTPUT_CHUNK: Final = MetricSpec(
    "gen_ai.client.operation.time_per_output_chunk",
    "histogram",
    "s",
    "Between two chunks of a stream, after the first.",
    _GEN_AI,
    CHUNK_EDGES_S,
)
LLM_CALLS: Final = MetricSpec(
    "hydrochat.llm.calls",
    "counter",
    "{call}",
    "Requests to Gemini by how they ended.",
    (GEN_AI_REQUEST_MODEL, GEN_AI_OPERATION, OUTCOME),
)
LLM_TOKENS: Final = MetricSpec(
    "hydrochat.llm.tokens",
    "counter",
    "{token}",
    "Tokens in five disjoint buckets whose sum is what Gemini calls the total.",
    (GEN_AI_REQUEST_MODEL, TOKEN_BUCKET),
)
LLM_COST: Final = MetricSpec(
    "hydrochat.llm.cost",
    "counter",
    "{USD}",
    "Dollars that the tokens cost.",
    (GEN_AI_REQUEST_MODEL,),
)
LLM_UNPRICED_TOKENS: Final = MetricSpec(
    "hydrochat.llm.unpriced_tokens",
    "counter",
    "{token}",
    "Tokens for which no price is known; they are missing from the cost.",
    (GEN_AI_REQUEST_MODEL,),
)
LLM_UNRECONCILED_CALLS: Final = MetricSpec(
    "hydrochat.llm.unreconciled_calls",
    "counter",
    "{call}",
    "Calls whose usage record is missing or does not balance.",
    (GEN_AI_REQUEST_MODEL,),
)
LLM_ATTEMPTS: Final = MetricSpec(
    "hydrochat.llm.attempts",
    "counter",
    "{attempt}",
    "HTTP requests that the SDK sent, by status class.",
    (GEN_AI_REQUEST_MODEL, REASON),
)
LLM_RETRIES: Final = MetricSpec(
    "hydrochat.llm.retries",
    "counter",
    "{retry}",
    "HTTP requests that repeated a failed one, by the status class that caused them.",
    (GEN_AI_REQUEST_MODEL, REASON),
)
LLM_RETRY_WAIT: Final = MetricSpec(
    "hydrochat.llm.retry.wait",
    "histogram",
    "s",
    "Time between a failed attempt and the next.",
    (GEN_AI_REQUEST_MODEL, REASON),
    GEN_AI_EDGES_S,
)
LLM_RETRY_ADVISED: Final = MetricSpec(
    "hydrochat.llm.retry.advised",
    "histogram",
    "s",
    "Wait that the service asked for after a failed attempt.",
    (GEN_AI_REQUEST_MODEL, REASON),
    GEN_AI_EDGES_S,
)
RETENTION_ENTRIES: Final = MetricSpec(
    "hydrochat.retention.entries",
    "gauge",
    "{entry}",
    "Entries kept now.",
    across="fleet",
)
RETENTION_UTILIZATION: Final = MetricSpec(
    "hydrochat.retention.utilization_ratio",
    "gauge",
    "1",
    "Kept entries divided by the most that may be kept.",
    across="fleet",
)
RETENTION_EVICTED: Final = MetricSpec(
    "hydrochat.retention.evicted",
    "observable_counter",
    "{entry}",
    "Entries that left the retained window, by reason (capacity or age).",
    (REASON,),
    across="fleet",
)
TELEMETRY_ERRORS: Final = MetricSpec(
    "hydrochat.telemetry.errors",
    "observable_counter",
    "{error}",
    "Failures inside the telemetry itself; the application went on.",
    (SEAM,),
)
INSTRUMENTATION_ACTIVE: Final = MetricSpec(
    "hydrochat.instrumentation.active",
    "gauge",
    "{library}",  # not "1": the collector would call the gauge a ratio
    "1 while the library is instrumented, 0 when it was refused or undone.",
    (LIBRARY, LIBRARY_VERSION),
    across="min",
)
PRICE_BOOK_AGE: Final = MetricSpec(
    "hydrochat.llm.price_book.age",
    "gauge",
    "s",
    "Age of the price book that the costs come from.",
    across="max",
)
LLM_SPEND: Final = MetricSpec(
    "hydrochat.llm.spend",
    "gauge",
    "{USD}",
    "Dollars that calls cost since midnight (day) and since the first of the month (month), by the end of the call.",
    (PERIOD,),
    across="fleet",
)
LLM_BUDGET: Final = MetricSpec(
    "hydrochat.llm.budget",
    "gauge",
    "{USD}",
    "Dollars that calls may cost in this day and this month; absent where no budget is set.",
    (PERIOD,),
    across="fleet",
)
STATE_WORKERS: Final = MetricSpec(
    "hydrochat.state.workers",
    "gauge",
    "{worker}",
    "Processes that share their numbers and reported lately.",
    across="fleet",
)

METRICS: Final[tuple[MetricSpec, ...]] = (
    OPERATION_DURATION,
    OPERATION_VIOLATIONS,
    GEN_AI_DURATION,
    GEN_AI_TOKEN_USAGE,
    GEN_AI_TIME_TO_FIRST_CHUNK,
    GEN_AI_TIME_PER_OUTPUT_CHUNK,
    LLM_CALLS,
    LLM_TOKENS,
    LLM_COST,
    LLM_UNPRICED_TOKENS,
    LLM_UNRECONCILED_CALLS,
    LLM_ATTEMPTS,
    LLM_RETRIES,
    LLM_RETRY_WAIT,
    LLM_RETRY_ADVISED,
    LLM_SPEND,
    LLM_BUDGET,
    PRICE_BOOK_AGE,
    RETENTION_ENTRIES,
    RETENTION_UTILIZATION,
    RETENTION_EVICTED,
    TELEMETRY_ERRORS,
    INSTRUMENTATION_ACTIVE,
    STATE_WORKERS,
)
