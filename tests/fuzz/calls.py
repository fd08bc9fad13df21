"""Fuzz targets on the way in of a call: what Gemini replies, what the settings say, and names that become labels."""

import json
import math
import warnings
from types import SimpleNamespace

from fuzz import mutations
from fuzz.target import Target, expect
from google.genai import types

from hydrochat_otel.instrumentation import labels
from hydrochat_otel.instrumentation.gemini import wrappers
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.views import json_export

CANARY = "canary tan ah kow"
REPLY = {
    "candidates": [{"content": {"parts": [{"text": CANARY}]}, "finish_reason": "STOP", "token_count": 4}],
    "model_version": "gemini-2.5-pro",
    "usage_metadata": {
        "prompt_token_count": 100, "cached_content_token_count": 20, "tool_use_prompt_token_count": 5,
        "candidates_token_count": 40, "thoughts_token_count": 10, "total_token_count": 155,
        "prompt_tokens_details": [{"modality": "TEXT", "token_count": 60}, {"modality": "AUDIO", "token_count": 40}],
        "cache_tokens_details": [{"modality": "TEXT", "token_count": 20}], "traffic_type": "ON_DEMAND",
    },
}  # fmt: skip
_CALLS = Calls(PriceBook(None))


class _Models:
    _api_client = None

    def generate(self, *, model, reply):
        return reply

    def stream(self, *, model, reply):
        yield reply


_Models.generate = wrappers.unary(_Models.generate, lambda: _CALLS, "generate_content")
_Models.stream = wrappers.stream(_Models.stream, lambda: _CALLS, "generate_content")
_MODELS = _Models()


def _reply(data):
    try:
        stated = json.loads(data)
    except (ValueError, RecursionError):
        return "no JSON"
    try:
        with warnings.catch_warnings(action="ignore"):
            reply, word = types.GenerateContentResponse.model_validate(stated), "a reply"
    except Exception:  # the SDK refuses it, in one of many ways
        reply, word = _objects(stated), "an object"
    expect(_MODELS.generate(model="gemini-2.5-pro", reply=reply) is reply, "the host got another reply")
    expect(next(iter(_MODELS.stream(model="gemini-2.5-pro", reply=reply))) is reply, "the host got another chunk")
    document = json_export.document(pipeline.current().snapshot())["llm_api_metrics"]
    usd, tokens = document["total_cost_usd"], document["total_tokens_used"]
    expect(math.isfinite(usd) and usd >= 0 and tokens >= 0, f"{tokens} tokens cost {usd}")
    expect(CANARY not in json.dumps(document), "the export has the text of the reply")
    return word


def count_one():
    """Count one call, so that every metric of calls is in the totals."""
    _reply(json.dumps(REPLY).encode())


def _objects(value):
    if isinstance(value, dict):
        return SimpleNamespace(**{str(key): _objects(one) for key, one in value.items()})
    return [_objects(one) for one in value] if isinstance(value, list) else value


SETTINGS = (
    b"METRICS_MAX_ENTRIES=500\nMETRICS_TTL_HOURS=12.5\nHYDROCHAT_STATE=memory\nHYDROCHAT_PORT=9464",
    b"HYDROCHAT_STATE=sqlite:///tmp/x.db\nHYDROCHAT_BUDGET_USD=10\nHYDROCHAT_BUDGET_TIMEZONE=Asia/Singapore",
    b"HYDROCHAT_STATE=redis://user:secret@127.0.0.1:6379/0\nHYDROCHAT_METRICS_TOKEN=token-of-the-tests-1234",
    b'HYDROCHAT_PROMETHEUS_URL=http://user:secret@127.0.0.1:9090\nHYDROCHAT_PROMETHEUS_MATCHERS=job="chat"',
    b"HYDROCHAT_TRACE_URL=https://x/{trace_id}\nHYDROCHAT_COST_DIMENSIONS=tenant,channel\nHYDROCHAT_HOST=::1",
    b"LLM_REQUEST_TIMEOUT=30\nLLM_MAX_RETRIES=3\nHYDROCHAT_RESPONSE_TIME_THRESHOLD=2.0\nHYDROCHAT_SERVE=auto",
)


def _settings(data):
    lines = data.decode("utf-8", "surrogateescape").replace("\0", "").splitlines()
    environ = dict(line.partition("=")[::2] for line in lines if "=" in line)
    try:
        Settings.load(environ)
    except SettingsError as error:
        expect(str(error).isprintable(), f"the sentence is not printable: {error!s:.80}")
        return "refused"
    return "read"


def _name(data):
    admitted = labels.operation_names(50).admit(data.decode("utf-8", "surrogateescape"))
    expect(admitted.isascii() and admitted.isprintable() and 0 < len(admitted) <= 120, f"the label is {admitted!r}")
    return "other" if admitted == "other" else "admitted"


def targets():
    """Return the targets; calls are counted by the installed pipeline."""
    return (
        Target("usage", _reply, (json.dumps(REPLY).encode(),), mutations.changed_json),
        Target("settings", _settings, SETTINGS),
        Target("names", _name, (b"chat.turn", b"classify_intent", b"S1234567A", b"step/2")),
    )
