"""The metrics of OpenTelemetry's next GenAI conventions, emitted instead of today's if the operator opts in.

Spec: https://github.com/open-telemetry/semantic-conventions-genai (development)
"""

from typing import Final

from hydrochat_otel.semconv.edges import CHUNK_EDGES_S, GEN_AI_EDGES_S, TOKEN_EDGES
from hydrochat_otel.semconv.gen_ai_attributes import ERROR_TYPE, GEN_AI_TOKEN_MODALITY
from hydrochat_otel.semconv.gen_ai_metrics import CALL_ATTRIBUTES
from hydrochat_otel.semconv.metric_spec import MetricSpec

OPT_IN: Final = "gen_ai_latest_experimental"
"""The word in `OTEL_SEMCONV_STABILITY_OPT_IN` that selects these instead of today's."""

_ENDED = (*CALL_ATTRIBUTES, ERROR_TYPE)
_BY_MODALITY = (*CALL_ATTRIBUTES, GEN_AI_TOKEN_MODALITY)


def _usage(name: str, what: str) -> MetricSpec:
    name = f"gen_ai.client.inference.usage.{name}_tokens"
    return MetricSpec(name, "counter", "{token}", f"Opt-in: {what}, by modality.", _BY_MODALITY)


def _tokens(name: str, what: str) -> MetricSpec:
    return MetricSpec(f"gen_ai.client.{name}", "histogram", "{token}", f"Opt-in: {what}.", _ENDED, TOKEN_EDGES)


NEXT_USAGE: Final = (
    _usage("input", "input tokens, cached ones included"),
    _usage("output", "output tokens, thoughts included"),
    _usage("cache_read.input", "input tokens that were read from the cache"),
    _usage("reasoning.output", "output tokens of thoughts"),
)
NEXT_INPUT_TOKENS: Final = _tokens("inference.operation.input_tokens", "input tokens of each call")
NEXT_OUTPUT_TOKENS: Final = _tokens("inference.operation.output_tokens", "output tokens of each call")
NEXT_EMBEDDINGS_INPUT_TOKENS: Final = _tokens("embeddings.operation.input_tokens", "input tokens of each embedding")
NEXT_INFERENCE_DURATION: Final = MetricSpec(
    "gen_ai.client.inference.duration",
    "histogram",
    "s",
    "Opt-in: how long each call that makes an answer took, retries and waits included.",
    _ENDED,
    GEN_AI_EDGES_S,
)
NEXT_EMBEDDINGS_DURATION: Final = MetricSpec(
    "gen_ai.client.embeddings.duration",
    "histogram",
    "s",
    "Opt-in: how long each embedding took, retries and waits included.",
    _ENDED,
    GEN_AI_EDGES_S,
)
NEXT_TIME_TO_FIRST_CHUNK: Final = MetricSpec(
    "gen_ai.client.inference.time_to_first_chunk",
    "histogram",
    "s",
    "Opt-in: from the start of a stream to its first chunk, whatever that carries.",
    CALL_ATTRIBUTES,
    GEN_AI_EDGES_S,
)
NEXT_TIME_PER_OUTPUT_CHUNK: Final = MetricSpec(
    "gen_ai.client.inference.time_per_output_chunk",
    "histogram",
    "s",
    "Opt-in: between two chunks of a stream, after the first.",
    CALL_ATTRIBUTES,
    CHUNK_EDGES_S,
)

NEXT_METRICS: Final = (
    NEXT_INFERENCE_DURATION,
    NEXT_TIME_TO_FIRST_CHUNK,
    NEXT_TIME_PER_OUTPUT_CHUNK,
    *NEXT_USAGE,
    NEXT_INPUT_TOKENS,
    NEXT_OUTPUT_TOKENS,
    NEXT_EMBEDDINGS_DURATION,
    NEXT_EMBEDDINGS_INPUT_TOKENS,
)
