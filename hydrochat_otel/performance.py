"""Door to response times, under the import name of the original system."""

from hydrochat_otel.instrumentation.tracker import (
    PerformanceMetrics,
    get_performance_metrics,
    get_performance_summary,
    logger,
    reset_performance_metrics,
    track_response_time,
)

__all__ = [
    "PerformanceMetrics",
    "get_performance_metrics",
    "get_performance_summary",
    "logger",
    "reset_performance_metrics",
    "track_response_time",
]
