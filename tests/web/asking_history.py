"""Requests for the history, with the answers checked against the schema."""

import json

import jsonschema
from conftest import TOKEN

from hydrochat_otel import web
from hydrochat_otel.views import history
from hydrochat_otel.web import Request, respond

SCHEMA = jsonschema.Draft202012Validator(
    json.loads(history.schema()), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)
BEARER = {"authorization": f"Bearer {TOKEN}"}
EMPTY = {
    "count": 0, "avg_response_time": None, "p50_response_time": None, "p95_response_time": None,
    "p99_response_time": None, "threshold_violations": 0, "errors": 0, "error_rate": 0.0, "llm_calls": 0,
    "total_tokens": 0, "total_cost_usd": 0.0, "unpriced_calls": 0, "unpriced_tokens": 0, "unreconciled_calls": 0,
    "incomplete_calls": 0, "incomplete_tokens": 0,
}  # fmt: skip
UNKNOWN = dict.fromkeys(EMPTY)
SCRAPED = EMPTY | {"unpriced_calls": None}  # no metric counts it


def ask(parameters=""):
    response = respond(Request("GET", web.HISTORY_PATH, BEARER, query=parameters))
    found = json.loads(response.body)
    if response.status == 200:
        SCHEMA.validate(found)
    return response.status, found
