"""Shared state in Redis, for several hosts."""
