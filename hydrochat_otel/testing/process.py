"""Resets the process: afterwards it has measured nothing."""

from hydrochat_otel.runtime import process_globals


def reset() -> None:
    """Reset everything that is global to the process, as between two tests.

    Shuts down the installed pipeline, and resets the window, all counts, wrong tokens, sessions, alert watchers and
    default clients. Providers of OpenTelemetry stay unchanged. Not while other threads are measured.
    """
    process_globals.reset()
