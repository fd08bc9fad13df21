"""Re-exports the window under the import name of the original system."""

from hydrochat_otel.window.store import MetricsStore
from hydrochat_otel.window.window import get_global_metrics_store, reset_global_metrics_store

__all__ = ["MetricsStore", "get_global_metrics_store", "reset_global_metrics_store"]
