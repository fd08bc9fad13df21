"""The OpenAPI description of the data endpoints, made from the same parameters that requests are checked with."""

from functools import cache
from typing import Any, Final

import orjson

from hydrochat_otel.views import history, json_export
from hydrochat_otel.web import paths, queries
from hydrochat_otel.web.queries import Parameter

_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_OPENMETRICS: Final = "application/openmetrics-text"
_FAILURE: Final = {"$ref": "#/components/schemas/Failure"}
_OBJECT: Final = {"type": "object"}


@cache
def render() -> bytes:
    """Return the description (OpenAPI 3.1) as JSON text in UTF-8."""
    return orjson.dumps(_description(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _description() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hydrochat_otel",
            "version": "1",
            "description": "Response times, tokens, cost and failures of a service that talks to Google Gemini.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Relative to this description, so that it includes the prefix at which a host mounts the site.
        "servers": [{"url": "../../../../"}],
        "security": [{"bearer": []}],
        "paths": {
            paths.EXPORT_PATH: _get(
                "The export: totals, and the window's entries on request.",
                {_JSON: {"$ref": "#/components/schemas/Export"}},
                queries.EXPORT,
                conditional=True,
            ),
            paths.SCHEMA_PATH: _get(
                "The JSON Schema of the export.", {"application/schema+json": _OBJECT}, conditional=True
            ),
            paths.HISTORY_PATH: _get(
                "What happened in each step of a window of time.",
                {_JSON: {"$ref": "#/components/schemas/History"}},
                queries.HISTORY,
                conditional=True,
                upstream=True,
            ),
            paths.OVERVIEW_PATH: _get("What the page shows; may change with any version.", {_JSON: _OBJECT}),
            paths.TURNS_PATH: _get(
                "The turns of the window that match, or one of them with its waterfall; may change with any version.",
                {_JSON: _OBJECT},
                queries.TURNS,
                missing=True,
            ),
            paths.MONEY_PATH: _get(
                "Dollars by operation and dimension, and the forecast; may change with any version.", {_JSON: _OBJECT}
            ),
            paths.OPENAPI_PATH: _get("This description.", {_JSON: _OBJECT}, conditional=True),
            paths.METRICS_PATH: _get(
                "The metrics for Prometheus, in the format that Accept asks for.",
                {_TEXT: {"type": "string"}, _OPENMETRICS: {"type": "string"}},
                ignores_query=True,
            ),
            paths.HEALTH_PATH: _get(
                "Says that the process is alive.",
                {_JSON: {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}},
                is_open=True,
            ),
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The token of HYDROCHAT_METRICS_TOKEN."}
            },
            "schemas": {
                "Export": _schema(json_export.schema()),
                "History": _schema(history.schema()),
                "Failure": {
                    "type": "object",
                    "properties": {"error": {"type": "string", "description": "One sentence."}},
                    "required": ["error"],
                    "additionalProperties": False,
                },
            },
        },
    }


def _schema(text: bytes) -> dict[str, Any]:
    schema: dict[str, Any] = orjson.loads(text)
    del schema["$schema"]
    return schema


def _get(
    summary: str,
    contents: dict[str, Any],
    parameters: tuple[Parameter, ...] = (),
    *,
    conditional: bool = False,
    ignores_query: bool = False,
    upstream: bool = False,
    missing: bool = False,
    is_open: bool = False,
) -> dict[str, Any]:
    responses: dict[str, Any] = {
        "200": {"description": "OK", "content": {kind: {"schema": schema} for kind, schema in contents.items()}}
    }
    if conditional:
        responses["200"]["headers"] = {"ETag": {"schema": {"type": "string"}}}
        responses["304"] = {"description": "The document that If-None-Match names has not changed."}
    if not ignores_query and not is_open:
        responses["400"] = _failure("A parameter is unknown or invalid.")
    if not is_open:
        responses["401"] = _failure("No token, or a wrong one.", "WWW-Authenticate")
        responses["403"] = _failure("No token is configured, or the account is not staff.")
        responses["429"] = _failure("Too many wrong tokens.", "Retry-After")
    if missing:
        responses["404"] = _failure("The turn is not in the window.")
    if upstream:
        responses["502"] = _failure("Prometheus is unreachable or returns an unexpected result.")
        responses["504"] = _failure("Prometheus does not answer in time.")
    if not is_open:
        responses["503"] = _failure("Nothing is installed yet, or too many requests are in progress.", "Retry-After")
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = [_parameter(one) for one in parameters]
    if is_open:
        operation["security"] = []
    return {"get": operation}


def _failure(description: str, *headers: str) -> dict[str, Any]:
    failure: dict[str, Any] = {"description": description, "content": {_JSON: {"schema": _FAILURE}}}
    if headers:
        failure["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    return failure


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }
