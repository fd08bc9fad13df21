import os
import re
import subprocess
from concurrent import futures
from pathlib import Path

import grpc
import pytest
import yaml
from collector.conftest import CONFIG, Collector
from conftest import require_program
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode
from stack.servers import Prometheus, eventually, get

from hydrochat_otel.demo.scenario import ConversationBrain
from hydrochat_otel.demo.workload import run_workload
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.views import prometheus

pytestmark = [pytest.mark.real, pytest.mark.timeout(1800)]

RESOURCE = Resource({"service.name": "chat", "service.instance.id": "ward-7", "host.name": "h"})


@pytest.fixture
def emulator():
    with GeminiEmulator(ConversationBrain()) as running:
        yield running


@pytest.fixture
def pushing(collector):
    """An instrumented application that pushes its metrics and traces to the collector, and serves nothing."""
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{collector.http}/v1/metrics"), 60_000)
    meter_provider = MeterProvider([reader], RESOURCE, shutdown_on_exit=False)
    tracer_provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    tracer_provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector.http}/v1/traces")))
    yield pipeline.install(tracer_provider=tracer_provider, meter_provider=meter_provider, metrics_token="t" * 16)
    pipeline.shutdown()
    meter_provider.shutdown()
    tracer_provider.shutdown()


class TraceSink(trace_service_pb2_grpc.TraceServiceServicer):
    """A backend for traces that keeps what it receives."""

    def __init__(self):
        self.resource_spans = []

    def Export(self, request, context):  # noqa: N802 - the protocol's name
        self.resource_spans.extend(request.resource_spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    def __enter__(self):
        self._server = grpc.server(futures.ThreadPoolExecutor(1))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(0).wait()


@pytest.mark.parametrize("exporters", ["[span_metrics]", "[span_metrics, otlp_grpc]"])
def test_the_configuration_is_valid(program, exporters):
    """The collector accepts it, with and without a backend for traces, and logs no warning."""
    done = subprocess.run(
        [program, "validate", f"--config={CONFIG}"],
        env={**os.environ, "TRACE_EXPORTERS": exporters},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_builders_components_are_those_of_the_configuration():
    """The manifest has every kind of component that the configuration names, and no other."""
    config = yaml.safe_load(CONFIG.read_text())
    manifest = yaml.safe_load(Path(__file__).with_name("builder.yaml").read_text())
    named = {kind: {name.partition("/")[0] for name in config[kind]} for kind in ("receivers", "connectors")}
    named["processors"] = {name.partition("/")[0] for name in config["processors"]}
    named["exporters"] = {name.partition("/")[0] for name in config["exporters"]}
    named["extensions"] = set(config["extensions"])

    def built(kind):
        modules = [entry["gomod"].split()[0].rsplit("/", 1)[1] for entry in manifest[kind]]
        return {module.removesuffix(kind.removesuffix("s")) for module in modules}

    plain = {"otlp_grpc": "otlp"}
    assert {kind: built(kind) for kind in named} == {
        kind: {plain.get(name, name).replace("_", "") for name in names} for kind, names in named.items()
    }


def test_promql_over_the_collector_equals_the_emulators_ledger(collector, pushing, emulator, tmp_path):
    """Through application, OTLP, collector and Prometheus, PromQL returns what the emulator billed."""
    run_workload(emulator.base_url, turns=24, time_scale=0.02)
    pushing.force_flush()
    totals = emulator.ledger.totals()
    config = {
        "scrape_configs": [
            {
                "job_name": "collector",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{collector.metrics_port}"]}],
            },
            {
                "job_name": "collector-telemetry",
                "static_configs": [{"targets": [f"127.0.0.1:{collector.telemetry_port}"]}],
            },
        ]
    }
    with Prometheus(tmp_path / "prometheus", require_program("prometheus", "prometheus"), config) as server:
        eventually(lambda: server.instant("hydrochat_llm_calls_total"), "the metrics arrive")
        outcomes = server.sums("sum by (hydrochat_outcome) (hydrochat_llm_calls_total)", "hydrochat_outcome")
        assert outcomes == {
            ("ok",): totals.calls.ok,
            ("error",): totals.calls.error,
            ("blocked",): totals.calls.blocked,
            ("cancelled",): totals.calls.cancelled,
        }
        buckets = server.sums("sum by (hydrochat_token_bucket) (hydrochat_llm_tokens_total)", "hydrochat_token_bucket")
        assert buckets == {
            (name,): getattr(totals.tokens, name)
            for name in ("input_fresh", "input_cached", "input_tool", "output_answer", "output_thinking")
        }
        numbers = {
            "sum(hydrochat_llm_cost_total)": pytest.approx(float(totals.cost_usd)),
            "sum(hydrochat_llm_retries_total)": totals.retries,
            "sum(hydrochat_llm_unpriced_tokens_total)": sum(totals.unpriced_tokens.values()),
            "sum(hydrochat_llm_unreconciled_calls_total)": totals.unreconciled_calls,
            "sum(gen_ai_client_token_usage_sum)": totals.tokens.total,
            "hydrochat_retention_utilization_ratio": pytest.approx(len(pushing.store) / 1000),
        }
        assert {query: server.sums(query).get((), None) for query in numbers} == numbers
        assert server.sums("hydrochat_retention_entries", "job", "instance") == {("chat", "ward-7"): len(pushing.store)}
        eventually(lambda: server.instant("traces_span_metrics_calls_total"), "span metrics arrive")
        assert server.sums('sum(up{job=~"collector.*"})') == {(): 2.0}


def test_names_are_the_same_over_both_paths(collector, pushing, emulator):
    """A metric has the same name whether Prometheus scrapes the application or the collector it pushes to."""
    run_workload(emulator.base_url, turns=24, time_scale=0.02)
    pushing.force_flush()
    pushed = get(f"http://127.0.0.1:{collector.metrics_port}/metrics").decode()
    scraped = prometheus.render(pushing.snapshot(), prometheus.Format.TEXT).decode()
    assert named(pushed) == named(scraped)


def named(exposition):
    names = re.findall(r"^# TYPE (\S+) \w+$", exposition, re.MULTILINE)
    return {name for name in names if name.startswith(("hydrochat_", "gen_ai_"))}


def test_exemplars_pass_the_collector(collector, pushing, emulator):
    """The collector's OpenMetrics carries exemplars whose traces are in the window."""
    run_workload(emulator.base_url, turns=4, time_scale=0.02)
    pushing.force_flush()
    url = f"http://127.0.0.1:{collector.metrics_port}/metrics"

    def trace_ids():
        body = get(url, accept="application/openmetrics-text").decode()
        lines = [line for line in body.splitlines() if line.startswith("gen_ai_client_operation_duration")]
        return {match[1] for line in lines if (match := re.search(r'# \{.*trace_id="(\w+)"', line))}

    retained = {f"{entry.trace_id:032x}" for entry in pushing.store.live_entries()}
    assert eventually(trace_ids, "exemplars") <= retained


def test_no_text_passes_the_collector(program, tmp_path):
    """From spans with a patient's texts only names and allow-listed attributes reach the backend."""
    with TraceSink() as sink:
        environment = {"TRACE_EXPORTERS": "[span_metrics, otlp_grpc]", "TRACES_ENDPOINT": sink.endpoint}
        with Collector(tmp_path / "collector", program, **environment) as collector:
            provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
            provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector.http}/v1/traces")))
            attributes = {
                "hydrochat.operation": "chat.turn",
                "error.type": "tan.ah.kow@example.org",
                "http.route": "/patients/S1234567A/scans",
                "http.request.method": "GET",
                "gen_ai.input.messages": "the wound of Tan Ah Kow smells",
                "url.full": "https://host/patients?name=Tan",
            }
            with provider.get_tracer("theirs").start_as_current_span(
                "GET /patients/91234567/notes?name=Tan", attributes=attributes
            ) as span:
                span.add_event("exception", {"exception.type": "ValueError", "exception.message": "Tan Ah Kow"})
                span.set_status(Status(StatusCode.ERROR, "no patient Tan Ah Kow"))
            provider.shutdown()
            eventually(lambda: sink.resource_spans, "the span arrives")
    (resource_spans,) = sink.resource_spans
    ((span,),) = (scope.spans for scope in resource_spans.scope_spans)
    kept = {one.key: one.value.string_value for one in span.attributes}
    events = [(event.name, {one.key: one.value.string_value for one in event.attributes}) for event in span.events]
    assert (span.name, kept, events, span.status.message) == (
        "GET /patients/*/notes",
        {
            "hydrochat.operation": "chat.turn",
            "error.type": "****",
            "http.route": "/patients/****/scans",
            "http.request.method": "GET",
        },
        [("exception", {"exception.type": "ValueError"})],
        "",
    )
