"""The names of the conventions' attributes that the package emits, and the members of their enumerations.

The GenAI names are written out because the published package marks them as moved and renames are coming: they have to
be changed only here.

Spec: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (1.41)
"""

from collections.abc import Mapping
from typing import Final

from hydrochat_otel.semconv.attributes import BUCKET_TOKENS, TOKEN_BUCKETS

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.0"
"""Version of the conventions that spans and metrics follow."""

ERROR_TYPE: Final = "error.type"
ERROR_OTHER: Final = "_OTHER"
"""The value of `error.type` if the class of the error is not in the closed set."""
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
DISTRO_NAME: Final = "telemetry.distro.name"
DISTRO_VERSION: Final = "telemetry.distro.version"

GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER: Final = "gen_ai.provider.name"
PROVIDER_GEMINI: Final = "gcp.gemini"
PROVIDER_VERTEX: Final = "gcp.vertex_ai"

# -- of a request ------------------------------------------------------------------------------------------------------

GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_TEMPERATURE: Final = "gen_ai.request.temperature"
GEN_AI_TOP_P: Final = "gen_ai.request.top_p"
GEN_AI_TOP_K: Final = "gen_ai.request.top_k"
GEN_AI_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
GEN_AI_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
"""The requested number of candidates, unless it is 1."""
GEN_AI_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
GEN_AI_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
GEN_AI_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
GEN_AI_SEED: Final = "gen_ai.request.seed"
GEN_AI_STREAM: Final = "gen_ai.request.stream"
GEN_AI_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
GEN_AI_PREVIOUS_RESPONSE: Final = "gen_ai.request.previous_response.id"
GEN_AI_OUTPUT_TYPE: Final = "gen_ai.output.type"
GEN_AI_DIMENSIONS: Final = "gen_ai.embeddings.dimension.count"

OUTPUT_TYPES: Final = ("text", "json", "image", "speech")
REASONING_LEVELS: Final = ("minimal", "low", "medium", "high")
"""Gemini's levels of thinking; they are emitted in the spelling of the request, also in capital letters."""

# -- of a reply --------------------------------------------------------------------------------------------------------

GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_FIRST_CHUNK_S: Final = "gen_ai.response.time_to_first_chunk"
GEN_AI_TOKEN_TYPE: Final = "gen_ai.token.type"
GEN_AI_TOKEN_MODALITY: Final = "gen_ai.token.modality"
TOKEN_MODALITIES: Final = ("text", "image", "audio", "video", "unknown")
NEXT_USAGE_PREFIX: Final = "gen_ai.usage."
"""Prefix of the tokens by modality on a span (`...audio.input_tokens`), if the operator opts in."""
COST_AMOUNT: Final = "gen_ai.usage.cost.amount"
COST_CURRENCY: Final = "gen_ai.usage.cost.currency"
COST_SOURCE: Final = "gen_ai.usage.cost.source"
COST_LOCAL: Final = "local"
"""Source of a cost that is computed here, from a list of prices."""
GEN_AI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"

_TOKEN_ATTRIBUTES: Final[Mapping[str, str]] = {
    "input_cached": GEN_AI_CACHED_TOKENS,
    "output_thinking": GEN_AI_REASONING_TOKENS,
}
TOKEN_ATTRIBUTES: Final = tuple(_TOKEN_ATTRIBUTES.get(bucket, BUCKET_TOKENS + bucket) for bucket in TOKEN_BUCKETS)
"""The span attribute of each bucket: the conventions' if they have one."""

FINISH_ERROR: Final = "error"
"""Finish reason of a candidate whose generation ended without one."""

# -- of a tool ---------------------------------------------------------------------------------------------------------

GEN_AI_TOOL_NAME: Final = "gen_ai.tool.name"
GEN_AI_TOOL_TYPE: Final = "gen_ai.tool.type"
GEN_AI_TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
EXECUTE_TOOL: Final = "execute_tool"
TOOL_FUNCTION: Final = "function"
TOOL_ERROR: Final = "tool_error"
"""Error type of a tool whose result states a failure, as the conventions name it for MCP."""

# -- operations --------------------------------------------------------------------------------------------------------

_CONVENTION_OPERATIONS: Final[Mapping[str, str]] = {
    "live": "chat",
    "live_interaction": "chat",
    "interaction": "generate_content",
    "decision": "generate_content",
    "create_voice": "generate_content",
    "generate_images": "generate_content",
    "edit_image": "generate_content",
    "upscale_image": "generate_content",
    "recontext_image": "generate_content",
    "segment_image": "generate_content",
    "generate_videos": "generate_content",
}


def convention_operation(operation: str) -> str:
    """Return the conventions' name of one of our operations.

    An operation that is not in the enumeration, such as `count_tokens`, keeps our name, as the conventions allow.
    """
    return _CONVENTION_OPERATIONS.get(operation, operation)
