"""Promises of :mod:`hydrochat_otel.pipeline.snapshots`: its contents, for every caller and at any time."""

import os
import signal
import sys
import threading
from types import ModuleType

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from pipeline.readings import durations

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import failures as faults
from hydrochat_otel.window.snapshot import HistogramPoint


def test_every_reader_sees_what_was_deferred():
    """Deferral is invisible: a reader of the host's and ours both see a measurement in the very next collection."""
    other = InMemoryMetricReader()
    installed = pipeline.install(
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=MeterProvider([other], shutdown_on_exit=False),
        instrument_gemini=False,
    )
    for expected in (1, 2, 3):
        with track_response_time("turn"):
            pass
        seen = {
            metric.name: metric.data.data_points[0]
            for scope in other.get_metrics_data().resource_metrics[0].scope_metrics
            for metric in scope.metrics
        }
        [(_, count, _)] = durations(installed.snapshot())
        assert (seen["hydrochat.operation.duration"].count, count) == (expected, expected)


def test_a_flush_does_not_collect_behind_a_scrapes_back(installed):
    """force_flush() between two snapshots changes no number."""
    with track_response_time("turn"):
        pass
    before = durations(installed.snapshot())
    installed.force_flush()
    assert durations(installed.snapshot()) == before


def test_concurrent_snapshots_are_all_whole(installed):
    """Snapshots from many threads under writes: none is empty, none is doubled, counts never fall."""
    wrong, stop = [], threading.Event()

    def write():
        while not stop.wait(0.001):  # more than the readers can work off would make the test as long as it likes
            with track_response_time("turn"):
                pass

    def look():
        last = 0
        for _ in range(15):
            rows = durations(installed.snapshot())
            if len(rows) != 1 or rows[0][1] < last:
                wrong.append(rows)
            last = rows[0][1]

    with track_response_time("turn"):
        pass
    writer = threading.Thread(target=write)
    readers = [threading.Thread(target=look) for _ in range(8)]
    for thread in (writer, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    writer.join()
    assert wrong == []


def test_the_snapshot_speaks_of_the_resource(install):
    """The resource's attributes are texts."""
    provider = MeterProvider(resource=Resource({"service.name": "chat", "process.pid": 7}), shutdown_on_exit=False)
    installed = pipeline.install(
        tracer_provider=TracerProvider(shutdown_on_exit=False), meter_provider=provider, instrument_gemini=False
    )
    assert installed.snapshot().resource == {"service.name": "chat", "process.pid": "7"}


def test_exemplars_keep_the_trace_of_the_call(installed):
    """The trace id on a histogram's exemplar is that of the operation, although it was recorded later."""
    with track_response_time("turn"):
        pass
    snapshot = installed.snapshot()
    [point] = snapshot.points(semconv.OPERATION_DURATION)
    assert [one.trace_id for one in point.exemplars] == [f"{snapshot.entries[0].trace_id:032x}"]


def test_no_reader_takes_an_exemplar_from_another(installed):
    """The page's refresh leaves the exemplars to the next scrape; a newer one of the same bucket replaces the old."""
    histogram = installed.meter_provider.get_meter("host").create_histogram("h")

    def record(value):
        with installed.tracer_provider.get_tracer("host").start_as_current_span("x") as span:
            histogram.record(value)
        return f"{span.get_span_context().trace_id:032x}"

    def exemplars():
        [family] = [family for family in installed.snapshot().families if family.name == "h"]
        return [(one.value, one.trace_id) for one in family.points[0].exemplars]

    low, high = record(0.5), record(7000.0)
    assert exemplars() == exemplars() == [(0.5, low), (7000.0, high)]
    newer = record(0.25)
    assert exemplars() == exemplars() == [(0.25, newer), (7000.0, high)]


def test_an_exponential_histogram_is_written_out(installed):
    """Exponential buckets become plain edges and counts: same total, every value at or below its edge."""
    provider = MeterProvider(
        views=[View(instrument_name="h", aggregation=ExponentialBucketHistogramAggregation(max_scale=0))],
        shutdown_on_exit=False,
    )
    pipeline.shutdown()
    installed = pipeline.install(
        tracer_provider=installed.tracer_provider, meter_provider=provider, instrument_gemini=False
    )
    histogram = provider.get_meter("host").create_histogram("h")
    for value in (0.0, 1.5, 3.0, 3.5, 20.0):
        histogram.record(value)
    [family] = [family for family in installed.snapshot().families if family.name == "h"]
    [point] = family.points
    assert isinstance(point, HistogramPoint)
    assert dict(zip(point.edges, point.counts, strict=False)) == {
        0.0: 1,
        1.0: 0,
        2.0: 1,
        4.0: 2,
        8.0: 0,
        16.0: 0,
        32.0: 1,
    }
    assert (point.counts[-1], sum(point.counts), point.sum) == (0, 5, 28.0)


def test_a_sum_that_can_fall_is_a_gauge(installed):
    """An up-down counter of the host's is not a counter for Prometheus."""
    installed.meter_provider.get_meter("host").create_up_down_counter("open").add(-2)
    [family] = [family for family in installed.snapshot().families if family.name == "open"]
    assert (family.kind, family.points[0].value) == ("gauge", -2)


def test_a_process_without_gemini_is_not_inactive(installed, monkeypatch):
    """The gauge of the instrumentation exists only if google-genai is imported."""
    monkeypatch.delitem(sys.modules, "google.genai", raising=False)
    assert "hydrochat.instrumentation.active" not in {family.name for family in installed.snapshot().families}


def test_the_emitted_metrics_are_those_of_semconv(installed, monkeypatch):
    """Everything that the pipeline emits is declared, with its unit, kind and attributes."""
    monkeypatch.setitem(sys.modules, "google.genai", ModuleType("google.genai"))
    with track_response_time("turn", threshold_seconds=0):
        pass
    faults.note("test")
    declared = {spec.name: spec for spec in semconv.METRICS}
    kinds = {"histogram": "histogram", "counter": "counter", "observable_counter": "counter", "gauge": "gauge"}
    seen = set()
    for family in installed.snapshot().families:
        spec = declared[family.name]
        assert (family.unit, family.kind, family.description) == (spec.unit, kinds[spec.kind], spec.description)
        for point in family.points:
            assert set(point.attributes) <= set(spec.attributes)
        seen.add(family.name)
    assert seen == {
        "hydrochat.operation.duration",
        "hydrochat.operation.violations",
        "hydrochat.operation.bad",
        "hydrochat.retention.entries",
        "hydrochat.retention.utilization_ratio",
        "hydrochat.retention.evicted",
        "hydrochat.retention.covered",
        "hydrochat.build_info",
        "hydrochat.process.start_time",
        "hydrochat.telemetry.errors",
        "hydrochat.instrumentation.active",
        "hydrochat.llm.spend",
        "hydrochat.state.workers",
    }


def test_a_forked_child_can_take_snapshots(installed):
    """A child forked while snapshots are being taken takes its own without waiting."""
    stop = threading.Event()

    def look():
        while not stop.is_set():
            installed.snapshot()

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                signal.alarm(10)  # a child that hangs fails the test instead
                with track_response_time("child"):
                    pass
                os._exit(0 if len(installed.store) >= 1 else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        looker.join()


def test_the_metrics_of_a_snapshot(installed):
    """They are those of the snapshot, as the same objects while nothing changes, and have what is recorded next."""
    metrics = installed.metrics()
    assert metrics == installed.snapshot().metrics()
    assert installed.metrics().families is metrics.families
    with track_response_time("turn"):
        pass
    [counted] = [one for one in installed.metrics().families if one.name == semconv.OPERATION_DURATION.name]
    assert [sum(point.counts) for point in counted.points] == [1]
