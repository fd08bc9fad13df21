"""The metrics of OpenTelemetry's GenAI conventions that the package emits, as data.

Spec: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (1.41)
"""

from typing import Final

from hydrochat_otel.semconv.edges import CHUNK_EDGES_S, GEN_AI_EDGES_S, TOKEN_EDGES
from hydrochat_otel.semconv.gen_ai_attributes import (
    ERROR_TYPE,
    GEN_AI_OPERATION,
    GEN_AI_PROVIDER,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_TOKEN_TYPE,
    SERVER_ADDRESS,
    SERVER_PORT,
)
from hydrochat_otel.semconv.metric_spec import MetricSpec

_GEN_AI = (
    GEN_AI_OPERATION,
    GEN_AI_PROVIDER,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_MODEL,
    SERVER_ADDRESS,
    SERVER_PORT,
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
    "Tokens of each request, input and output; embeddings have input only.",
    (*_GEN_AI, GEN_AI_TOKEN_TYPE),
    TOKEN_EDGES,
)
GEN_AI_TIME_TO_FIRST_CHUNK: Final = MetricSpec(
    "gen_ai.client.operation.time_to_first_chunk",
    "histogram",
    "s",
    "From the start of a stream to its first chunk, whatever that carries.",
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
