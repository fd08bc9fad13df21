"""The signals of the seven exchanges follow OpenTelemetry's conventions, by today's names and by the next."""

from importlib.resources import files

import pytest
import yaml
from conformance import table
from conformance.exchanges import EXCHANGES
from google import genai
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, server_attributes
from opentelemetry.semconv.attributes import error_attributes

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.testing.emulator import GeminiEmulator

TYPES = {str: "string", int: "int", float: "double", bool: "boolean"}
MODES = pytest.mark.parametrize("mode", ["today", "next"])


class Emitted:
    """The spans and metrics of the seven exchanges."""

    def __init__(self, *, next_names):
        exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(exporter))
        meters = MeterProvider([reader], shutdown_on_exit=False)
        using = Instruments(instruments.tracer_of(tracers), instruments.meter_of(meters), next_names=next_names)
        instruments.bind(using)
        instrumentor = GeminiInstrumentor()
        instrumentor.instrument()
        try:
            with GeminiEmulator() as emulator:
                options = genai.types.HttpOptions(base_url=emulator.base_url)
                client = genai.Client(api_key="k", http_options=options)
                for exchange in EXCHANGES:
                    exchange(emulator, client)
        finally:
            instrumentor.uninstrument()
            using.queue.drain()
            instruments.bind(None)
        self.spans = exporter.get_finished_spans()
        self.scopes = [scope for one in reader.get_metrics_data().resource_metrics for scope in one.scope_metrics]
        self.metrics = {metric.name: metric for scope in self.scopes for metric in scope.metrics}
        meters.shutdown()
        tracers.shutdown()

    def attributes_of(self, *operations):
        """Return the names of the conventions' attributes on the spans of the operations."""
        names = {
            name
            for span in self.spans
            if span.attributes["gen_ai.operation.name"] in operations
            for name in span.attributes
        }
        return {name for name in names if not name.startswith("hydrochat.")}


@pytest.fixture(scope="module")
def emitted():
    """The seven exchanges in both modes."""
    return {"today": Emitted(next_names=False), "next": Emitted(next_names=True)}


def type_of(value):
    """Return the type of an attribute as the conventions name it."""
    if isinstance(value, tuple):
        return {TYPES[type(one)] for one in value}.pop() + "[]"
    return TYPES[type(value)]


def own():
    """Return types and members of our own attributes, from the shipped registry."""
    registry = files("hydrochat_otel").joinpath("assets", "registry", "hydrochat.yaml").read_text()
    return {row["key"]: row["type"] for row in yaml.safe_load(registry)["attributes"]}


@MODES
def test_every_span_follows_the_conventions(emitted, mode):
    """Kind, name and required attributes are right, and each attribute has its declaration, type and enumeration."""
    ours = own()
    wrong = []
    for span in emitted[mode].spans:
        kind, declared, keyed = table.SPANS[span.attributes["gen_ai.operation.name"]]
        known = declared | (table.NEXT_ON_SPANS if mode == "next" else {})
        if (span.kind.name, span.name) != (
            kind,
            f"{span.attributes['gen_ai.operation.name']} {span.attributes[keyed]}",
        ):
            wrong.append((span.name, span.kind.name))
        wrong += [
            (span.name, one) for one, (_, level) in known.items() if level == "required" and one not in span.attributes
        ]
        for name, value in span.attributes.items():
            expected = known[name][0] if name in known else ours.get(name)
            members = table.ENUMERATIONS.get(name)
            if type_of(value) != expected or (members and value not in members):
                wrong.append((span.name, name, value))
    assert wrong == []


@MODES
def test_every_fact_without_content_is_emitted(emitted, mode):
    """All 23 attributes of an answer, 7 of an embedding, and 4 of a tool that these exchanges can give are emitted."""
    one = emitted[mode]
    absent = {
        "error.type",
        "gen_ai.request.choice.count",
        "gen_ai.request.previous_response.id",
        "gen_ai.request.reasoning.level",
    }
    answered = one.attributes_of("generate_content", "chat")
    assert answered - set(table.NEXT_ON_SPANS) == set(table.INFERENCE) - absent
    assert len(set(table.INFERENCE) - absent) == 23
    assert one.attributes_of("embeddings") - set(table.NEXT_ON_SPANS) == set(table.EMBEDDINGS) - {
        "error.type",
        "gen_ai.request.encoding_formats",
        "gen_ai.response.model",
    }
    assert one.attributes_of("execute_tool") == set(table.TOOL) - {"error.type"}
    by_modality = answered & set(table.NEXT_ON_SPANS)
    assert len(by_modality) == (0 if mode == "today" else 6)


@MODES
def test_every_metric_follows_the_conventions(emitted, mode):
    """Exactly the declared metrics exist, with their instrument, unit, edges, required attributes and members."""
    declared = table.TODAY if mode == "today" else table.NEXT
    found = {name: metric for name, metric in emitted[mode].metrics.items() if name.startswith("gen_ai.")}
    assert set(found) == set(declared)
    for name, (instrument, unit, edges, attributes) in declared.items():
        metric = found[name]
        points = list(metric.data.data_points)
        is_histogram = hasattr(points[0], "bucket_counts")
        assert (name, metric.unit, is_histogram) == (name, unit, instrument == "histogram")
        for point in points:
            labels = set(point.attributes)
            assert labels <= set(attributes), name
            assert {one for one, level in attributes.items() if level == "required"} <= labels, name
            assert edges is None or point.explicit_bounds == pytest.approx(edges)
            for label, value in point.attributes.items():
                assert value in table.ENUMERATIONS.get(label, {value}), (name, label)


def test_the_numbers_of_both_names_agree(emitted):
    """Calls and tokens by the next names equal those by today's."""

    def sums(mode, names):
        return sum(
            getattr(point, "sum", None) or getattr(point, "value", 0)
            for name in names
            for point in emitted[mode].metrics[name].data.data_points
        )

    def counts(mode, names):
        return sum(point.count for name in names for point in emitted[mode].metrics[name].data.data_points)

    inference = "gen_ai.client.inference."
    histograms = [
        f"{inference}operation.input_tokens",
        f"{inference}operation.output_tokens",
        "gen_ai.client.embeddings.operation.input_tokens",
    ]
    counters = [f"{inference}usage.input_tokens", f"{inference}usage.output_tokens"]
    assert sums("today", ["gen_ai.client.token.usage"]) == sums("next", histograms)
    assert sums("next", histograms[:2]) == sums("next", counters)
    durations = [f"{inference}duration", "gen_ai.client.embeddings.duration"]
    assert counts("today", ["gen_ai.client.operation.duration"]) == counts("next", durations) == 10


@MODES
def test_the_instrumentation_names_itself(emitted, mode):
    """Spans and metrics carry the name and version of the package and the version of the conventions."""
    scopes = {span.instrumentation_scope for span in emitted[mode].spans}
    assert {(one.name, one.version, one.schema_url) for one in scopes} == {
        ("hydrochat_otel", "0.1.0", semconv.SCHEMA_URL)
    }
    ((scope, schema_url),) = {(one.scope.version, one.schema_url) for one in emitted[mode].scopes}
    assert (scope, schema_url) == ("0.1.0", semconv.SCHEMA_URL)


def test_the_table_agrees_with_the_published_package():
    """Names and members of enumerations are spelt as in the published package."""
    modules = (gen_ai_attributes, server_attributes, error_attributes)
    published = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
    named = {name for _, attributes, _ in table.SPANS.values() for name in attributes}
    since = {
        "gen_ai.request.reasoning.level",
        "gen_ai.request.previous_response.id",
        "gen_ai.request.stream",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.reasoning.output_tokens",
    }
    assert named - published <= since
    operations = {member.value for member in gen_ai_attributes.GenAiOperationNameValues}
    outputs = {member.value for member in gen_ai_attributes.GenAiOutputTypeValues}
    providers = {member.value for member in gen_ai_attributes.GenAiProviderNameValues}
    assert table.ENUMERATIONS["gen_ai.operation.name"] <= operations
    assert table.ENUMERATIONS["gen_ai.output.type"] == outputs
    assert table.ENUMERATIONS["gen_ai.provider.name"] <= providers
