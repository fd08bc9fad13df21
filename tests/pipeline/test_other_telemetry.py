"""Promises about other telemetry that was installed first: counting, window and endpoints work beside it."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, logging
from opentelemetry import trace, metrics

records = []

class Handler(logging.Handler):
    def emit(self, record):
        records.append(record.getMessage())

class ForeignTracers(trace.TracerProvider):
    def get_tracer(self, *_, **__):
        return trace.NoOpTracer()

class ForeignMeters(metrics.MeterProvider):
    def get_meter(self, *_, **__):
        return metrics.NoOpMeter("x")

logging.getLogger("hydrochat_otel").addHandler(Handler())
GIVEN = {}
FIRST
import hydrochat_otel
from hydrochat_otel.web import Request, respond

hydrochat_otel.install(metrics_token="token-of-the-tests-1234", **GIVEN)
with hydrochat_otel.track_response_time("turn"):
    pass
found = respond(Request("GET", "/metrics", {"authorization": "Bearer token-of-the-tests-1234"}))
counted = b'hydrochat_operation_duration_seconds_count' in found.body
print(json.dumps([found.status, counted, len(hydrochat_otel.current().snapshot().entries), records]))
"""
NO_PROCESSORS = (
    "The global tracer provider is __main__.ForeignTracers, which takes no span processors: spans of other libraries "
    "are not kept. Operations and calls are still counted and kept."
)
NO_READERS = (
    "The global meter provider is __main__.ForeignMeters, which cannot be read: hydrochat_otel counts on a provider of "
    "its own, and shows no metrics of other libraries."
)


def after(first):
    """Run the program after the lines; return the scrape's status, whether it counts, the entries and log lines."""
    command = [sys.executable, "-c", PROGRAM.replace("FIRST", first)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        ("trace.set_tracer_provider(ForeignTracers())", NO_PROCESSORS),
        ("metrics.set_meter_provider(ForeignMeters())", NO_READERS),
        ("GIVEN = {'meter_provider': ForeignMeters()}", NO_READERS.replace("global", "given")),
    ],
    ids=["tracer", "meter", "given meter"],
)
def test_another_librarys_provider_costs_its_part_only(first, sentence):
    """Counting, window and endpoints work beside it, and one sentence says which part is missing."""
    assert after(first) == [200, True, 1, [sentence]]


HOSTILE = """
class ForeignTracers(trace.TracerProvider):
    def get_tracer(self, *_, **__):
        raise RuntimeError("no tracers")

    def __getattr__(self, name):
        raise RuntimeError(name)

trace.set_tracer_provider(ForeignTracers())
"""


def test_a_provider_that_raises_costs_spans_only():
    """A tracer provider that raises wherever it is asked stops neither the application nor counting."""
    status, is_counted, entries, sentences = after(HOSTILE)
    assert (status, is_counted, entries) == (200, True, 1)
    assert sentences[0] == NO_PROCESSORS
    assert len(sentences) == 2
    assert "RuntimeError" in sentences[1]


PROXIES = """
import opentelemetry.sdk.metrics, opentelemetry.sdk.trace

class ProxyTracers(trace.TracerProvider):
    provider = opentelemetry.sdk.trace.TracerProvider()

    def get_tracer(self, *arguments, **named):
        return self.provider.get_tracer(*arguments, **named)

class ProxyMeters(metrics.MeterProvider):
    provider = opentelemetry.sdk.metrics.MeterProvider()

    def get_meter(self, *arguments, **named):
        return self.provider.get_meter(*arguments, **named)

trace.set_tracer_provider(ProxyTracers())
metrics.set_meter_provider(ProxyMeters())
"""


def test_the_sdk_is_found_behind_proxies():
    """Global providers that wrap the SDK's, as logfire's do, work without loss and without a log line."""
    assert after(PROXIES) == [200, True, 1, []]
