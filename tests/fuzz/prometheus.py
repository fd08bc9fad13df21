"""Fuzz targets of what a Prometheus answers, which may be any server: the history and the meter of a bill."""

import json
import math
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime

from fuzz import mutations
from fuzz.target import Target, expect

from hydrochat_otel.prices.reconcile import metered
from hydrochat_otel.prices.reconcile.bill import Span
from hydrochat_otel.prices.reconcile.metered import MeteredError
from hydrochat_otel.runtime.deadline_fetch import Fetched
from hydrochat_otel.views import formats, history, prometheus_server
from hydrochat_otel.views.history import Steps
from hydrochat_otel.views.prometheus_server import PrometheusError, PrometheusServer

URL = "http://user:secret@prometheus.example:9090"
STEPS = Steps.over(time.time(), 86_400, 3600)
DAYS = Span(date(2025, 8, 1), date(2025, 8, 2))
NOON_S = datetime(2025, 8, 1, 12, tzinfo=UTC).timestamp()


@contextmanager
def _answering(data):
    """Let every query be answered with the bytes; the first is the status, as a fifth of the answers are refusals."""
    status = 200 if not data[:1].isdigit() else 422
    real = prometheus_server.fetch
    prometheus_server.fetch = lambda *_, **__: Fetched(status, {}, data)
    try:
        yield
    finally:
        prometheus_server.fetch = real


def _refused(error):
    expect(str(error).isprintable(), f"the sentence is not printable: {error!s:.80}")
    expect("secret" not in str(error), "the sentence has the password")
    return "refused"


def _history(data):
    with _answering(data):
        try:
            found = history.from_prometheus(URL, STEPS)
        except PrometheusError as error:
            return _refused(error)
    json.loads(formats.encoded(found), parse_constant=lambda word: expect(False, f"{word} is in a document"))
    return "read"


def _meter(data):
    server = PrometheusServer(URL)
    with _answering(data):
        try:
            days = metered.of_prometheus(lambda query, at: server.instant(query, at, result="matrix"), [DAYS], "UTC")
        except (PrometheusError, MeteredError) as error:
            return _refused(error)
    for one in days.values():
        usd, tokens = one.amount.cost_usd, one.amount.tokens
        expect(usd is None or (math.isfinite(usd) and usd >= 0), f"metered dollars are {usd}")
        expect(tokens is None or tokens >= 0, f"metered tokens are {tokens}")
    return "read"


def _export(data):
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return "no JSON"
    try:
        metered.of_export(document, "UTC")
    except MeteredError as error:
        return _refused(error)
    return "read"


def _answer(*series):
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}}).encode()


def _over(name, value):
    at = [STEPS.start_unix_s + STEPS.step_s * number for number in (1, 2, 3)]
    return {"metric": {"column": name}, "values": [[unix_s, value] for unix_s in at]}


def _samples(name, *values):
    metric = {"__name__": name, metered.MODEL_LABEL: "gemini-2.5-pro"}
    return {"metric": metric, "values": [[NOON_S + 60 * number, value] for number, value in enumerate(values)]}


ROW = {"day": "2025-08-01", "model": "gemini-2.5-pro", "total_tokens": 5, "cost_usd": 0.25} | dict.fromkeys(
    metered.Metered._fields[1:], 0
)
TARGETS = (
    Target("history", _history, (_answer(_over("count", "12"), _over("p95", "NaN"), _over("cost_usd", "0.5")),),
           mutations.changed_json),
    Target("history-bytes", _history, (_answer(_over("count", "12")), b'422 {"errorType": "bad", "error": "no"}')),
    Target("meter", _meter, (_answer(_samples("hydrochat_llm_tokens_total", "5", "9", "2"),
                                     _samples("hydrochat_llm_cost_total", "0.5", "1e0")),), mutations.changed_json),
    Target("metered-export", _export, (json.dumps({"days": {"zone": "UTC", "zones": {"UTC": [ROW]}}}).encode(),),
           mutations.changed_json),
)  # fmt: skip
