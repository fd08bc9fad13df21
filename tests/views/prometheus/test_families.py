"""Promises of :mod:`hydrochat_otel.views.prometheus.families`: merging, conflicts and broken series."""

import pytest
from views.prometheus.rendering import family, openmetrics, text

from hydrochat_otel.runtime import failures
from hydrochat_otel.window.snapshot import HistogramPoint, NumberPoint


def test_scopes_share_one_family():
    """The same metric of two scopes is one family with one head; labels distinguish the scopes."""
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
def test_conflicts_are_left_out_and_counted(first, second):
    """A family of another kind or with the same sample names, or other edges in one series: only the first is kept."""
    alone = (text(first), openmetrics(first))
    assert failures.counts() == {}
    assert (text(first, second), openmetrics(first, second)) == alone
    assert failures.counts() == {"prometheus.conflict": 2}


def test_target_info_belongs_to_the_resource():
    """A metric that is named like the target metadata is a conflict and does not change it."""
    body = text(family("target.info", "gauge", NumberPoint({}, 5)), **{"host.name": "a"})
    assert body == '# HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info{host_name="a"} 1.0\n'
    assert failures.counts() == {"prometheus.conflict": 1}


def test_a_broken_series_costs_itself_only():
    """A series that cannot be written is left out and counted; its neighbours and all other families are served."""
    broken = (
        family("uneven", "histogram", HistogramPoint({}, (1.0, 2.0), (1,), 3.0)),
        family("mixed", "histogram", NumberPoint({}, 1)),
        family("labels", "gauge", NumberPoint({"a": object()}, 1)),
        family("huge", "gauge", NumberPoint({}, 10**400)),
    )
    assert text(*broken, GAUGE) == text(GAUGE)
    assert failures.counts() == {"prometheus.series": 4}


@pytest.mark.parametrize(
    "bad", [NumberPoint({"a": object()}, 1), NumberPoint({"a": "x"}, 10**400), NumberPoint(None, 1)]
)
@pytest.mark.parametrize("render_as", [text, openmetrics])
def test_a_bad_value_beside_good_ones_costs_itself_only(bad, render_as):
    """One bad label value or number in a family does not change the family's other series."""
    good = NumberPoint({"a": "1"}, 2), NumberPoint({"a": "3"}, 4)
    assert render_as(family("of.the.host", "counter", good[0], bad, good[1])) == render_as(
        family("of.the.host", "counter", *good)
    )


@pytest.mark.parametrize("bad", [family(None, "gauge", NumberPoint({}, 1)), family("a", "other", NumberPoint({}, 1))])
def test_a_bad_name_or_kind_costs_its_family_only(bad):
    """A metric without a usable name or kind is left out and counted once."""
    assert text(bad, GAUGE) == text(GAUGE)
    assert failures.counts() == {"prometheus.family": 1}


def test_a_resource_that_cannot_be_written_costs_target_info_only():
    """A resource attribute that is not a text does not change the metrics."""
    assert text(GAUGE, **{"host.name": object()}) == text(GAUGE)


def test_a_lone_surrogate_is_a_question_mark():
    """A label of the host's own that has no UTF-8 form does not change any other character of the scrape."""
    assert text(family("files", "gauge", NumberPoint({"name": "a\udc80"}, 1))) == (
        '# TYPE files gauge\nfiles{name="a?"} 1.0\n'
    )
