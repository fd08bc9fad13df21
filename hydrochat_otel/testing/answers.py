"""Default answers made from the request: a text, JSON that fits the requested schema, or a function call.

Everything is a function of the request alone, so that equal requests get equal answers.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from hydrochat_otel.testing.replies import Part, Reply, Usage, function_call
from hydrochat_otel.testing.wire import Request

_CHARACTERS_PER_TOKEN: Final = 4
_TEXT: Final = "The wound is clean and granulating; keep the dressing dry and change it every second day."
_DEEPEST: Final = 8
"""How deep a schema is followed; deeper or recursive ones end in null."""

_BY_FORMAT: Final[Mapping[str, str]] = {
    "date": "2025-01-01",
    "date-time": "2025-01-01T00:00:00Z",
    "email": "nurse@example.invalid",
}


def made_up_parts(request: Request) -> tuple[Part, ...]:
    """Return the parts of an answer that fits the request: JSON if the request asks for it, else a text."""
    config = request.generation_config
    if config.get("responseMimeType") != "application/json":
        return (Part(text=_TEXT),)
    schema = config.get("responseSchema") or config.get("responseJsonSchema") or {"type": "object"}
    return (Part(text=json.dumps(value_for(schema))),)


def made_up_reply(request: Request) -> Reply:
    """Return a reply that fits the request: it calls the first declared function once, then answers.

    An embedding uses prompt tokens only.
    """
    prompt = estimated_tokens(request.characters)
    if request.kind != "generate":
        return Reply(usage=Usage(prompt=prompt))
    if request.functions and request.hop == 0:
        function = request.functions[0]
        schemas = ("parameters", "parametersJsonSchema", "parameters_json_schema")  # JSON in protobuf may be either
        args = value_for(next((function[name] for name in schemas if function.get(name)), {"type": "object"}))
        return function_call(function["name"], args, usage=Usage(prompt=prompt, answer=8))
    parts = made_up_parts(request)
    return Reply(parts=parts, usage=Usage(prompt=prompt, answer=estimated_tokens(len(parts[0].text or ""))))


def estimated_tokens(characters: int) -> int:
    """Return a plausible number of tokens for a text, at least 1."""
    return characters // _CHARACTERS_PER_TOKEN + 1


def value_for(schema: Mapping[str, Any]) -> Any:
    """Return a value that satisfies a Gemini schema or a JSON schema, as far as types, enums, bounds and nesting go."""
    return _value(schema, schema.get("$defs", {}), 0)


def _value(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return _value(definitions.get(schema["$ref"].rsplit("/", 1)[-1], {}), definitions, depth + 1)
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return _value(schema[choice][0], definitions, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = str(kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _value(entry, definitions, depth + 1) for name, entry in properties.items()}
    if kind == "array":
        entry = _value(schema.get("items", {}), definitions, depth + 1)
        return [entry] * int(schema.get("minItems", 1))
    return _scalar(schema, kind)


def _scalar(schema: Mapping[str, Any], kind: str) -> Any:
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][0]
    bound = schema.get("minimum", schema.get("maximum", 1))
    text = _BY_FORMAT.get(schema.get("format", ""), "wound")
    return {"integer": int(bound), "number": float(bound), "boolean": True, "null": None}.get(kind, text)
