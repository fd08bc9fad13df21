"""Calls whose span a sampler drops."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanContext

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.sdk import lean_spans, unseen_spans

LOCAL_PARENT = SpanContext(7, 8, is_remote=False)

_TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("test")
needs_unseen_spans = pytest.mark.skipif(
    bool(lean_spans._problem_of(_TRACER) or lean_spans._problem()) or not unseen_spans._is_possible(),
    reason="this opentelemetry-sdk has other internals, so its own spans are used",
)


def dropping(sampler=ALWAYS_OFF, of=None, **more):
    """Install a pipeline instead of the one before, on this provider or on a new one with the sampler."""
    pipeline.shutdown()
    return pipeline.install(
        tracer_provider=of or TracerProvider(sampler=sampler, shutdown_on_exit=False, **more),
        meter_provider=MeterProvider(shutdown_on_exit=False),
        instrument_gemini=False,
    )


def operations(installed):
    """Return the entries of operations."""
    return [entry for entry in installed.snapshot().entries if entry.kind == "operation"]
