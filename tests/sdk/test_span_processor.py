"""Promises of :mod:`hydrochat_otel.sdk.span_processor`, and of the window independent of tracing."""

import json

import pytest
from opentelemetry import context as context_api, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.tracker import get_performance_metrics, track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk import providers
from hydrochat_otel.sdk.span_processor import RetentionSpanProcessor
from hydrochat_otel.views import json_export
from hydrochat_otel.window.entry import Entry


def rows(installed):
    return installed.store.live_entries()


def test_an_operation_becomes_one_entry(installed, exported):
    """The entry has the same name, times, parent and ids as the span, and nothing more."""
    with track_response_time("outer"), track_response_time("inner"):
        pass
    inner, outer = exported.get_finished_spans()
    assert rows(installed) == [
        Entry(
            "operation",
            name,
            (span.end_time - span.start_time) / 1e9,
            span.end_time / 1e9,
            trace_id=span.context.trace_id,
            span_id=span.context.span_id,
            parent_span_id=span.parent.span_id if span.parent else 0,
            role="step" if span.parent else "root",
            root_operation="outer",
        )
        for name, span in (("inner", inner), ("outer", outer))
    ]


def test_a_span_of_our_scope_is_not_added_to_the_window(installed):
    """Our own records use another path; the processor takes other libraries' spans only."""
    installed.tracer_provider.get_tracer(semconv.SCOPE).start_span("turn").end()
    assert rows(installed) == []


def other_span(installed, name, scope="some.library", **attributes):
    attributes = {key.replace("__", "."): value for key, value in attributes.items()}
    installed.tracer_provider.get_tracer(scope).start_span(name, attributes=attributes).end()


def test_other_spans_are_kept_only_if_enabled(install):
    """Other instrumentations' spans stay out by default."""
    other_span(installed := install(), "GET /patients/S1234567D")
    assert rows(installed) == []


def test_other_spans_keep_low_cardinality_names_only(install):
    """Another library's span is named by route, GenAI operation or scope, never by its own name."""
    installed = install(retain_other_spans=True)
    route = {"http__request__method": "GET", "http__route": "/patients/<id>"}
    other_span(installed, "GET /patients/S1234567D", url__path="/patients/S1234567D", **route)
    other_span(installed, "S1234567D", gen_ai__operation__name="chat", error__type="ValueError")
    other_span(installed, "S1234567D", gen_ai__operation__name="S1234567D", error__type="no patient S1234567D")
    assert [(row.kind, row.operation, row.error, row.outcome) for row in rows(installed)] == [
        ("span", "GET /patients/<id>", None, "ok"),
        ("span", "some.library chat", "ValueError", "error"),
        ("span", "some.library", None, "error"),
    ]
    assert "S1234567D" not in repr(rows(installed))


def test_a_failure_inside_stays_inside(installed, monkeypatch):
    """A failing window costs an entry, which is counted; the application's call continues."""

    def fail(_):
        raise OSError("disk full of S1234567D")

    monkeypatch.setattr(installed.instruments.queue, "_keep", fail)
    with track_response_time("turn"):
        pass
    assert rows(installed) == []
    assert failures.counts() == {"retention": 1}


def test_after_shutdown_nothing_is_kept(installed):
    """The SDK cannot remove a processor; ours keeps nothing instead."""
    pipeline.shutdown()
    with installed.tracer_provider.get_tracer(semconv.SCOPE).start_as_current_span("x"):
        pass
    assert installed.store.entries == []


def test_one_processor_serves_a_provider_for_good():
    """Repeated installations on one provider never add more processors."""
    provider = TracerProvider(shutdown_on_exit=False)
    for _ in range(3):
        installed = pipeline.install(tracer_provider=provider, instrument_gemini=False)
        with track_response_time("turn"):
            pass
        pipeline.shutdown()
    assert len(provider._active_span_processor._span_processors) == 1
    assert len(installed.store.live_entries()) == 3


def test_the_contract_of_a_span_processor():
    """A processor may be flushed and shut down at any time, more than once."""
    processor = RetentionSpanProcessor()
    assert processor.force_flush()
    processor.shutdown()
    processor.shutdown()
    assert processor.force_flush()


def test_unsampled_spans_are_kept_where_the_provider_is_ours(monkeypatch):
    """With a sampler that exports nothing the window still sees every operation; nothing is exported."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)  # a process keeps the first one for good
    provider = providers.tracer_provider(claim=False)
    installed = pipeline.install(
        tracer_provider=provider, meter_provider=MeterProvider(shutdown_on_exit=False), instrument_gemini=False
    )
    with track_response_time("turn"):
        pass
    [row] = rows(installed)
    assert row.operation == "turn"
    assert provider.sampler.get_description() == f"RetainingSampler{{{ALWAYS_OFF.get_description()}}}"
    assert installed.snapshot().total(semconv.TELEMETRY_ERRORS) == 0


def test_no_sampler_of_the_hosts_decides_what_is_kept():
    """An adopted provider keeps its sampler, which drops most of 500 operations: export, metrics, window count all."""
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(0.1)), shutdown_on_exit=False)
    installed = pipeline.install(tracer_provider=provider, instrument_gemini=False)
    for _ in range(500):
        with track_response_time("turn"):
            pass
    snapshot = installed.snapshot()
    document = json.loads(json_export.render(snapshot))
    assert provider.sampler.get_description().startswith("ParentBased")
    assert document["performance_metrics"]["metrics_count"] == 500
    assert sum(snapshot.points(semconv.OPERATION_DURATION)[0].counts) == 500
    assert len(get_performance_metrics().response_times) == 500
    assert {row.trace_id == 0 for row in rows(installed)} == {False}


@pytest.mark.parametrize(
    "key", [context_api._SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation"], ids=["own", "named"]
)
def test_suppressed_tracing_suppresses_no_entry(installed, key):
    """Below `suppress_instrumentation` an operation is still in the window."""
    token = context_api.attach(context_api.set_value(key, True))
    try:
        with track_response_time("turn"):
            pass
    finally:
        context_api.detach(token)
    assert [row.operation for row in rows(installed)] == ["turn"]


def test_limits_of_spans_cut_no_entry():
    """A host whose span limits allow no attribute and no long text has the whole name in its window."""
    provider = TracerProvider(span_limits=SpanLimits(max_attributes=0, max_attribute_length=2), shutdown_on_exit=False)
    installed = pipeline.install(tracer_provider=provider, instrument_gemini=False)
    with track_response_time("conversation_turn"):
        pass
    assert [(row.operation, row.role) for row in rows(installed)] == [("conversation_turn", "root")]
