"""Re-exports response times under the import name of the original system."""

from hydrochat_otel.instrumentation.tracked import logger
from hydrochat_otel.instrumentation.tracker import (
    get_performance_metrics,
    get_performance_summary,
    reset_performance_metrics,
    track_response_time,
)
from hydrochat_otel.window.response_times import PerformanceMetrics

__all__ = [
    "PerformanceMetrics",
    "get_performance_metrics",
    "get_performance_summary",
    "logger",
    "reset_performance_metrics",
    "track_response_time",
]
