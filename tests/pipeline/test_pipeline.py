"""Promises of :mod:`hydrochat_otel.pipeline.pipeline`, :mod:`reader`, :mod:`snapshot` and :mod:`instruments`."""

import json
import os
import signal
import subprocess
import sys
import threading
from types import ModuleType

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import hydrochat_otel
from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.pipeline import PipelineError
from hydrochat_otel.runtime import failures as faults
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.window.snapshot import HistogramPoint


def fresh_process(code, **environment):
    """Run code in a new interpreter and return what it printed, as JSON."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def durations(snapshot):
    return [
        (dict(point.attributes), sum(point.counts), point.sum) for point in snapshot.points(semconv.OPERATION_DURATION)
    ]


def test_a_second_install_returns_the_first(installed, caplog):
    """Installing twice joins once; other settings are refused with one sentence and stay as they were."""
    assert hydrochat_otel.install(installed.settings) is installed
    assert caplog.messages == []
    assert hydrochat_otel.install(max_entries=5) is installed
    assert caplog.messages == [
        "Already installed with other settings, which stay; call shutdown() first to change them."
    ]
    assert (hydrochat_otel.current(), installed.store.max_entries) == (installed, 1000)


def test_nothing_installed_is_told():
    """current() without an install says what to call; shutdown() does nothing."""
    pipeline.shutdown()
    with pytest.raises(PipelineError, match=r"call hydrochat_otel.install\(\) at the start"):
        pipeline.current()


def test_bad_settings_stop_the_install(monkeypatch):
    """A setting that is not allowed raises from install(), and nothing is installed."""
    monkeypatch.setenv("METRICS_MAX_ENTRIES", "abc")
    with pytest.raises(SettingsError, match="METRICS_MAX_ENTRIES='abc' is not allowed"):
        pipeline.install()
    with pytest.raises(SettingsError, match="max_entries is given together with a settings record"):
        pipeline.install(Settings.load({}), max_entries=3)
    with pytest.raises(PipelineError):
        pipeline.current()


def test_it_can_be_undone_and_installed_again(installed):
    """After shutdown() calls run untraced, the window stays readable, and a new install counts on."""
    with track_response_time("first"):
        pass
    pipeline.shutdown()
    with track_response_time("between"):
        pass
    again = pipeline.install(
        tracer_provider=installed.tracer_provider, meter_provider=installed.meter_provider, instrument_gemini=False
    )
    with track_response_time("second"):
        pass
    assert [row["operation"] for row in again.store.entries] == ["first", "second"]
    assert {labels["hydrochat.operation"]: count for labels, count, _ in durations(again.snapshot())} == {"second": 1}


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
    failures, stop = [], threading.Event()

    def write():
        while not stop.is_set():
            with track_response_time("turn"):
                pass

    def look():
        last = 0
        for _ in range(30):
            rows = durations(installed.snapshot())
            if len(rows) != 1 or rows[0][1] < last:
                failures.append(rows)
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
    assert failures == []


def test_the_snapshot_speaks_of_the_resource(install):
    """The resource's attributes arrive as text."""
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
    """An up-down counter of the host's is no counter for Prometheus."""
    installed.meter_provider.get_meter("host").create_up_down_counter("open").add(-2)
    [family] = [family for family in installed.snapshot().families if family.name == "open"]
    assert (family.kind, family.points[0].value) == ("gauge", -2)


def test_a_process_without_gemini_is_not_inactive(installed, monkeypatch):
    """The gauge of the instrumentation is there only where google-genai is imported."""
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


def test_the_providers_of_the_process_are_made_and_set():
    """In a fresh process install() makes and sets the global providers; a later one is adopted by the next install."""
    code = """
import json, hydrochat_otel
from opentelemetry import metrics, trace
p = hydrochat_otel.install(instrument_gemini=False)
first = [trace.get_tracer_provider() is p.tracer_provider, metrics.get_meter_provider() is p.meter_provider]
hydrochat_otel.shutdown()
q = hydrochat_otel.install(instrument_gemini=False)
print(json.dumps(first + [q is not p, q.tracer_provider is p.tracer_provider]))
"""
    assert fresh_process(code) == [True, True, True, True]


def test_the_first_tracked_call_installs_and_leaves_the_globals_alone():
    """A service that only changed its imports is measured; the global providers stay free for the host to set."""
    code = """
import json
from hydrochat_otel.performance import track_response_time, get_performance_metrics
from opentelemetry import trace
track_response_time("turn")(lambda: 1)()
rows = get_performance_metrics().response_times
import hydrochat_otel
implicit = hydrochat_otel.current()
explicit = hydrochat_otel.install(max_entries=3)
track_response_time("turn")(lambda: 1)()
print(json.dumps([
    [row["operation"] for row in rows], implicit.implicit, explicit.implicit,
    trace.get_tracer_provider() is explicit.tracer_provider, len(explicit.store), explicit.store.max_entries,
]))
"""
    assert fresh_process(code) == [["turn"], True, False, True, 2, 3]


def test_bad_settings_do_not_break_the_first_tracked_call():
    """Without an install() a bad setting is logged in one sentence and the application's calls work."""
    code = """
import json, logging
records = []
handler = logging.Handler()
handler.emit = lambda record: records.append(record.getMessage())
logging.getLogger("hydrochat_otel").addHandler(handler)
from hydrochat_otel.performance import track_response_time
result = [track_response_time("turn")(lambda: 1)() for _ in range(3)]
print(json.dumps([result, records[-1]]))
"""
    assert fresh_process(code, METRICS_MAX_ENTRIES="-5") == [
        [1, 1, 1],
        (
            "METRICS_MAX_ENTRIES='-5' is not allowed: it must be a whole number of at least 1. "
            "Recording is disabled until this is fixed."
        ),
    ]


def test_without_an_sdk_calls_work_and_nothing_grows(monkeypatch):
    """Where no pipeline is bound, operations run on the API's no-op providers."""
    assert isinstance(instruments.current(), instruments.Instruments)
    with track_response_time("turn"):
        assert not trace.get_current_span().is_recording()


def test_a_broken_tracer_does_not_reach_the_application(installed, monkeypatch):
    """A host's sampler or processor that raises costs the span, and is counted, but the call and its metric live."""

    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(installed.instruments, "tracer", type("T", (), {"start_span": fail}))
    with track_response_time("turn"):
        pass
    assert faults.counts() == {"operation.start": 1}
    assert [count for _, count, _ in durations(installed.snapshot())] == [1]


def test_a_forked_child_can_take_snapshots(installed):
    """A child forked while snapshots are being taken takes its own without waiting for anybody."""
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


def test_importing_is_cheap_and_brings_no_client_library():
    """`import hydrochat_otel` loads neither google.genai nor langgraph, Django, redis or the SDK."""
    code = """
import json, sys
import hydrochat_otel
heavy = ("google.genai", "langgraph", "django", "redis", "opentelemetry.sdk", "genai_prices", "waitress", "rich")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    assert fresh_process(code) == []


def test_exit_loses_nothing(tmp_path):
    """A script that ends right after its last call has exported every measurement."""
    code = """
import json, hydrochat_otel
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
exporter = ConsoleMetricExporter(formatter=lambda data: json.dumps([
    point.count for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics
    if m.name == "hydrochat.operation.duration" for point in m.data.data_points]))
provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=3600_000)])
hydrochat_otel.install(meter_provider=provider, instrument_gemini=False)
for _ in range(1000):
    with hydrochat_otel.track_response_time("turn"):
        pass
"""
    assert fresh_process(code) == [1000]
