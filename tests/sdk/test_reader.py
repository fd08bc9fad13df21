"""Promises of :mod:`hydrochat_otel.sdk.reader`."""

import time
from types import SimpleNamespace

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics._internal import measurement_consumer

from hydrochat_otel.runtime.deferred_queue import DeferredQueue
from hydrochat_otel.sdk.reader import SnapshotReader


def names(reader):
    return [family.name for family in reader.read()[0]]


def test_a_slow_collection_is_not_lost(monkeypatch):
    """A backlog of minutes, a loaded machine or a clock that jumps ahead costs time, but no scrape."""
    reader = SnapshotReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("application")
    meter.create_observable_gauge("first", [lambda _: []])
    meter.create_counter("second").add(1)
    hours = iter(range(0, 1000, 30))
    monkeypatch.setattr(measurement_consumer, "time_ns", lambda: time.time_ns() + next(hours) * 3_600_000_000_000)
    assert names(reader) == ["second"]
    assert next(hours) > 60


def test_what_waits_is_recorded_before_the_collection():
    """Deferred measurements are recorded outside of the SDK's lock and deadline, and are in the same answer."""
    reader, queue, waiting = SnapshotReader(), DeferredQueue(), []
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("application")
    counter = meter.create_counter("late")
    meter.create_observable_gauge("first", [lambda _: waiting.append(len(queue)) or []])
    queue.put_kept(SimpleNamespace(feed=lambda: counter.add(1)))
    assert (names(reader), waiting) == (["late"], [0])
