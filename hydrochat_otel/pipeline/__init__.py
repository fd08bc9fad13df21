"""Joins the write side, the SDK's providers, the window and the shared state."""
