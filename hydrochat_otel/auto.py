"""The entry point for ``opentelemetry-instrument``: the pipeline without a line of code."""

import logging

from hydrochat_otel import faults, pipeline

logger = logging.getLogger("hydrochat_otel")


def pre_instrument() -> None:
    """Install the pipeline, after the distro and its configurator have set the providers; never raises.

    What cannot be installed is logged in one sentence and the application starts: an exception here would take all
    other instrumentations with it.
    """
    try:
        pipeline.install()
    except Exception as error:
        faults.note("auto", error)
        logger.error("%s The application starts without hydrochat_otel.", error)  # noqa: TRY400 - one sentence, no trace
