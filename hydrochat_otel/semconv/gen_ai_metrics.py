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
    GEN_AI_TOOL_NAME,
    GEN_AI_TOOL_TYPE,
    SERVER_ADDRESS,
    SERVER_PORT,
)
from hydrochat_otel.semconv.metric_spec import MetricSpec

CALL_ATTRIBUTES: Final = (
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
    (*CALL_ATTRIBUTES, ERROR_TYPE),
    GEN_AI_EDGES_S,
)
GEN_AI_TOKEN_USAGE: Final = MetricSpec(
    "gen_ai.client.token.usage",
    "histogram",
    "{token}",
    "Tokens of each request, input and output; embeddings have input only.",
    (*CALL_ATTRIBUTES, GEN_AI_TOKEN_TYPE),
    TOKEN_EDGES,
)
GEN_AI_TIME_TO_FIRST_CHUNK: Final = MetricSpec(
    "gen_ai.client.operation.time_to_first_chunk",
    "histogram",
    "s",
    "From the start of a stream to its first chunk, whatever that carries.",
    CALL_ATTRIBUTES,
    GEN_AI_EDGES_S,
)
GEN_AI_TOOL_DURATION: Final = MetricSpec(
    "gen_ai.execute_tool.duration",
    "histogram",
    "s",
    "How long each function took that the SDK ran because the model asked for it.",
    (GEN_AI_TOOL_NAME, GEN_AI_TOOL_TYPE, ERROR_TYPE),
    GEN_AI_EDGES_S,
)
GEN_AI_TIME_PER_OUTPUT_CHUNK: Final = MetricSpec(
    "gen_ai.client.operation.time_per_output_chunk",
    "histogram",
    "s",
    "Between two chunks of a stream, after the first.",
    CALL_ATTRIBUTES,
    CHUNK_EDGES_S,
)

REPLACED: Final = (GEN_AI_TOKEN_USAGE, GEN_AI_TIME_TO_FIRST_CHUNK, GEN_AI_TIME_PER_OUTPUT_CHUNK)
"""What the next names take the place of; the duration stays for what is neither inference nor embedding."""
