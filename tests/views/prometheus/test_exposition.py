"""Promises of :mod:`hydrochat_otel.views.prometheus.exposition`: both formats, histograms and exemplars."""

import re
from math import inf, nan

import pytest
from views.prometheus.rendering import SPAN, TRACE, family, openmetrics, text

from hydrochat_otel.window.snapshot import Exemplar, HistogramPoint, NumberPoint

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
    """An empty snapshot gives a valid, empty body; a metric without series is not mentioned and takes no name."""
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
    """An explicit edge at infinity and the last bucket are one line."""
    body = text(family("x", "histogram", HistogramPoint({}, (1.0, inf), (1, 2, 3), 4.0)))
    assert body == '# TYPE x histogram\nx_bucket{le="1.0"} 1\nx_bucket{le="+Inf"} 6\nx_count 6\nx_sum 4.0\n'


def test_each_bucket_has_the_exemplar_of_its_largest_value():
    """An exemplar is on the bucket of its value, edge included; of several the one with the largest value stays."""
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
