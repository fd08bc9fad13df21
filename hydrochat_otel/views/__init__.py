"""Snapshot to bytes: JSON, Prometheus text, history, thresholds."""
