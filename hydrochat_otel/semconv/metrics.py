"""Every metric that the package emits: name, unit, attributes and bucket edges, as data.

Dashboards, rules and the tables of the documentation are made from :data:`METRICS`.

Spec: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (1.41)
"""

from typing import Final

from hydrochat_otel.semconv.attributes import (
    BOUND,
    CHARGE,
    LABEL,
    LABEL_VALUE,
    LIBRARY,
    LIBRARY_VERSION,
    LLM_OPERATION,
    OPERATION,
    OUTCOME,
    PERIOD,
    REASON,
    ROLE,
    ROOT_OPERATION,
    SEAM,
    TOKEN_BUCKET,
    VERSION,
)
from hydrochat_otel.semconv.edges import CALL_EDGES_S, GEN_AI_EDGES_S, OPERATION_EDGES_S
from hydrochat_otel.semconv.gen_ai_attributes import ERROR_TYPE, GEN_AI_REQUEST_MODEL
from hydrochat_otel.semconv.gen_ai_metrics import (
    GEN_AI_DURATION,
    GEN_AI_TIME_PER_OUTPUT_CHUNK,
    GEN_AI_TIME_TO_FIRST_CHUNK,
    GEN_AI_TOKEN_USAGE,
    GEN_AI_TOOL_DURATION,
    REPLACED,
)
from hydrochat_otel.semconv.metric_spec import MetricSpec
from hydrochat_otel.semconv.next_metrics import NEXT_METRICS

_MADE_IN = (OPERATION, ROOT_OPERATION)
OPERATION_DURATION: Final = MetricSpec(
    "hydrochat.operation.duration",
    "histogram",
    "s",
    "How long each tracked operation took.",
    (OPERATION, ROLE, ERROR_TYPE),
    OPERATION_EDGES_S,
)
OPERATION_VIOLATIONS: Final = MetricSpec(
    "hydrochat.operation.violations",
    "counter",
    "{violation}",
    "Operations that took longer than the threshold that they state.",
    (OPERATION, ROLE),
)
OPERATION_BAD: Final = MetricSpec(
    "hydrochat.operation.bad",
    "counter",
    "{operation}",
    "Operations that failed or took longer than the threshold that they state.",
    (OPERATION, ROLE),
)
LLM_CALLS: Final = MetricSpec(
    "hydrochat.llm.calls",
    "counter",
    "{call}",
    "Requests to Gemini by how they ended.",
    (GEN_AI_REQUEST_MODEL, LLM_OPERATION, OUTCOME, *_MADE_IN),
)
LLM_TOKENS: Final = MetricSpec(
    "hydrochat.llm.tokens",
    "counter",
    "{token}",
    "Tokens in five disjoint buckets whose sum is what Gemini calls the total.",
    (GEN_AI_REQUEST_MODEL, TOKEN_BUCKET, *_MADE_IN),
)
LLM_COST: Final = MetricSpec(
    "hydrochat.llm.cost",
    "counter",
    "{USD}",
    "Dollars that calls cost: their tokens, and what is charged beside them.",
    (GEN_AI_REQUEST_MODEL, *_MADE_IN),
)
LLM_UNPRICED_TOKENS: Final = MetricSpec(
    "hydrochat.llm.unpriced_tokens",
    "counter",
    "{token}",
    "Tokens for which no price is known; they are missing from the cost.",
    (GEN_AI_REQUEST_MODEL, *_MADE_IN),
)
LLM_UNRECONCILED_CALLS: Final = MetricSpec(
    "hydrochat.llm.unreconciled_calls",
    "counter",
    "{call}",
    "Calls whose usage record is missing or does not balance.",
    (GEN_AI_REQUEST_MODEL, *_MADE_IN),
)
LLM_INCOMPLETE_CALLS: Final = MetricSpec(
    "hydrochat.llm.incomplete_calls",
    "counter",
    "{call}",
    "Calls whose usage was not stated in full: they ended early, or an attempt got no answer and was repeated.",
    (GEN_AI_REQUEST_MODEL, *_MADE_IN),
)
LLM_INCOMPLETE_TOKENS: Final = MetricSpec(
    "hydrochat.llm.incomplete_tokens",
    "counter",
    "{token}",
    "Tokens that incomplete calls had stated when they ended: the lower bound of what they used.",
    (GEN_AI_REQUEST_MODEL, *_MADE_IN),
)
LLM_CHARGES: Final = MetricSpec(
    "hydrochat.llm.charges",
    "counter",
    "{USD}",
    "Dollars of the cost that are charged beside the tokens, by what they are for.",
    (GEN_AI_REQUEST_MODEL, CHARGE, *_MADE_IN),
)
LLM_CHARGED_UNITS: Final = MetricSpec(
    "hydrochat.llm.charged_units",
    "counter",
    "{unit}",
    "Units that are charged beside the tokens: searches, images, seconds of video, hours of cached tokens.",
    (GEN_AI_REQUEST_MODEL, CHARGE, *_MADE_IN),
)
LLM_SAVINGS: Final = MetricSpec(
    "hydrochat.llm.savings",
    "counter",
    "{USD}",
    "Dollars that cached input cost less than the same input would have cost fresh; storage of the cache is a charge.",
    (GEN_AI_REQUEST_MODEL, *_MADE_IN),
)
LLM_RETRY_COST: Final = MetricSpec(
    "hydrochat.llm.retry_cost",
    "counter",
    "{USD}",
    "Dollars for the input of attempts that got no answer and were repeated: Google may charge them; not in the cost.",
    (GEN_AI_REQUEST_MODEL, *_MADE_IN),
)
LLM_CALL_DURATION: Final = MetricSpec(
    "hydrochat.llm.call.duration",
    "histogram",
    "s",
    "How long each call to Gemini took, retries and waits included; fed whatever traces the call.",
    (GEN_AI_REQUEST_MODEL, OPERATION, ERROR_TYPE),
    CALL_EDGES_S,
)
LLM_FIRST_ANSWER_TOKEN: Final = MetricSpec(
    "hydrochat.llm.first_answer_token",
    "histogram",
    "s",
    "From the start of a streamed call to its first chunk that carries more than thoughts; fed whatever traces it.",
    (GEN_AI_REQUEST_MODEL, *_MADE_IN),
    CALL_EDGES_S,
)
LLM_ATTEMPTS: Final = MetricSpec(
    "hydrochat.llm.attempts",
    "counter",
    "{attempt}",
    "HTTP requests that the SDK sent, by status class.",
    (GEN_AI_REQUEST_MODEL, REASON, *_MADE_IN),
)
LLM_RETRIES: Final = MetricSpec(
    "hydrochat.llm.retries",
    "counter",
    "{retry}",
    "HTTP requests that repeated a failed one, by the status class that caused them.",
    (GEN_AI_REQUEST_MODEL, REASON, *_MADE_IN),
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
RETENTION_COVERED: Final = MetricSpec(
    "hydrochat.retention.covered",
    "gauge",
    "s",
    "How far back the window reaches: age of its oldest entry.",
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
LABEL_REFUSALS: Final = MetricSpec(
    "hydrochat.label.refusals",
    "observable_counter",
    "{value}",
    "Values that a closed set of labels refused; they are counted under `other`.",
    (LABEL, LABEL_VALUE),
)
INSTRUMENTATION_ACTIVE: Final = MetricSpec(
    "hydrochat.instrumentation.active",
    "gauge",
    "{library}",  # not "1": the collector would treat the gauge as a ratio
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
LLM_PRICE: Final = MetricSpec(
    "hydrochat.llm.price",
    "gauge",
    "{USD}",
    "Dollars of a million tokens by bucket: the standard rate of each model in use, for text, below any context tier.",
    (GEN_AI_REQUEST_MODEL, TOKEN_BUCKET),
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
LLM_FORECAST: Final = MetricSpec(
    "hydrochat.llm.forecast",
    "gauge",
    "{USD}",
    "Dollars that calls will have cost at the end of this month: expected, and the bounds of 80 of 100 cases.",
    (BOUND,),
    across="fleet",
)
STATE_WORKERS: Final = MetricSpec(
    "hydrochat.state.workers",
    "gauge",
    "{worker}",
    "Processes that share their numbers and reported lately.",
    across="fleet",
)
BUILD_INFO: Final = MetricSpec(
    "hydrochat.build_info",
    "gauge",
    "",
    "1, with the installed version of this package.",
    (VERSION,),
    across="max",
)
PROCESS_START: Final = MetricSpec(
    "hydrochat.process.start_time",
    "gauge",
    "s",
    "When the process installed the telemetry, in seconds since the epoch; of several processes the latest.",
    across="max",
)

METRICS: Final[tuple[MetricSpec, ...]] = (
    OPERATION_DURATION,
    OPERATION_VIOLATIONS,
    OPERATION_BAD,
    GEN_AI_DURATION,
    GEN_AI_TOKEN_USAGE,
    GEN_AI_TIME_TO_FIRST_CHUNK,
    GEN_AI_TIME_PER_OUTPUT_CHUNK,
    GEN_AI_TOOL_DURATION,
    *NEXT_METRICS,
    LLM_CALLS,
    LLM_TOKENS,
    LLM_COST,
    LLM_UNPRICED_TOKENS,
    LLM_UNRECONCILED_CALLS,
    LLM_INCOMPLETE_CALLS,
    LLM_INCOMPLETE_TOKENS,
    LLM_CHARGES,
    LLM_CHARGED_UNITS,
    LLM_SAVINGS,
    LLM_RETRY_COST,
    LLM_CALL_DURATION,
    LLM_FIRST_ANSWER_TOKEN,
    LLM_ATTEMPTS,
    LLM_RETRIES,
    LLM_RETRY_WAIT,
    LLM_RETRY_ADVISED,
    LLM_PRICE,
    LLM_SPEND,
    LLM_BUDGET,
    LLM_FORECAST,
    PRICE_BOOK_AGE,
    RETENTION_ENTRIES,
    RETENTION_UTILIZATION,
    RETENTION_COVERED,
    RETENTION_EVICTED,
    TELEMETRY_ERRORS,
    LABEL_REFUSALS,
    INSTRUMENTATION_ACTIVE,
    STATE_WORKERS,
    BUILD_INFO,
    PROCESS_START,
)


def emitted(*, next_names: bool) -> tuple[MetricSpec, ...]:
    """Return the metrics that are emitted: with today's names of the conventions, or with the next ones."""
    left_out = REPLACED if next_names else NEXT_METRICS
    return tuple(spec for spec in METRICS if spec not in left_out)
