"""A marked patient is in every input, and in no output: span, metric, log, store, answer."""

import json
import logging
import os
from pathlib import Path
from types import SimpleNamespace

import canary
import pytest
from conftest import TOKEN
from instrumentation.gemini.test_privacy import conversation

from hydrochat_otel import web
from hydrochat_otel.agent_stats import agent_stats
from hydrochat_otel.alerting import AlertWatch
from hydrochat_otel.auto.run_messages import totals_line
from hydrochat_otel.doctor import examination
from hydrochat_otel.gemini_client_v2 import get_gemini_metrics_v2
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.performance import get_performance_metrics, get_performance_summary
from hydrochat_otel.reporting.report import report
from hydrochat_otel.runtime import failures
from hydrochat_otel.serve.server import Server
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.views import plain_tables
from hydrochat_otel.web import Request, respond
from hydrochat_otel.window.notable import notable_turns

HEADERS = {"authorization": f"Bearer {TOKEN}"}
OPENMETRICS = {**HEADERS, "accept": "application/openmetrics-text; version=1.0.0"}
QUERIES = {
    web.EXPORT_PATH: ("", "entries=true&days=true&limit=1000"),
    web.HISTORY_PATH: ("window=1h&step=1m",),
    web.TURNS_PATH: ("", "outcome=failed"),
}


def got(path, headers, query):
    """Return the answer to one GET, which must succeed."""
    response = respond(Request("GET", path, headers, query=query))
    assert (response.status, bool(response.body)) == (200, True)
    return response.body


def surfaces():
    """Every answer to GET that this process gives to a client with the token; each turn in full among them."""
    listed = json.loads(got(web.TURNS_PATH, HEADERS, "limit=100"))["turns"]
    assert len(listed) > 5
    details = [got(web.TURNS_PATH, HEADERS, f"turn={turn['id']}") for turn in listed]
    return details + [
        got(path, headers, query)
        for path, route in web.ROUTES.items()
        if "GET" in route.methods
        for query in QUERIES.get(path, ("",))
        for headers in ((HEADERS, OPENMETRICS) if path == web.METRICS_PATH else (HEADERS,))
    ]


def commands():
    """What the commands print about a running service and this process, and what alerts and statistics say."""
    with Server("127.0.0.1", 0) as server:
        overview = json.loads(got(web.OVERVIEW_PATH, HEADERS, ""))
        shown = [
            *examination.of_service({}, server.url, TOKEN),
            *(str(report(url=server.url, token=TOKEN, by=by)) for by in ("operation", "root", "model")),
            *(str(report(by=by)) for by in ("operation", "root", "model")),
            plain_tables.render(
                overview,
                json.loads(got(web.MONEY_PATH, HEADERS, "")),
                json.loads(got(web.TURNS_PATH, HEADERS, "")),
            ),
            totals_line(json.loads(got(web.EXPORT_PATH, HEADERS, ""))),
        ]
    statistics = agent_stats.generate_stats_summary(SimpleNamespace(metrics={"retries": 9}))
    return [*shown, statistics, get_gemini_metrics_v2(), get_performance_summary()]


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
    address = f"sqlite://{tmp_path}/state.db"
    installed = install(instrument_gemini=True, retain_other_spans=True, state=address)
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
        printed = commands()
        alerts = AlertWatch().look(installed.snapshot())
    assert len(shown) >= 20
    ours = [
        span.to_json() for span in exported.get_finished_spans() if span.instrumentation_scope.name != "some.framework"
    ]
    assert len(ours) > 15
    assert {row["operation"] for row in get_performance_metrics().response_times} == {"other", "visit"}
    files = [file for folder in (tmp_path, Path(os.environ["XDG_RUNTIME_DIR"])) for file in folder.rglob("*")]
    state = b"".join(file.read_bytes() for file in files if file.is_file())
    assert b"visit" in state
    canary.assert_clean(
        answers=shown,
        printed=printed,
        alerts=alerts,
        notable=notable_turns.entries(),
        names=[str(file.relative_to(file.anchor)) for file in files],
        state=state,
        spans=ours,
        snapshot=installed.snapshot(),
        store=installed.store.export_to_json(),
        logs=[record.getMessage() for record in caplog.records if record.name.startswith("hydrochat_otel")],
        faults=failures.counts(),
    )
