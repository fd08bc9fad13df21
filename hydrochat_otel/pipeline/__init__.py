"""Joins what measures, the SDK's providers, the window and the shared state."""
