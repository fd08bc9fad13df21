"""The registry of our names for OpenTelemetry's Weaver, made from the declared metrics and attributes."""

import json
from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.semconv import MetricSpec
from hydrochat_otel.stack.own_attributes import OWN_ATTRIBUTES, OwnAttribute
from hydrochat_otel.version import __version__

_OWN: Final = "hydrochat."
_KINDS: Final = {"observable_counter": "counter"}
_CONVENTIONS: Final = "https://github.com/open-telemetry/semantic-conventions-genai.git[model]"
_ALWAYS: Final = "Always."


def manifest(made_by: str) -> str:
    """Return the file that names the registry and the conventions that it builds on.

    The schema URL has the form that OpenTelemetry requires: its last segment is the version, what is before it the
    name of the registry, which is the distribution's.
    """
    return f"""# {made_by}
name: hydrochat-otel
description: Names of hydrochat-otel that OpenTelemetry's conventions have none for.
schema_url: https://pypi.org/project/hydrochat-otel/{__version__}
stability: development
dependencies:
  - schema_url: https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev
    registry_path: {_CONVENTIONS}
"""


def definitions(made_by: str) -> str:
    """Return every attribute, metric and span of ours."""
    lines = [f"# {made_by}", "file_format: definition/2", "attributes:"]
    for attribute in OWN_ATTRIBUTES:
        lines += _attribute(attribute)
    lines += ["attribute_groups:", "  - id: attributes.hydrochat.call", "    visibility: public"]
    lines += ["    brief: What the span of a call to Gemini has beside the conventions' attributes."]
    lines += ["    stability: development", "    attributes:"]
    for attribute in OWN_ATTRIBUTES:
        lines += _reference(attribute.name, attribute.on_call)
    lines += ["spans:", "  - type: hydrochat.operation", "    kind: internal", "    name:"]
    lines += ["      note: The name of the tracked operation.", "    brief: A tracked operation of the application."]
    lines += ["    stability: development", "    requirement_level: recommended", "    attributes:"]
    for attribute in OWN_ATTRIBUTES:
        lines += _reference(attribute.name, attribute.on_operation)
    lines += _reference(semconv.ERROR_TYPE, "If it failed.")
    lines += ["metrics:"]
    for spec in semconv.METRICS:
        if spec.name.startswith(_OWN):
            lines += _metric(spec)
    return "\n".join(lines) + "\n"


def _attribute(attribute: OwnAttribute) -> list[str]:
    lines = [f"  - key: {attribute.name}"]
    if attribute.members:
        lines += ["    type:", "      members:"]
        for member in attribute.members:
            lines += [f"        - id: {_identifier(member)}", f"          value: {_quoted(member)}"]
            lines += [f"          brief: {_quoted(member)}", "          stability: development"]
    else:
        lines += [f"    type: {attribute.type}"]
    lines += [f"    brief: {_quoted(attribute.brief)}", "    stability: development"]
    return lines + (['    examples: ["chat.turn"]'] if "string" in attribute.type else [])


def _metric(spec: MetricSpec) -> list[str]:
    lines = [f"  - name: {spec.name}", f"    instrument: {_KINDS.get(spec.kind, spec.kind)}"]
    lines += [f"    unit: {_quoted(spec.unit)}", f"    brief: {_quoted(spec.description)}"]
    lines += ["    stability: development", "    requirement_level: recommended"]
    if spec.attributes:
        lines += ["    attributes:"]
        for name in spec.attributes:
            lines += _reference(name, "If it failed." if name == semconv.ERROR_TYPE else _ALWAYS)
    return lines


def _reference(name: str, when: str) -> list[str]:
    if not when:
        return []
    if when == _ALWAYS:
        return [f"      - ref: {name}", "        requirement_level: required"]
    return [f"      - ref: {name}", "        requirement_level:", f"          conditionally_required: {_quoted(when)}"]


def _identifier(member: str) -> str:
    return member if member[0].isalpha() else f"status_{member}"


def _quoted(text: str) -> str:
    return json.dumps(text)
