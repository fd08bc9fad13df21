"""Promises of :mod:`hydrochat_otel.sdk.lean_spans`: the lean span and the SDK's own are the same span."""

import functools
import json
import random
import threading
import time

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState

from hydrochat_otel.instrumentation.finished import Ended
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk import fast_ways, lean_spans

PARENT = SpanContext(3, 4, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("a", "b")]))

LOCAL = SpanContext(5, 6, is_remote=False, trace_flags=TraceFlags(3))
UNSAMPLED = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(0))


_TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("test")
with_lean_spans = pytest.mark.skipif(
    bool(lean_spans._problem_of(_TRACER) or lean_spans._problem()),
    reason="this opentelemetry-sdk has other internals, so its own spans are used",
)


class Adding(Sampler):
    """A sampler that adds an attribute and a trace state."""

    def should_sample(self, *args, attributes=None, **_):
        attributes = args[4] if args else attributes
        return SamplingResult(
            Decision.RECORD_AND_SAMPLE, {**attributes, "added": ["x"], "bad": object()}, TraceState([("k", "v")])
        )

    def get_description(self):
        return "Adding"


class Recording(Sampler):
    """A sampler that records and exports nothing."""

    def should_sample(self, *args):
        return SamplingResult(Decision.RECORD_ONLY, args[4])

    def get_description(self):
        return "Recording"


class Seen(SpanProcessor):
    """Records its calls."""

    def __init__(self):
        self.calls = []

    def on_start(self, span, parent_context=None):
        span.set_attribute("from.processor", [1, 2])
        self.calls.append(("start", span.name, dict(span.attributes), span.is_recording(), parent_context is not None))

    def on_end(self, span):
        flags = span.context.trace_flags
        self.calls.append(("end", json.loads(span.to_json()), flags, span.dropped_attributes, span.dropped_events))
        self.calls.append((span.instrumentation_scope, span.resource, span.status.status_code, span.status.description))
        self.calls.append([(one.name, dict(one.attributes), one.timestamp) for one in span.events])
        self.calls.append([(one.context, dict(one.attributes)) for one in span.links])


def spans(fast, sampler, parent, use, *, watched=True):
    """Return what processors and an OTLP exporter see of one span, with the same random numbers."""
    random.seed(1)
    exported, seen = InMemorySpanExporter(), Seen()
    provider = TracerProvider(sampler=sampler, resource=Resource({"service.name": "s"}), shutdown_on_exit=False)
    if watched:
        provider.add_span_processor(seen)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    tracer = lean_spans.lean(provider.get_tracer("scope", "1"), fast=fast)
    assert isinstance(tracer, lean_spans.LeanTracer) is fast
    context = Context() if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), Context())
    attributes = {"text": "x", "number": 1, "float": 0.5, "flag": True, "list": ["a", "b"]}
    span = tracer.start_span("name", context, SpanKind.CLIENT, attributes, start_time=1000, record_exception=False)
    use(span)
    ended = Ended(1.0, 2000, "error", "ValueError", is_traced=True)
    ended.end_span(span, lambda: {"later": ("y", "z"), "count": 7, "number": 2})
    span.set_attribute("after.the.end", 1)
    span.end(3000)
    return (
        seen.calls,
        span.get_span_context(),
        encode_spans(exported.get_finished_spans()).SerializeToString(deterministic=True),
    )


def nothing(_):
    """Do nothing with the span."""


def everything(span):
    """Use the span in every way that an application may."""
    span.update_name("other")
    span.set_attributes({"own": "x", "none": None})
    span.add_event("event", {"a": [1]}, timestamp=5)
    span.add_link(PARENT, {"l": 1})
    span.record_exception(ValueError("boom"), timestamp=6)


def ok(span):
    """Set a status that no error replaces."""
    span.set_status(trace.StatusCode.OK)


@with_lean_spans
@pytest.mark.parametrize("use", [nothing, everything, ok])
@pytest.mark.parametrize("parent", [None, PARENT, LOCAL, UNSAMPLED], ids=["root", "child", "local", "unsampled"])
@pytest.mark.parametrize(
    "sampler",
    [ALWAYS_ON, ALWAYS_OFF, DEFAULT_ON, ParentBased(ALWAYS_OFF), ParentBased(Adding()), Adding(), Recording()],
    ids=["on", "off", "default", "parent_based", "parent_based_adding", "adding", "recording"],
)
def test_both_paths_give_the_same_span(sampler, parent, use, monkeypatch):
    """Names, ids, flags, attributes, events, links, status, times, callbacks and the bytes of OTLP are the same."""
    monkeypatch.setattr("traceback.format_exception", lambda *_: ["trace"])
    fast, public = (spans(way, sampler, parent, use) for way in (True, False))
    assert fast == public


@pytest.mark.parametrize(
    "limits",
    [SpanLimits(max_span_attributes=3), SpanLimits(max_span_attribute_length=2), SpanLimits(max_attributes=0)],
    ids=["few", "short", "none"],
)
def test_limits_of_the_host_use_the_sdks_path(limits):
    """With limits that could cut something, every span is the SDK's own, and the report says why."""
    tracer = TracerProvider(span_limits=limits, shutdown_on_exit=False).get_tracer("scope")
    assert lean_spans.lean(tracer, fast=True) is tracer
    assert fast_ways.report()["lean spans"] == "not possible with the configured span limits"


def test_a_span_with_links_is_the_sdks_own():
    """A span with features that ours never have uses the public path."""
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = lean_spans.lean(provider.get_tracer("scope"), fast=True)
    span = tracer.start_span("name", Context(), links=[Link(PARENT)], start_time=1)
    assert not isinstance(span, lean_spans.LeanSpan)
    assert [link.context for link in span.links] == [PARENT]


@with_lean_spans
@pytest.mark.parametrize("use", [nothing, everything, ok])
def test_a_span_that_nothing_reads_before_its_end_is_the_same(use):
    """Attributes that are made for the exporter only are those of the SDK's own span, in the same order."""
    assert spans(True, ALWAYS_ON, PARENT, use, watched=False) == spans(False, ALWAYS_ON, PARENT, use, watched=False)


@with_lean_spans
def test_attributes_that_fail_cost_only_themselves():
    """If the attributes of the end cannot be made, the span ends with those of its start, and the failure counts."""
    exported, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    tracer = lean_spans.lean(provider.get_tracer("scope"), fast=True)
    span = tracer.start_span("name", Context(), attributes={"a": 1}, start_time=1)
    Ended(1.0, 2, "ok", None, is_traced=True).end_span(span, lambda: {"b": 1 / 0})
    assert [dict(one.attributes) for one in exported.get_finished_spans()] == [{"a": 1}]
    assert failures.counts() == {"operation.finish": 1}


@with_lean_spans
def test_two_readers_get_the_same_attributes():
    """Threads that read a span's attributes at the same time get all of them."""
    kept, provider = [], TracerProvider(shutdown_on_exit=False)
    tracer = lean_spans.lean(provider.get_tracer("scope"), fast=True)
    span = tracer.start_span("name", Context(), attributes={"a": 1}, start_time=1)
    barrier = threading.Barrier(4)

    def read():
        barrier.wait()
        kept.append(span.attributes)

    Ended(1.0, 2, "ok", None, is_traced=True).end_span(span, lambda: time.sleep(0.01) or {"b": 2})
    readers = [threading.Thread(target=read) for _ in range(4)]
    for one in readers:
        one.start()
    for one in readers:
        one.join()
    assert [dict(one) for one in kept] == [{"a": 1, "b": 2}] * 4


def test_a_value_that_is_not_clean_is_cleaned():
    """A value of another type goes through the SDK's cleaning, at the start and at the end."""
    odd, kept = {"a": {"b": {1, 2}}, "c": [1, None], "d": b"x"}, []
    for fast in (True, False):
        exported, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exported))
        tracer = lean_spans.lean(provider.get_tracer("scope"), fast=fast)
        for first, last in ((odd, {"e": 1}), ({"e": 1}, odd)):
            span = tracer.start_span("name", Context(), attributes=first, start_time=1)
            Ended(1.0, 2, "ok", None, is_traced=True).end_span(span, functools.partial(dict, last))
        kept.append([repr(dict(one.attributes)) for one in exported.get_finished_spans()])
    assert kept[0] == kept[1]


def test_a_disabled_tracer_makes_no_span():
    """A tracer that the host has disabled stays disabled."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("scope")
    lean = lean_spans.lean(tracer, fast=True)
    tracer._tracer_config.is_enabled = False
    assert not lean.start_span("name", Context(), attributes={"a": 1}, start_time=1).is_recording()


@with_lean_spans
def test_the_pipeline_uses_it(install, exported):
    """A tracked operation's span is lean by default, and the SDK's own with `HYDROCHAT_FAST=0`."""
    for fast, state in ((False, fast_ways.OFF), (True, fast_ways.IN_USE)):
        install(fast=fast)
        with track_response_time("turn"):
            assert isinstance(trace.get_current_span(), lean_spans.LeanSpan) is fast
        assert fast_ways.report()["lean spans"] == state
        pipeline.shutdown()
    assert [span.name for span in exported.get_finished_spans()] == ["turn", "turn"]
