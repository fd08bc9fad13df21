"""Door to the window, under the import name of the original system."""

from hydrochat_otel.window.window import MetricsStore, get_global_metrics_store, reset_global_metrics_store

__all__ = ["MetricsStore", "get_global_metrics_store", "reset_global_metrics_store"]
