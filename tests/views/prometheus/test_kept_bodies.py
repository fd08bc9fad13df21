"""Promises of :mod:`hydrochat_otel.views.prometheus.kept_bodies`."""

from dataclasses import replace

import pytest
from views.prometheus.rendering import family, snapshot

from hydrochat_otel.runtime import failures
from hydrochat_otel.views.prometheus import Format, KeptBodies, kept_bodies
from hydrochat_otel.window.snapshot import NumberPoint


def a_gauge(value=1.0, **labels):
    return family("g", "gauge", NumberPoint(labels, value))


@pytest.fixture
def written(monkeypatch):
    """Return the formats that are rendered."""
    formats = []
    original = kept_bodies.render

    def render(shown, exposition):
        formats.append(exposition)
        return original(shown, exposition)

    monkeypatch.setattr(kept_bodies, "render", render)
    return formats


def test_the_same_metrics_are_rendered_twice(written):
    """A body is kept when the same objects are rendered for the second time, for each format."""
    shown, bodies = snapshot(a_gauge()), KeptBodies()
    for exposition in (Format.TEXT, Format.OPENMETRICS):
        assert len({bodies.render(replace(shown, unix_s=number), exposition) for number in range(4)}) == 1
    assert written == [Format.TEXT] * 2 + [Format.OPENMETRICS] * 2
    bodies.forget()
    bodies.render(shown, Format.TEXT)
    assert len(written) == 5


@pytest.mark.parametrize("change", ["families", "resource"])
def test_other_metrics_or_another_resource(change):
    """A snapshot with other families, or another resource, is rendered."""
    bodies, shown = KeptBodies(), snapshot(a_gauge())
    first = [bodies.render(shown, Format.TEXT) for _ in range(3)][-1]
    changed = {"families": (a_gauge(2.0),), "resource": {"service.name": "other"}}[change]
    assert bodies.render(replace(shown, **{change: changed}), Format.TEXT) != first
    assert bodies.render(shown, Format.TEXT) == first


def test_what_is_left_out_is_counted_each_time():
    """A body that lacks a series is not kept: the series counts as left out at each scrape."""
    bodies, shown = KeptBodies(), snapshot(a_gauge(a=5))
    for number in range(1, 4):
        bodies.render(shown, Format.TEXT)
        assert failures.counts() == {"prometheus.series": number}


def test_a_long_body_is_not_kept(written, monkeypatch):
    """A body beyond the bound is rendered each time."""
    monkeypatch.setattr(kept_bodies, "_LONGEST", 10)
    bodies, shown = KeptBodies(), snapshot(a_gauge())
    for _ in range(3):
        bodies.render(shown, Format.TEXT)
    assert len(written) == 3
