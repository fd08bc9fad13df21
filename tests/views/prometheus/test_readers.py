"""What real parsers, the stock exporter and promtool read from a rendering."""

import re
import subprocess
from math import inf

import pytest
from benchmarks.scrape import StockExporter, samples
from conftest import require_program
from hypothesis import assume, example, given, settings, strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed_text
from views.prometheus.rendering import RETENTION, SPAN, TRACE, family, snapshot

from hydrochat_otel import semconv
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk.conversion import families
from hydrochat_otel.views.prometheus import Format, render
from hydrochat_otel.window import dollars
from hydrochat_otel.window.snapshot import Exemplar, Family, HistogramPoint, NumberPoint, Snapshot

# -- round trips through parsers ----------------------------------------------------------------------------------

WORDS = st.text(max_size=20)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=12), WORDS, max_size=4)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def label_name(key):
    """Return the label of an attribute, by a second implementation."""
    return re.sub(r"[^a-zA-Z0-9]+", "_", re.sub(r"^\d", "_", key))


def read_back(body, parse):
    """Names, labels and values of the samples in a body; numbers as text, so that NaN equals NaN."""
    return [
        (sample.name, sample.labels, repr(float(sample.value)))
        for parsed in parse(body.decode())
        for sample in parsed.samples
    ]


@settings(deadline=None)
@given(ATTRIBUTES, st.floats(), WORDS)
@example({"a": 'say "hi"\\n\n}', "b": '{x="1"} 2 # {', "c": "\r\x00\u2028\x85 "}, 1e300, "\\")
def test_gauges_survive_the_parsers(attributes, value, description):
    """Any label values and any number are read from both formats unchanged."""
    names = [label_name(key) for key in attributes]
    assume(len(set(names)) == len(names))
    metric = family("any", "gauge", NumberPoint(attributes, value), description=description)
    labels = {label_name(key): word for key, word in attributes.items() if word}
    expected = [("any", labels, repr(value))]
    assert read_back(render(snapshot(metric), Format.TEXT), parsed_text) == expected
    assert read_back(render(snapshot(metric), Format.OPENMETRICS), parsed_openmetrics) == expected


@settings(deadline=None)
@given(
    st.lists(st.floats(min_value=0, allow_infinity=False), max_size=8, unique=True).map(sorted),
    st.lists(st.integers(0, 2**53), min_size=9, max_size=9),
    st.floats(min_value=0, allow_infinity=False),
    st.lists(st.floats(allow_infinity=False), max_size=4),
)
def test_histograms_survive_the_parsers(edges, counts, total, values):
    """Edges, counts and sum are read exactly; the strict parser finds no error, exemplars included."""
    exemplars = tuple(Exemplar(value, 1700000000.0, TRACE, SPAN) for value in values)
    point = HistogramPoint({}, tuple(edges), tuple(counts[: len(edges) + 1]), total, exemplars)
    metric = family("any", "histogram", point)
    for exposition, parse in ((Format.TEXT, parsed_text), (Format.OPENMETRICS, parsed_openmetrics)):
        (parsed,) = parse(render(snapshot(metric), exposition).decode())
        buckets = [one for one in parsed.samples if one.name == "any_bucket"]
        assert [float(one.labels["le"]) for one in buckets] == [*edges, inf]
        assert [one.value for one in buckets] == [sum(point.counts[: at + 1]) for at in range(len(buckets))]
        assert [one.value for one in parsed.samples[len(buckets) :]] == [sum(point.counts), total]


# -- the stock exporter -------------------------------------------------------------------------------------------


def differences(data):
    """Return the samples that only one of the two has, ours and the stock exporter's, in both formats."""
    resource = {key: str(value) for key, value in data.resource_metrics[0].resource.attributes.items()}
    ours = Snapshot(0.0, resource, families(data), (), RETENTION)
    stock = StockExporter(data)
    pairs = (
        (samples(render(ours, Format.TEXT), parsed_text), samples(stock.text(), parsed_text)),
        (
            samples(render(ours, Format.OPENMETRICS), parsed_openmetrics),
            samples(stock.openmetrics(), parsed_openmetrics),
        ),
    )
    return [(mine.items() ^ theirs.items()) for mine, theirs in pairs]


def test_sdk_data_reads_like_the_stock_exporter():
    """What a real meter provider collected parses to the same samples as the stock exporter's, in both formats."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=Resource.create({"service.name": "clinic", "a.b-c": 'q"\\\n'}))
    meter = provider.get_meter("one.scope", "1.0")
    for name, unit in (("calls", "{call}"), ("io", "By"), ("cpu.time", "s"), ("spent_total", "ms")):
        counter = meter.create_counter(name, unit, 'With "quotes".')
        counter.add(3, {"http.route": "/a\\b", "ok": True, "port": 443})
        counter.add(0.25)
    meter.create_up_down_counter("queue.size", "{item}").add(-4, {"1st": "x", "ünï": "y"})
    meter.create_gauge("fill", "1", "Filled.").set(0.5)
    meter.create_observable_gauge("speed", [lambda _: []], "m/s")
    meter.create_histogram("wait", "s").record(1.5, {"kind": "a"})
    other = provider.get_meter("other.scope")
    tokens = other.create_histogram("tokens", "{token}", explicit_bucket_boundaries_advisory=semconv.TOKEN_EDGES)
    for value in (1, 64, 65, 10**9):
        tokens.record(value, {"type": "input"})
    other.create_histogram("offset", "s", explicit_bucket_boundaries_advisory=[-1.0, 0.0, 1.0]).record(-3)
    data = reader.get_metrics_data()
    provider.shutdown()
    assert differences(data) == [set(), set()]


UNITS = st.sampled_from(
    ["", "1", "%", "s", "ms", "By", "MiBy", "TiBy", "m/s", "By/m", "{x}/h", "1/s", "a/{b}", "/", "{USD}"]
)


@settings(deadline=None)
@given(
    name=st.from_regex(r"[a-zA-Z][-_./a-zA-Z0-9]{0,20}(_total)?", fullmatch=True),
    # Not the colon: the stock exporter writes it into OpenMetrics heads but not into the samples below them.
    unit=UNITS | st.text(st.characters(max_codepoint=127, exclude_characters=":"), max_size=8),
    attributes=ATTRIBUTES,
    kind=st.sampled_from(["counter", "gauge", "histogram"]),
    value=st.floats(min_value=0, allow_infinity=False),
)
def test_any_metric_reads_like_the_stock_exporter(name, unit, attributes, kind, value):
    """Whatever its name, unit and labels, a metric parses to the same samples as the stock exporter's."""
    value = dollars.shown(value) if unit == dollars.UNIT else value  # as every surface of ours shows dollars
    names = [label_name(key) for key in attributes]
    assume(len(set(names)) == len(names))
    assume(not {"le", "otel_scope_name", "otel_scope_version"} & set(names))
    if kind == "histogram":
        bounds = (0.0, 0.005, 1.0, 1e9)
        point = HistogramDataPoint(attributes, 0, 0, 10, value, (0, 1, 2, 3, 4), bounds, 0.0, 0.0)
        held = Histogram([point], AggregationTemporality.CUMULATIVE)
    else:
        point = NumberDataPoint(attributes, 0, 0, value)
        held = Gauge([point]) if kind == "gauge" else Sum([point], AggregationTemporality.CUMULATIVE, is_monotonic=True)
    scope = ScopeMetrics(InstrumentationScope("a.scope", "1"), [Metric(name, "Words.", unit, held)], "")
    data = MetricsData([ResourceMetrics(Resource({"service.name": "clinic"}), [scope], "")])
    assert differences(data) == [set(), set()]


# -- the real tools -----------------------------------------------------------------------------------------------


def realistic():
    """A snapshot with two series of every metric of ours."""
    points = {
        "histogram": lambda spec, labels: HistogramPoint(
            labels,
            spec.edges,
            tuple(range(len(spec.edges) + 1)),
            42.5,
            (Exemplar(spec.edges[1], 1700000000.5, TRACE, SPAN),),
        ),
        "gauge": lambda _, labels: NumberPoint(labels, 0.5),
    }
    metrics = [
        Family(
            spec.name,
            spec.kind if spec.kind in points else "counter",
            spec.unit,
            spec.description,
            semconv.SCOPE,
            "0.1.0",
            tuple(
                points.get(spec.kind, points["gauge"])(spec, {name: f"{name} {series}" for name in spec.attributes})
                for series in range(2 if spec.attributes else 1)
            ),
        )
        for spec in semconv.METRICS
    ]
    return snapshot(*metrics, **{"service.name": "clinic", "telemetry.sdk.name": "opentelemetry"})


def test_every_metric_of_ours_is_valid_openmetrics():
    """The strict parser reads all of our metrics, each as its own family beside `target`."""
    parsed = list(parsed_openmetrics(render(realistic(), Format.OPENMETRICS).decode()))
    assert len(parsed) == len(semconv.METRICS) + 1
    assert failures.counts() == {}


@pytest.mark.real
def test_promtool_accepts_all_metrics():
    """`promtool check metrics` accepts all of our metrics without a warning."""
    promtool = require_program("promtool", "prometheus")
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=render(realistic(), Format.TEXT),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
