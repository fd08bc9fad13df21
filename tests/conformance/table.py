"""The rules of OpenTelemetry's conventions for a client of Gemini: types, levels, enumerations, kinds, units.

Facts of the GenAI conventions (1.41 and their development since), without message content. A level is `required`,
`condition` (required under a condition) or `recommended`.
"""

STRING, INT, DOUBLE, BOOLEAN, STRINGS = "string", "int", "double", "boolean", "string[]"

_COMMON = {
    "gen_ai.operation.name": (STRING, "required"),
    "gen_ai.provider.name": (STRING, "required"),
    "gen_ai.request.model": (STRING, "condition"),
    "server.address": (STRING, "recommended"),
    "server.port": (INT, "condition"),
    "error.type": (STRING, "condition"),
}

INFERENCE = {
    **_COMMON,
    "gen_ai.request.max_tokens": (INT, "recommended"),
    "gen_ai.request.choice.count": (INT, "condition"),
    "gen_ai.request.temperature": (DOUBLE, "recommended"),
    "gen_ai.request.top_k": (INT, "condition"),
    "gen_ai.request.top_p": (DOUBLE, "recommended"),
    "gen_ai.request.stop_sequences": (STRINGS, "recommended"),
    "gen_ai.request.frequency_penalty": (DOUBLE, "recommended"),
    "gen_ai.request.presence_penalty": (DOUBLE, "recommended"),
    "gen_ai.request.seed": (INT, "condition"),
    "gen_ai.request.stream": (BOOLEAN, "condition"),
    "gen_ai.request.reasoning.level": (STRING, "condition"),
    "gen_ai.request.previous_response.id": (STRING, "recommended"),
    "gen_ai.output.type": (STRING, "condition"),
    "gen_ai.response.id": (STRING, "recommended"),
    "gen_ai.response.model": (STRING, "recommended"),
    "gen_ai.response.finish_reasons": (STRINGS, "recommended"),
    "gen_ai.response.time_to_first_chunk": (DOUBLE, "recommended"),
    "gen_ai.usage.input_tokens": (INT, "recommended"),
    "gen_ai.usage.output_tokens": (INT, "recommended"),
    "gen_ai.usage.cache_read.input_tokens": (INT, "recommended"),
    "gen_ai.usage.reasoning.output_tokens": (INT, "recommended"),
}
EMBEDDINGS = {
    **_COMMON,
    "gen_ai.request.encoding_formats": (STRINGS, "recommended"),
    "gen_ai.usage.input_tokens": (INT, "recommended"),
    "gen_ai.embeddings.dimension.count": (INT, "recommended"),
    "gen_ai.response.model": (STRING, "recommended"),
}
TOOL = {
    "gen_ai.operation.name": (STRING, "required"),
    "gen_ai.tool.name": (STRING, "required"),
    "gen_ai.tool.type": (STRING, "recommended"),
    "gen_ai.tool.call.id": (STRING, "recommended"),
    "error.type": (STRING, "condition"),
}
NEXT_ON_SPANS = {
    **{f"gen_ai.usage.{one}.input_tokens": (INT, "recommended") for one in ("text", "image", "audio", "video")},
    **{f"gen_ai.usage.{one}.output_tokens": (INT, "recommended") for one in ("text", "image", "audio", "video")},
    "gen_ai.usage.cost.amount": (DOUBLE, "recommended"),
    "gen_ai.usage.cost.currency": (STRING, "recommended"),
    "gen_ai.usage.cost.source": (STRING, "recommended"),
}
SPANS = {
    "chat": ("CLIENT", INFERENCE, "gen_ai.request.model"),
    "generate_content": ("CLIENT", INFERENCE, "gen_ai.request.model"),
    "embeddings": ("CLIENT", EMBEDDINGS, "gen_ai.request.model"),
    "execute_tool": ("INTERNAL", TOOL, "gen_ai.tool.name"),
}
"""By operation: the kind of its span, its attributes, and the attribute at the end of its name."""

ENUMERATIONS = {
    "gen_ai.operation.name": {"chat", "generate_content", "embeddings", "execute_tool"},
    "gen_ai.provider.name": {"gcp.gemini", "gcp.vertex_ai"},
    "gen_ai.output.type": {"text", "json", "image", "speech"},
    "gen_ai.token.type": {"input", "output"},
    "gen_ai.token.modality": {"text", "image", "audio", "video", "unknown"},
    "gen_ai.tool.type": {"function", "extension", "datastore"},
    "gen_ai.usage.cost.source": {"local"},
}

_SECONDS = tuple(0.01 * 2**n for n in range(14))
_CHUNKS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 2.5, 5.0, 10.0)
_TOKENS = tuple(4**n for n in range(14))
_ON_POINTS = {name: level for name, (_, level) in _COMMON.items() if name != "error.type"} | {
    "gen_ai.response.model": "recommended"
}
_ENDED = _ON_POINTS | {"error.type": "condition"}
_TOOLS = {"gen_ai.tool.name": "required", "gen_ai.tool.type": "recommended", "error.type": "condition"}

TODAY = {
    "gen_ai.client.operation.duration": ("histogram", "s", _SECONDS, _ENDED),
    "gen_ai.client.token.usage": ("histogram", "{token}", _TOKENS, _ON_POINTS | {"gen_ai.token.type": "required"}),
    "gen_ai.client.operation.time_to_first_chunk": ("histogram", "s", _SECONDS, _ON_POINTS),
    "gen_ai.client.operation.time_per_output_chunk": ("histogram", "s", _CHUNKS, _ON_POINTS),
    "gen_ai.execute_tool.duration": ("histogram", "s", _SECONDS, _TOOLS),
}
"""By name: instrument, unit, edges, and the attributes of its points with their levels."""

_USAGE = ("counter", "{token}", None, _ON_POINTS | {"gen_ai.token.modality": "required"})
NEXT = {
    "gen_ai.client.inference.duration": ("histogram", "s", _SECONDS, _ENDED),
    "gen_ai.client.inference.time_to_first_chunk": ("histogram", "s", _SECONDS, _ON_POINTS),
    "gen_ai.client.inference.time_per_output_chunk": ("histogram", "s", _CHUNKS, _ON_POINTS),
    "gen_ai.client.inference.operation.input_tokens": ("histogram", "{token}", _TOKENS, _ENDED),
    "gen_ai.client.inference.operation.output_tokens": ("histogram", "{token}", _TOKENS, _ENDED),
    "gen_ai.client.inference.usage.input_tokens": _USAGE,
    "gen_ai.client.inference.usage.output_tokens": _USAGE,
    "gen_ai.client.inference.usage.cache_read.input_tokens": _USAGE,
    "gen_ai.client.inference.usage.reasoning.output_tokens": _USAGE,
    "gen_ai.client.embeddings.duration": ("histogram", "s", _SECONDS, _ENDED),
    "gen_ai.client.embeddings.operation.input_tokens": ("histogram", "{token}", _TOKENS, _ENDED),
    "gen_ai.execute_tool.duration": ("histogram", "s", _SECONDS, _TOOLS),
}
