"""The operations that were tracked, as the window and the histogram have them."""

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.tracker import (
    get_performance_metrics,
)
from hydrochat_otel.window.snapshot import HistogramPoint


def kept():
    """Return the window's facts of each operation, without times."""
    return [(row["operation"], row["error"]) for row in get_performance_metrics().response_times]


def counted(pipeline):
    """Return the number of measurements by operation and error type in the histogram."""
    return {
        tuple(sorted(point.attributes.values())): sum(point.counts)
        for point in pipeline.snapshot().points(semconv.OPERATION_DURATION)
        if isinstance(point, HistogramPoint)
    }
