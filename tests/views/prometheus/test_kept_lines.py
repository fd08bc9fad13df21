"""Promises of :mod:`hydrochat_otel.views.prometheus`: the lines of a metric are kept while it is the same object."""

import gc
import weakref

import pytest
from views.prometheus.rendering import family, openmetrics, text

from hydrochat_otel.runtime import failures
from hydrochat_otel.views.prometheus import exposition
from hydrochat_otel.window.snapshot import Exemplar, HistogramPoint, NumberPoint

EXEMPLAR = Exemplar(0.5, 12.0, "a" * 32, "b" * 16)


def a_histogram():
    return family("h", "histogram", HistogramPoint({"a": "1"}, (1.0,), (1, 1), 3.0, (EXEMPLAR,)))


@pytest.fixture
def written(monkeypatch):
    """Return the names of the families whose lines are written."""
    names = []
    original = exposition._lines

    def lines(family, points, **options):
        names.append(family.name)
        return original(family, points, **options)

    monkeypatch.setattr(exposition, "_lines", lines)
    return names


def test_unchanged_metrics_are_written_twice(written):
    """Each format of a metric is kept when it is written for the second time; a new object of it is written again."""
    one, other = a_histogram(), family("g", "gauge", NumberPoint({}, 1))
    first = (text(one, other), openmetrics(one, other))
    assert (text(one, other), openmetrics(one, other)) == first
    assert written == ["h", "g"] * 4
    written.clear()
    assert (text(one, other), openmetrics(one, other)) == first
    assert text(one, family("g", "gauge", NumberPoint({}, 2))) == first[0].replace("g 1.0", "g 2.0")
    assert written == ["g"]


def test_a_kept_metric_that_another_scope_joins():
    """Lines that are kept of a metric alone are not used while another scope has one of its name."""
    one = family("app.calls", "counter", NumberPoint({"a": "1"}, 2), scope="one")
    other = family("app.calls", "counter", NumberPoint({"a": "1"}, 3), scope="two")
    alone, again = text(one), text(one)
    both = text(one, other)
    assert both == alone + 'app_calls_total{a="1",otel_scope_name="two"} 3.0\n'
    assert (again, text(one), text(one, other)) == (alone, alone, both)


def test_what_is_left_out_is_counted_each_time():
    """A series that cannot be written is counted with each scrape, as if nothing was kept."""
    broken = family("g", "gauge", NumberPoint({"a": 5}, 1), NumberPoint({"a": "1"}, 1))
    bodies = [text(broken) for _ in range(3)]
    assert bodies == ['# TYPE g gauge\ng{a="1"} 1.0\n'] * 3
    assert failures.counts() == {"prometheus.series": 3}


def test_many_series_are_not_kept(written):
    """A metric with more series than the bound is written each time, so it takes no memory between scrapes."""
    points = [NumberPoint({"n": str(number)}, number) for number in range(exposition._KEPT_SERIES + 1)]
    many, few = family("many", "gauge", *points), family("few", "gauge", *points[1:])
    assert text(many, few) == text(many, few) == text(many, few)
    assert written == ["many", "few", "many", "few", "many"]


def test_kept_lines_end_with_their_metric():
    """What is kept of a metric is freed with it, without the garbage collector."""

    class Labels(dict):
        """Attributes whose end can be observed."""

    gc.disable()
    try:
        attributes = Labels(a="1")
        ended, one = weakref.ref(attributes), family("g", "gauge", NumberPoint(attributes, 1))
        del attributes
        assert text(one) == text(one)
        assert ended() is not None
        del one
        assert ended() is None
    finally:
        gc.enable()
