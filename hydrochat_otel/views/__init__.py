"""Renders a snapshot as bytes: JSON, Prometheus text, history, thresholds."""
