"""One call after which the process has measured nothing."""

from hydrochat_otel.runtime import process_globals


def reset() -> None:
    """Put everything that is global to the process back to its beginning, as between two tests.

    Shuts down the installed pipeline, and forgets the window, all counts, wrong tokens, sessions, alert watchers and
    default clients. Providers of OpenTelemetry stay as they are. Not while other threads are measured.
    """
    process_globals.reset()
