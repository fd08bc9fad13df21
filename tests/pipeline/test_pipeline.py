"""Promises of :mod:`hydrochat_otel.pipeline.pipeline`: how a process joins it, and how that is undone."""

import json
import os
import subprocess
import sys

import pytest
from opentelemetry import trace
from pipeline.readings import durations

import hydrochat_otel
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.runtime import failures as faults
from hydrochat_otel.settings import Settings, SettingsError


def fresh_process(code, **environment):
    """Run code in a new interpreter and return what it printed, as JSON."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_second_install_returns_the_first(installed, caplog):
    """A second install changes nothing; other settings are refused with one sentence."""
    assert hydrochat_otel.install(installed.settings) is installed
    assert caplog.messages == []
    assert hydrochat_otel.install(max_entries=5) is installed
    assert caplog.messages == [
        "Already installed with other settings, which stay; call shutdown() first to change them."
    ]
    assert (hydrochat_otel.current(), installed.store.max_entries) == (installed, 1000)


def test_a_missing_install_is_one_sentence():
    """current() without an install says what to call; shutdown() does nothing."""
    pipeline.shutdown()
    with pytest.raises(PipelineError, match=r"call hydrochat_otel.install\(\) at the start"):
        pipeline.current()


def test_bad_settings_stop_the_install(monkeypatch):
    """An invalid setting raises from install(), and nothing is installed."""
    monkeypatch.setenv("METRICS_MAX_ENTRIES", "abc")
    with pytest.raises(SettingsError, match="METRICS_MAX_ENTRIES='abc' is not allowed"):
        pipeline.install()
    with pytest.raises(SettingsError, match="max_entries is given together with a settings record"):
        pipeline.install(Settings.load({}), max_entries=3)
    with pytest.raises(PipelineError):
        pipeline.current()


def test_it_can_be_undone_and_installed_again(installed):
    """After shutdown() calls run untraced, the window stays readable, and a new install continues the counts."""
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


FIRST = {
    "the first tracked call": "track_response_time('early')(int)()",
    "auto-instrumentation": "pipeline.install_provisionally(instrument_gemini=False)",
    "a pipeline that was shut down": "hydrochat_otel.install(); hydrochat_otel.shutdown(); "
    "first_use.on_first_use(pipeline.install_on_first_use); track_response_time('early')(int)()",
}


@pytest.mark.parametrize("readers", ["[]", "[SnapshotReader()]"], ids=["no reader", "a reader of the environment"])
@pytest.mark.parametrize("first", FIRST)
def test_a_pipeline_that_replaces_another_one_counts(first, readers):
    """On the host's own providers, which both use: the metrics are read by the one that is installed."""
    code = f"""
import json
import hydrochat_otel
from hydrochat_otel import semconv, track_response_time
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime import first_use
from hydrochat_otel.sdk.reader import SnapshotReader
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
metrics.set_meter_provider(MeterProvider({readers}))
{FIRST[first]}
before = hydrochat_otel.current()
installed = hydrochat_otel.install(max_entries=30, instrument_gemini=False)
track_response_time("turn")(int)()
points = installed.snapshot().points(semconv.OPERATION_DURATION)
print(json.dumps([
    installed is before,
    installed.meter_provider is metrics.get_meter_provider(),
    [sum(one.counts) for one in points if "turn" in dict(one.attributes).values()],
]))
"""
    assert fresh_process(code) == [False, True, [1]]


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
    """Without a pipeline, operations run on the API's no-op providers."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)  # a process keeps the first one for good
    assert isinstance(instruments.current(), instruments.Instruments)
    with track_response_time("turn"):
        assert not trace.get_current_span().is_recording()


def test_a_broken_tracer_does_not_reach_the_application(installed, monkeypatch):
    """A host's sampler or processor that raises costs the span, and is counted, but the call and its metric work."""

    def fail(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(installed.instruments, "tracer", type("T", (), {"start_span": fail}))
    with track_response_time("turn"):
        pass
    assert track_response_time("turn")(lambda: 7)() == 7
    assert faults.counts() == {"operation.start": 2}
    assert [count for _, count, _ in durations(installed.snapshot())] == [2]


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
