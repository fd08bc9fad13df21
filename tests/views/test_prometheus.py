"""Promises of :mod:`hydrochat_otel.views.prometheus`."""

import re
import subprocess
from math import inf, nan

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

from hydrochat_otel import semconv
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk.reader import families
from hydrochat_otel.views.prometheus import Format, negotiate, render
from hydrochat_otel.window.snapshot import Exemplar, Family, HistogramPoint, NumberPoint, Retention, Snapshot

RETENTION = Retention(max_entries=1000, ttl_hours=24.0, current_entries=0, storage_utilization_percent=0.0)
TRACE, SPAN = "0123456789abcdef0123456789abcdef", "0123456789abcdef"


def snapshot(*metrics, **resource):
    """A snapshot of these families, without retained entries."""
    return Snapshot(0.0, resource, metrics, (), RETENTION)


def family(name, kind, *points, unit="", description="", scope="", version=""):
    """A family as a snapshot holds it."""
    return Family(name, kind, unit, description, scope, version, points)


def text(*metrics, **resource):
    """The families as Prometheus text."""
    return render(snapshot(*metrics, **resource), Format.TEXT).decode()


def openmetrics(*metrics, **resource):
    """The families as OpenMetrics."""
    return render(snapshot(*metrics, **resource), Format.OPENMETRICS).decode()


# -- negotiation --------------------------------------------------------------------------------------------------

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_NATIVE_HISTOGRAMS = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7," + PROMETHEUS_3
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, Format.TEXT),
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        (FIREFOX, Format.TEXT),
        (PROMETHEUS_2_42, Format.OPENMETRICS),
        (PROMETHEUS_3, Format.OPENMETRICS),
        (PROMETHEUS_3_NATIVE_HISTOGRAMS, Format.OPENMETRICS),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ('Application/OpenMetrics-Text ; Version="1.0.0" ; Charset=UTF-8', Format.OPENMETRICS),
        ("application/openmetrics-text, text/plain", Format.OPENMETRICS),
        ("application/openmetrics-text, */*", Format.OPENMETRICS),
        ("application/openmetrics-text;q=0.4, text/plain;version=0.0.4", Format.TEXT),
        ("application/openmetrics-text;q=0.4, text/*;q=0.5", Format.TEXT),
        ("application/*;q=0.9, text/*;q=0.1", Format.OPENMETRICS),
        ("text/plain;q=0.9, text/plain;version=0.0.4;q=0.3, application/openmetrics-text;q=0.5", Format.OPENMETRICS),
        ("text/plain;q=0, */*", Format.OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1, text/plain;version=0.0.4;q=0.5", Format.TEXT),
        ("application/openmetrics-text;q=high, text/plain;q=0.1", Format.TEXT),
        ("application/openmetrics-text;q=nan, text/plain;q=0.1", Format.TEXT),
        ("no media type, ;;q=1, /", Format.TEXT),
        ("application/openmetrics-text;version=2.0.0", Format.TEXT),
        ("text/plain;version=1.0.0", Format.TEXT_1),
        ("text/plain;version=1.0.0;escaping=allow-utf-8, text/plain;version=0.0.4;q=0.5", Format.TEXT_1),
        ("text/plain;charset=iso-8859-1", Format.TEXT),
        ("text/html", Format.TEXT),
        ("application/json, image/*;q=0.5", Format.TEXT),
        ("*/*;q=0", Format.TEXT),
        ("text/plain;q=0.000", Format.TEXT),
    ],
)
def test_accept_header_chooses_the_format(accept, expected):
    """Quality, precision, wildcards and versions decide as RFC 9110 has it; text 0.0.4 if nothing is acceptable."""
    assert negotiate(accept) is expected


@settings(deadline=None)
@given(st.text(max_size=80))
@example("text/plain;q=1;q")
def test_no_accept_header_raises(accept):
    """Whatever a client sends as its Accept header, the answer is a format."""
    assert negotiate(accept) in set(Format)


def test_content_types_are_the_official_ones():
    """The content types name format, version and character set."""
    assert {one.name: one.content_type for one in Format} == {
        "TEXT": "text/plain; version=0.0.4; charset=utf-8",
        "TEXT_1": "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        "OPENMETRICS": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }


# -- both formats -------------------------------------------------------------------------------------------------

EVERYTHING = (
    family(
        "app.requests",
        "counter",
        NumberPoint({"http.route": "/a"}, 3, (Exemplar(1.0, 1700000000.25, TRACE, SPAN),)),
        NumberPoint({"http.route": "/b"}, 2.5),
        unit="{request}",
        description='Requests\nwith "quotes" and \\.',
        scope="app",
        version="1.2",
    ),
    family("app.queue", "gauge", NumberPoint({}, 7), unit="By", description="Waiting."),
    family(
        "app.wait",
        "histogram",
        HistogramPoint(
            {"kind": "x"}, (0.5, 2.0, 1e7), (1, 0, 2, 1), 12.25, (Exemplar(1.5, 1700000001.0, TRACE, SPAN),)
        ),
        unit="s",
        scope="app",
    ),
)


def test_text_of_every_kind():
    """Prometheus text has one head for each family, `_total`, cumulative buckets, and no exemplars."""
    assert text(*EVERYTHING, **{"service.name": "clinic"}) == (
        "# HELP target_info Target metadata\n"
        "# TYPE target_info gauge\n"
        'target_info{service_name="clinic"} 1.0\n'
        '# HELP app_requests_total Requests\\nwith "quotes" and \\\\.\n'
        "# TYPE app_requests_total counter\n"
        'app_requests_total{http_route="/a",otel_scope_name="app",otel_scope_version="1.2"} 3.0\n'
        'app_requests_total{http_route="/b",otel_scope_name="app",otel_scope_version="1.2"} 2.5\n'
        "# HELP app_queue_bytes Waiting.\n"
        "# TYPE app_queue_bytes gauge\n"
        "app_queue_bytes 7.0\n"
        "# TYPE app_wait_seconds histogram\n"
        'app_wait_seconds_bucket{kind="x",otel_scope_name="app",le="0.5"} 1\n'
        'app_wait_seconds_bucket{kind="x",otel_scope_name="app",le="2.0"} 1\n'
        'app_wait_seconds_bucket{kind="x",otel_scope_name="app",le="1e+07"} 3\n'
        'app_wait_seconds_bucket{kind="x",otel_scope_name="app",le="+Inf"} 4\n'
        'app_wait_seconds_count{kind="x",otel_scope_name="app"} 4\n'
        'app_wait_seconds_sum{kind="x",otel_scope_name="app"} 12.25\n'
    )


def test_openmetrics_of_every_kind():
    """OpenMetrics names the unit, leaves `_total` out of the head, carries exemplars and ends with EOF."""
    exemplar = f'# {{trace_id="{TRACE}",span_id="{SPAN}"}}'
    assert openmetrics(*EVERYTHING, **{"service.name": "clinic"}) == (
        "# HELP target Target metadata\n"
        "# TYPE target info\n"
        'target_info{service_name="clinic"} 1.0\n'
        '# HELP app_requests Requests\\nwith \\"quotes\\" and \\\\.\n'
        "# TYPE app_requests counter\n"
        f'app_requests_total{{http_route="/a",otel_scope_name="app",otel_scope_version="1.2"}} 3.0 {exemplar}'
        " 1.0 1700000000.250\n"
        'app_requests_total{http_route="/b",otel_scope_name="app",otel_scope_version="1.2"} 2.5\n'
        "# HELP app_queue_bytes Waiting.\n"
        "# TYPE app_queue_bytes gauge\n"
        "# UNIT app_queue_bytes bytes\n"
        "app_queue_bytes 7.0\n"
        "# TYPE app_wait_seconds histogram\n"
        "# UNIT app_wait_seconds seconds\n"
        'app_wait_seconds_bucket{kind="x",otel_scope_name="app",le="0.5"} 1\n'
        f'app_wait_seconds_bucket{{kind="x",otel_scope_name="app",le="2.0"}} 1 {exemplar} 1.5 1700000001.000\n'
        'app_wait_seconds_bucket{kind="x",otel_scope_name="app",le="1e+07"} 3\n'
        'app_wait_seconds_bucket{kind="x",otel_scope_name="app",le="+Inf"} 4\n'
        'app_wait_seconds_count{kind="x",otel_scope_name="app"} 4\n'
        'app_wait_seconds_sum{kind="x",otel_scope_name="app"} 12.25\n'
        "# EOF\n"
    )


def test_empty_snapshot():
    """Nothing recorded gives a valid, empty body; a metric without series is not mentioned and takes no name."""
    assert (text(), openmetrics()) == ("", "# EOF\n")
    assert (
        text(family("calls", "counter"), family("calls", "gauge", NumberPoint({}, 1)))
        == "# TYPE calls gauge\ncalls 1.0\n"
    )


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("hydrochat.llm.cost", "{USD}", "counter", "hydrochat_llm_cost_total"),
        ("a.b-c/d", "", "gauge", "a_b_c_d"),
        ("a..b__c", "", "gauge", "a_b_c"),
        ("calls.total", "{call}", "counter", "calls_total"),
        ("busy_total", "s", "counter", "busy_seconds_total"),
        ("latency.seconds", "s", "gauge", "latency_seconds"),
        ("used.ratio", "1", "gauge", "used_ratio"),
        ("speed", "m/s", "gauge", "speed_meters_per_second"),
        ("rate", "{packet}/s", "gauge", "rate_per_second"),
        ("traffic", "MiBy/d", "gauge", "traffic_mebibytes_per_day"),
        ("load", "%", "gauge", "load_percent"),
        ("odd", "k.W$", "gauge", "odd_k_W"),
        ("4lives", "", "gauge", "_lives"),
        ("körper.temp", "Cel", "gauge", "k_rper_temp_celsius"),
    ],
)
def test_names_carry_unit_and_total_once(name, unit, kind, expected):
    """Names are sanitised and end in the unit's word and, for counters, in `_total`, neither of them twice."""
    body = text(family(name, kind, NumberPoint({}, 1), unit=unit))
    assert body == f"# TYPE {expected} {kind}\n{expected} 1.0\n"


@pytest.mark.parametrize(
    ("value", "written"),
    [(nan, "NaN"), (inf, "+Inf"), (-inf, "-Inf"), (0, "0.0"), (-1.5, "-1.5"), (1e21, "1e+21"), (5e-324, "5e-324")],
)
def test_numbers_are_written_as_go_writes_them(value, written):
    """Infinite, missing, tiny and huge values have the form that Prometheus reads."""
    assert text(family("x", "gauge", NumberPoint({}, value))) == f"# TYPE x gauge\nx {written}\n"


def test_label_names_that_collide_join_their_values():
    """Attributes that get the same label name become one label, values joined with `;` in the order of their keys."""
    attributes = {"a_b": "3", "a.b": "2", "a-b": "1", "ä": "4"}
    assert text(family("x", "gauge", NumberPoint(attributes, 1))) == '# TYPE x gauge\nx{_="4",a_b="1;2;3"} 1.0\n'


def test_attributes_named_like_our_labels_are_kept_apart():
    """An attribute that would be the edge or the scope keeps its value under `exported_`, never written twice."""
    attributes = {"le": "5", "otel.scope.name": "theirs", "otel_scope_version": "9"}
    body = text(family("x", "histogram", HistogramPoint(attributes, (), (1,), 2.0), scope="ours"))
    labels = 'exported_le="5",exported_otel_scope_name="theirs",exported_otel_scope_version="9",otel_scope_name="ours"'
    assert body == (
        f'# TYPE x histogram\nx_bucket{{{labels},le="+Inf"}} 1\nx_count{{{labels}}} 1\nx_sum{{{labels}}} 2.0\n'
    )


def test_no_text_breaks_a_scrape():
    """A lone surrogate in a label value, which has no UTF-8 form, becomes a question mark."""
    assert text(family("x", "gauge", NumberPoint({"a": "\ud800b"}, 1))) == '# TYPE x gauge\nx{a="?b"} 1.0\n'


# -- merging and conflicts ----------------------------------------------------------------------------------------


def test_scopes_share_one_family():
    """The same metric of two scopes is one family with one head; the scopes are told apart by their labels."""
    body = text(
        family("app.calls", "counter", NumberPoint({"a": "1"}, 2), scope="one", description="First."),
        family("other", "gauge", NumberPoint({}, 1)),
        family("app.calls", "counter", NumberPoint({"b": "1"}, 3), scope="two", description="Second."),
    )
    assert body == (
        "# HELP app_calls_total First.\n"
        "# TYPE app_calls_total counter\n"
        'app_calls_total{a="1",otel_scope_name="one"} 2.0\n'
        'app_calls_total{b="1",otel_scope_name="two"} 3.0\n'
        "# TYPE other gauge\n"
        "other 1.0\n"
    )
    assert failures.counts() == {}


def test_same_series_is_written_once():
    """Equal labels, in any order and with or without empty ones, are one series: sums added up, the last gauge kept."""
    one, other = {"a": "1", "b": "2", "c": ""}, {"b": "2", "a": "1"}
    edges = (1.0, 2.0)
    body = text(
        family("n.calls", "counter", NumberPoint(one, 2)),
        family("n_calls", "counter", NumberPoint(other, 3)),
        family("level", "gauge", NumberPoint(one, 2), NumberPoint(other, 3)),
        family("h", "histogram", HistogramPoint(one, edges, (1, 2, 3), 10.0)),
        family("h", "histogram", HistogramPoint(other, edges, (10, 20, 30), 100.0)),
    )
    assert body == (
        "# TYPE n_calls_total counter\n"
        'n_calls_total{a="1",b="2"} 5.0\n'
        "# TYPE level gauge\n"
        'level{a="1",b="2"} 3.0\n'
        "# TYPE h histogram\n"
        'h_bucket{a="1",b="2",le="1.0"} 11\n'
        'h_bucket{a="1",b="2",le="2.0"} 33\n'
        'h_bucket{a="1",b="2",le="+Inf"} 66\n'
        'h_count{a="1",b="2"} 66\n'
        'h_sum{a="1",b="2"} 110.0\n'
    )


COUNTER = family("x", "counter", NumberPoint({}, 1))
GAUGE = family("x", "gauge", NumberPoint({}, 1))
HISTOGRAM = family("x", "histogram", HistogramPoint({}, (1.0,), (1, 1), 3.0))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (COUNTER, GAUGE),
        (GAUGE, COUNTER),
        (HISTOGRAM, GAUGE),
        (HISTOGRAM, family("x.count", "gauge", NumberPoint({}, 1))),
        (family("x.sum", "gauge", NumberPoint({}, 1)), HISTOGRAM),
        (COUNTER, family("x.total", "gauge", NumberPoint({}, 1))),
        (HISTOGRAM, family("x", "histogram", HistogramPoint({}, (2.0,), (1, 1), 3.0))),
    ],
)
def test_what_conflicts_is_left_out_and_counted(first, second):
    """A family of another kind or with the same sample names, or other edges in one series: the first stays alone."""
    alone = (text(first), openmetrics(first))
    assert failures.counts() == {}
    assert (text(first, second), openmetrics(first, second)) == alone
    assert failures.counts() == {"prometheus.conflict": 2}


def test_target_info_belongs_to_the_resource():
    """A metric that is named like the target metadata is a conflict and does not touch it."""
    body = text(family("target.info", "gauge", NumberPoint({}, 5)), **{"host.name": "a"})
    assert body == '# HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info{host_name="a"} 1.0\n'
    assert failures.counts() == {"prometheus.conflict": 1}


def test_a_broken_family_costs_nobody_the_scrape():
    """A family that cannot be written is left out and counted; all others are served."""
    broken = (
        family("uneven", "histogram", HistogramPoint({}, (1.0, 2.0), (1,), 3.0)),
        family("mixed", "histogram", NumberPoint({}, 1)),
        family("labels", "gauge", NumberPoint({"a": object()}, 1)),
    )
    assert text(*broken, GAUGE) == text(GAUGE)
    assert failures.counts() == {"prometheus.family": 3}


# -- histograms and exemplars -------------------------------------------------------------------------------------


def test_edges_below_zero_leave_sum_and_count_out():
    """A histogram with a negative edge has buckets only: its sum may fall, which no counter may."""
    body = openmetrics(family("x", "histogram", HistogramPoint({}, (-1.0, 0.0), (1, 2, 3), -4.0)))
    assert body == (
        "# TYPE x histogram\n"
        'x_bucket{le="-1.0"} 1\nx_bucket{le="0.0"} 3\nx_bucket{le="+Inf"} 6\n'
        "# EOF\n"
    )  # fmt: skip


def test_infinite_edge_is_the_last_bucket():
    """An explicit edge at infinity and the bucket above all are one line."""
    body = text(family("x", "histogram", HistogramPoint({}, (1.0, inf), (1, 2, 3), 4.0)))
    assert body == '# TYPE x histogram\nx_bucket{le="1.0"} 1\nx_bucket{le="+Inf"} 6\nx_count 6\nx_sum 4.0\n'


def test_each_bucket_has_the_exemplar_of_its_largest_value():
    """An exemplar stands on the bucket that its value falls in, edge included; of several the largest value stays."""
    exemplars = tuple(
        Exemplar(value, 1700000000.0, f"{number:032x}", SPAN)
        for number, value in enumerate((0.5, 1.0, 0.7, 9.0, 2.5, nan))
    )
    body = openmetrics(family("x", "histogram", HistogramPoint({}, (1.0, 2.0, 3.0), (3, 0, 1, 1), 9.0, exemplars)))
    found = re.findall(r'le="([^"]+)"} \d+(?: # {trace_id="0*(\d)",span_id="[^"]+"} (\S+) 1700000000.000)?\n', body)
    assert found == [("1.0", "1", "1.0"), ("2.0", "", ""), ("3.0", "4", "2.5"), ("+Inf", "3", "9.0")]


def test_counters_have_their_newest_exemplar():
    """Of several exemplars a counter shows the newest; a gauge shows none."""
    exemplars = tuple(Exemplar(float(n), 1700000000.0 + n % 3, f"{n:032x}", SPAN) for n in range(1, 5))
    body = openmetrics(
        family("x", "counter", NumberPoint({}, 1, exemplars)),
        family("y", "gauge", NumberPoint({}, 1, exemplars)),
    )
    exemplar = f'# {{trace_id="{2:032x}",span_id="{SPAN}"}} 2.0 1700000002.000'
    assert body == f"# TYPE x counter\nx_total 1.0 {exemplar}\n# TYPE y gauge\ny 1.0\n# EOF\n"


def test_exemplars_stay_within_128_characters():
    """An exemplar whose labels have more than 128 characters is left out, one of exactly 128 is written."""
    fits, too_long = (
        openmetrics(family("x", "counter", NumberPoint({}, 1, (Exemplar(1.0, 1.5, "t" * length, SPAN),))))
        for length in (97, 98)
    )
    assert fits == (f'# TYPE x counter\nx_total 1.0 # {{trace_id="{"t" * 97}",span_id="{SPAN}"}} 1.0 1.500\n# EOF\n')
    assert too_long == "# TYPE x counter\nx_total 1.0\n# EOF\n"


# -- whatever there is, the parsers read back ---------------------------------------------------------------------

WORDS = st.text(max_size=20)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=12), WORDS, max_size=4)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def label_name(key):
    """The label that an attribute becomes, written down a second time."""
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
    """Any label values and any number come back from both formats as they were."""
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
    """Edges, counts and sum come back exactly; the strict parser finds nothing wrong, exemplars included."""
    exemplars = tuple(Exemplar(value, 1700000000.0, TRACE, SPAN) for value in values)
    point = HistogramPoint({}, tuple(edges), tuple(counts[: len(edges) + 1]), total, exemplars)
    metric = family("any", "histogram", point)
    for exposition, parse in ((Format.TEXT, parsed_text), (Format.OPENMETRICS, parsed_openmetrics)):
        (parsed,) = parse(render(snapshot(metric), exposition).decode())
        buckets = [one for one in parsed.samples if one.name == "any_bucket"]
        assert [float(one.labels["le"]) for one in buckets] == [*edges, inf]
        assert [one.value for one in buckets] == [sum(point.counts[: at + 1]) for at in range(len(buckets))]
        assert [one.value for one in parsed.samples[len(buckets) :]] == [sum(point.counts), total]


# -- the peer -----------------------------------------------------------------------------------------------------


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
    # Not the colon: the peer writes it into OpenMetrics heads but not into the samples below them.
    unit=UNITS | st.text(st.characters(max_codepoint=127, exclude_characters=":"), max_size=8),
    attributes=ATTRIBUTES,
    kind=st.sampled_from(["counter", "gauge", "histogram"]),
    value=st.floats(min_value=0, allow_infinity=False),
)
def test_any_metric_reads_like_the_stock_exporter(name, unit, attributes, kind, value):
    """Whatever its name, unit and labels, a metric parses to the same samples as the stock exporter's."""
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
def test_promtool_finds_nothing_to_say():
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
