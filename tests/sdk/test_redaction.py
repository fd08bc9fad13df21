"""Promises of :mod:`hydrochat_otel.sdk.redaction`: the exported parts of other libraries' spans."""

import canary
import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, Status, StatusCode

from hydrochat_otel import semconv
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk import redaction


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/patients/S7654321Z", "/patients/{id}"),
        ("/patients/7", "/patients/{id}"),
        ("/patients/canary-tan-s7654321d/scans", "/patients/{id}/scans"),
        ("/x/9f1c6f0e-8f8c-4de6-a0c5-77673f38c3b3", "/x/{id}"),
        ("/x/tan%20ah%20kow", "/x/{id}"),
        ("/x/tan@example.com", "/x/{id}"),
        ("/api/v1/chat/oauth2/", "/api/v1/chat/oauth2/"),
        ("/patients/<int:pk>/{scan}/:id", "/patients/<int:pk>/{scan}/:id"),
        ("/v1beta/models/gemini-2.0-flash-001:generateContent", "/v1beta/models/gemini-2.0-flash-001:generateContent"),
        ("https://u:p@host:8443/a/12?nric=S1#x", "https://host:8443/a/{id}"),
        ("http://[broken", "{id}"),
        ("", ""),
    ],
)
def test_paths_and_addresses(text, left):
    """Words, versions, templates and models stay; identifiers, queries and users are removed."""
    assert redaction.url(text) == left


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("GET /patients/S7654321Z", "GET /patients/{id}"),
        ("GET /patients/Tan Ah Kow S7654321Z/scans", "GET /patients/Tan Ah Kow {id}/scans"),
        ("HTTP POST http://h/a/12?nric=S1 S7654321Z", "HTTP POST http://h/a/{id} {id}"),
        ("chat gemini-2.5-flash-preview-09-2025", "chat gemini-2.5-flash-preview-09-2025"),
        ("GET", "GET"),
    ],
)
def test_names_of_spans(name, left):
    """From the first path on, each word of a name is redacted; names without a path stay."""
    assert redaction._name(name) == left


def traced(provider, scope="some.framework"):
    """Make a span with the patient in every place that a library may use."""
    tracer = provider.get_tracer(scope)
    span = tracer.start_span(
        f"GET /patients/{canary.SLUG}",
        attributes={
            "url.query": canary.PATIENT,
            "url.path": f"/patients/{canary.SLUG}",
            "http.url": f"http://h/patients/{canary.SLUG}?q={canary.NRIC}",
            "http.request.header.x_patient": (canary.PATIENT,),
            "custom.address": f"https://h/{canary.SLUG}",
            "http.route": "/patients/{patient}",
            "http.response.status_code": 500,
        },
        links=[Link(tracer.start_span("linked").get_span_context(), {"url.query": canary.NRIC})],
    )
    span.record_exception(ValueError(canary.PATIENT))
    span.set_status(Status(StatusCode.ERROR, canary.PATIENT))
    span.end()
    return span


@pytest.mark.parametrize("kind", [SimpleSpanProcessor, BatchSpanProcessor])
def test_a_marked_patient_does_not_leave(kind):
    """Name, attributes, events, links and status are clean; routes, codes and classes stay."""
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(kind(exporter))
    assert redaction.redact(provider) == redaction.redact(provider) == []
    original = traced(provider)
    provider.shutdown()  # the exporter gets what waits, and no thread stays
    [span] = exporter.get_finished_spans()
    canary.assert_clean(span=span, links=[dict(link.attributes) for link in span.links])
    assert dict(span.attributes) == {
        "url.path": "/patients/{id}",
        "http.url": "http://h/patients/{id}",
        "custom.address": "https://h/{id}",
        "http.route": "/patients/{patient}",
        "http.response.status_code": 500,
    }
    assert (span.name, span.context, span.parent, span.kind, span.start_time, span.end_time) == (
        "GET /patients/{id}",
        original.context,
        original.parent,
        original.kind,
        original.start_time,
        original.end_time,
    )
    assert [dict(event.attributes) for event in span.events] == [
        {"exception.type": "ValueError", "exception.escaped": "False"}
    ]
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)


def test_our_own_spans_pass_untouched():
    """A span of this package is the same object: it has nothing to redact."""
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    redaction.redact(provider)
    provider.get_tracer(semconv.SCOPE).start_span("turn 12345").end()
    assert exporter.get_finished_spans()[0].name == "turn 12345"


def test_a_span_that_cannot_be_redacted_is_dropped_and_counted(monkeypatch):
    """It is never exported unredacted, and the others are exported."""

    def refuse(name):
        if name == "bad":
            raise RuntimeError
        return name

    monkeypatch.setattr(redaction, "_name", refuse)
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    redaction.redact(provider)
    for name in ("bad", "good"):
        provider.get_tracer("x").start_span(name).end()
    assert [span.name for span in exporter.get_finished_spans()] == ["good"]
    assert failures.counts() == {"redaction": 1}


def test_a_processor_whose_exporter_is_hidden_is_named(caplog):
    """A processor without a recognised exporter gives one sentence."""

    class Hidden(SpanProcessor):
        pass

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Hidden())
    assert len(redaction.redact(provider)) == 1
    assert "HYDROCHAT_REDACT_SPANS does not reach" in caplog.text


def test_shutdown_and_flush_reach_the_exporter():
    """The exporter is shut down and flushed through the redaction."""
    calls = []

    class Exporter(SpanExporter):
        def shutdown(self):
            calls.append("shutdown")

        def force_flush(self, timeout_millis=30_000):
            calls.append(timeout_millis)
            return False

    redacting = redaction.RedactingExporter(Exporter())
    assert redacting.force_flush(5) is False
    redacting.shutdown()
    assert calls == [5, "shutdown"]


@pytest.mark.parametrize(("setting", "left"), [("always", "/patients/{id}"), ("auto", f"/patients/{canary.SLUG}")])
def test_an_exporter_of_the_application_is_redacted_where_that_is_set(install, exported, setting, left):
    """If the application made the exporter itself, the setting decides."""
    installed = install(redact_spans=setting)
    traced(installed.tracer_provider)
    assert exported.get_finished_spans()[-1].attributes["url.path"] == left
