"""Finds out whether the telemetry works: one small function per check, one finding per line, each with its remedy."""
