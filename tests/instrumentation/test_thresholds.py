"""Promises of :mod:`hydrochat_otel.instrumentation.tracker` on thresholds, clocks, summaries and threads."""

import logging
import threading
from datetime import UTC, datetime

import pytest
from instrumentation.tracked_readings import counted, kept

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.tracker import (
    get_performance_metrics,
    get_performance_summary,
    reset_performance_metrics,
    track_response_time,
)
from hydrochat_otel.runtime import failures


@track_response_time("plain")
def plain(value):
    return value


def slow_operation(monkeypatch, duration_s, **arguments):
    """Run an operation whose clock says that it took the given time."""
    ticks = iter([0, int(duration_s * 1e9)])
    monkeypatch.setattr("hydrochat_otel.instrumentation.operation.time.perf_counter_ns", lambda: next(ticks))
    with track_response_time("slow", **arguments):
        pass
    monkeypatch.undo()


@pytest.mark.parametrize(("duration_s", "violations"), [(1.999, 0), (2.0, 0), (2.001, 1)])
def test_only_strictly_above_the_threshold_is_a_violation(installed, monkeypatch, duration_s, violations):
    """Exactly 2.0 s is in time; a nanosecond more is counted in window and metrics."""
    slow_operation(monkeypatch, duration_s)
    assert get_performance_summary()["threshold_violations"] == violations
    assert installed.snapshot().total(semconv.OPERATION_VIOLATIONS) == violations


def test_the_warning_is_the_contracts(installed, monkeypatch, caplog):
    """A violation logs one warning with this text; no violation logs none."""
    with caplog.at_level(logging.DEBUG, "hydrochat_otel.performance"):
        slow_operation(monkeypatch, 0.1)
        slow_operation(monkeypatch, 2.1)
        slow_operation(monkeypatch, 0.2, threshold_seconds=0.1)
    assert [record.getMessage() for record in caplog.records] == [
        "⚠️ [PERFORMANCE] Response time 2.10s exceeds 2.0s threshold for operation: slow",
        "⚠️ [PERFORMANCE] Response time 0.20s exceeds 0.1s threshold for operation: slow",
    ]


def test_the_threshold_comes_from_the_settings(install, monkeypatch):
    """`HYDROCHAT_RESPONSE_TIME_THRESHOLD` is the threshold of operations that state none."""
    install(response_time_threshold_s=0.5)
    slow_operation(monkeypatch, 0.6)
    assert get_performance_summary()["threshold_violations"] == 1


def test_a_clock_that_jumps_does_not_change_a_duration(installed, exported, monkeypatch):
    """Setting the wall clock back during an operation does not change its duration or its span's."""
    walls = iter([2_000_000_000_000_000_000, 1_000_000_000_000_000_000])
    monkeypatch.setattr("hydrochat_otel.instrumentation.operation.time.time_ns", lambda: next(walls))
    slow_operation(monkeypatch, 1.5)
    [span] = exported.get_finished_spans()
    assert span.end_time - span.start_time == 1_500_000_000
    assert get_performance_metrics().response_times[0]["duration"] == 1.5


def test_an_empty_summary_is_zeros(installed):
    """Nothing measured gives zeros and no exception."""
    assert get_performance_summary() == {
        "metrics_count": 0,
        "total_operations": 0,
        "avg_response_time": 0.0,
        "max_response_time": 0.0,
        "min_response_time": 0.0,
        "p50_response_time": 0.0,
        "p95_response_time": 0.0,
        "p99_response_time": 0.0,
        "threshold_violations": 0,
        "violation_rate": 0.0,
        "errors": 0,
    }


def test_what_was_measured_elsewhere_reaches_window_and_metrics(installed):
    """add_response_time() on the pipeline's window counts in the histogram as well."""
    get_performance_metrics().add_response_time("batch", 3.0, datetime.now(UTC), True, "TimeoutError")
    assert kept() == [("batch", "TimeoutError")]
    assert counted(installed) == {("TimeoutError", "batch", "root"): 1}
    assert installed.snapshot().total(semconv.OPERATION_VIOLATIONS) == 1


def test_reset_forgets_the_window_but_no_counter(installed):
    """After a reset the window is empty and the counters stand where they stood."""
    plain(1)
    reset_performance_metrics()
    assert get_performance_summary()["metrics_count"] == 0
    assert counted(installed) == {("plain", "root"): 1}


@pytest.mark.thorough
def test_sixteen_threads_lose_nothing(installed):
    """16 x 10 000 tracked calls: counts exact, exactly the newest 1000 kept, no exception, no failure."""

    def work():
        for _ in range(10_000):
            plain(1)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(installed) == {("plain", "root"): 160_000}
    assert len(get_performance_metrics().response_times) == 1000
    assert installed.store.evicted() == {"capacity": 159_000, "age": 0}
    assert failures.counts() == {}
