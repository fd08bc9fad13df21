"""Promises of :mod:`hydrochat_otel.window.response_times`."""

from datetime import UTC, datetime, timedelta

import pytest

from hydrochat_otel.window.response_times import PerformanceMetrics


def test_a_separate_window_is_summarised():
    """A constructed PerformanceMetrics has its own bounds and summarises only what is added to it."""
    metrics = PerformanceMetrics(max_entries=4, ttl_hours=1)
    now = datetime.now(UTC)
    for duration in (9.0, 1.0, 2.0, 3.0, 4.0):
        metrics.add_response_time("op", duration, now, exceeded_threshold=duration > 2)
    metrics.add_response_time("op", 8.0, now - timedelta(hours=2), True, "ValueError")
    assert (metrics.max_entries, metrics.ttl_hours) == (4, 1)
    assert metrics.get_summary() == {
        "metrics_count": 4,
        "total_operations": 4,
        "avg_response_time": 2.5,
        "max_response_time": 4.0,
        "min_response_time": 1.0,
        "p50_response_time": 2.5,
        "p95_response_time": pytest.approx(3.85),
        "p99_response_time": pytest.approx(3.97),
        "threshold_violations": 2,
        "violation_rate": 0.5,
        "errors": 0,
    }
    metrics.reset()
    assert metrics.response_times == []
