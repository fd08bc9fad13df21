"""A marked patient is in every input, and in no output: span, metric, log, store, answer."""

import logging

import canary
import pytest
from conftest import TOKEN
from instrumentation.gemini.test_privacy import conversation

from hydrochat_otel import web
from hydrochat_otel.instrumentation.tracker import get_performance_metrics, track_response_time
from hydrochat_otel.runtime import failures
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.web import Request, respond

HEADERS = {"authorization": f"Bearer {TOKEN}"}
OPENMETRICS = {**HEADERS, "accept": "application/openmetrics-text; version=1.0.0"}
QUERIES = {web.EXPORT_PATH: ("", "entries=true&limit=1000"), web.HISTORY_PATH: ("window=1h&step=1m",)}


def got(path, headers, query):
    """Return the answer to one GET, which must succeed."""
    response = respond(Request("GET", path, headers, query=query))
    assert (response.status, bool(response.body)) == (200, True)
    return response.body


def surfaces():
    """Return every answer to GET that this process gives to a client with the token."""
    return [
        got(path, headers, query)
        for path, route in web.ROUTES.items()
        if "GET" in route.methods
        for query in QUERIES.get(path, ("",))
        for headers in ((HEADERS, OPENMETRICS) if path == web.METRICS_PATH else (HEADERS,))
    ]


def tracked(name, error=None):
    """Track an operation of that name, which fails if an error is given."""
    with track_response_time(name, threshold_seconds=0):
        if error is not None:
            raise error


def other_instrumentation(installed):
    """Make a span as a web framework's instrumentation does, with the patient in path, name, query and error."""
    attributes = {
        "http.request.method": "GET",
        "http.route": "/patients/<id>",
        "url.path": f"/patients/{canary.SLUG}",
        "url.query": canary.PATIENT,
        "error.type": canary.PATIENT,
    }
    tracer = installed.tracer_provider.get_tracer("some.framework")
    tracer.start_span(f"GET /patients/{canary.SLUG}", attributes=attributes).end()


def test_a_marked_patient_is_in_no_output(install, exported, caplog, tmp_path):
    """Calls, operation names, exceptions, others' spans: no answer, span of ours, store or log shows the patient."""
    installed = install(instrument_gemini=True, retain_other_spans=True, state=f"sqlite://{tmp_path}/state.db")
    with caplog.at_level(logging.DEBUG, "hydrochat_otel"), GeminiEmulator() as emulator:
        conversation(emulator)
        for name in (
            canary.PATIENT,
            canary.NAME,
            canary.SLUG,
            canary.NRIC,
            f"turn_{canary.NRIC}",
            f"born_{canary.BORN}",
        ):
            tracked(name)
        with pytest.raises(ValueError, match=canary.NRIC):
            tracked("visit", ValueError(canary.PATIENT))
        other_instrumentation(installed)
        shown = surfaces()
    assert len(shown) == 12
    ours = [
        span.to_json() for span in exported.get_finished_spans() if span.instrumentation_scope.name != "some.framework"
    ]
    assert len(ours) > 15
    assert {row["operation"] for row in get_performance_metrics().response_times} == {"other", "visit"}
    state = b"".join(file.read_bytes() for file in tmp_path.glob("state.db*"))
    assert b"visit" in state
    canary.assert_clean(
        answers=shown,
        state=state,
        spans=ours,
        snapshot=installed.snapshot(),
        store=installed.store.export_to_json(),
        logs=[record.getMessage() for record in caplog.records if record.name.startswith("hydrochat_otel")],
        faults=failures.counts(),
    )
