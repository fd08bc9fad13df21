"""Promises of the examination of a running service."""

import pytest
from conftest import TOKEN

from hydrochat_otel.doctor import examination, service
from hydrochat_otel.doctor.findings import Level, Subject, run
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.serve.server import Server


def of_samples(*samples):
    """Return the findings about a service with these samples, by check."""
    report = {"url": "http://127.0.0.1:1", "health": 200, "anonymous": 401, "status": 200, "samples": list(samples)}
    return {finding.check: finding for finding in run(service.CHECKS, Subject({}, None, "", {service.REPORT: report}))}


def test_a_healthy_service(install):
    """A service that is closed, counts and keeps its numbers has no warning."""
    install(instrument_gemini=True)
    with track_response_time("turn"):
        pass
    with Server("127.0.0.1", 0) as server:
        found = examination.of_service({}, server.url, TOKEN)
    assert [finding for finding in found if finding.level in {Level.WARNING, Level.PROBLEM}] == []
    assert {"service", "service-access", "service-state", "service-clock", "service-exemplars"} <= {
        finding.check for finding in found
    }


def test_a_service_that_is_unreachable_or_refuses(installed):
    """No answer and a wrong token are problems, and nothing else is reported."""
    found = examination.of_service({}, "http://user:secret@127.0.0.1:1", TOKEN)
    assert [finding.level for finding in found] == [Level.PROBLEM]
    assert "secret" not in found[0].sentence
    with Server("127.0.0.1", 0) as server:
        found = examination.of_service({}, server.url, "wrong")
    assert [finding.check for finding in found if finding.level is Level.PROBLEM] == ["service-access"]


MODEL = {"gen_ai_response_model": "x-1"}


@pytest.mark.parametrize(
    ("name", "labels", "value", "check", "level"),
    [
        ("hydrochat_instrumentation_active", {}, 0.0, "service-gemini", Level.PROBLEM),
        ("hydrochat_telemetry_errors_total", {"hydrochat_seam": "web"}, 2.0, "service-errors", Level.WARNING),
        ("hydrochat_llm_unpriced_tokens_total", MODEL, 5.0, "service-unpriced", Level.WARNING),
        ("hydrochat_llm_unreconciled_calls_total", MODEL, 1.0, "service-unreconciled", Level.WARNING),
        ("hydrochat_llm_incomplete_calls_total", MODEL, 1.0, "service-incomplete", Level.WARNING),
        ("hydrochat_label_refusals_total", {"hydrochat_label": "operation"}, 3.0, "service-labels", Level.WARNING),
    ],
)
def test_what_the_totals_miss_is_a_line_with_its_remedy(name, labels, value, check, level):
    """Each metric of missing numbers becomes one finding."""
    found = of_samples((name, labels, value))
    assert (found[check].level, bool(found[check].cure)) == (level, True)
    others = [one for one in found.values() if one.level in {Level.WARNING, Level.PROBLEM} and one.check != check]
    assert others == []


def test_a_service_that_is_open_without_a_token():
    """Metrics without a token are a problem."""
    report = {"url": "http://chat.example:1", "health": 200, "anonymous": 200, "status": 200, "samples": []}
    found = run(service.CHECKS, Subject({}, None, "", {service.REPORT: report}))
    assert {one.check for one in found if one.level is Level.PROBLEM} == {"service-access"}
    assert {one.check for one in found if one.level is Level.WARNING} == {"service-tls"}
