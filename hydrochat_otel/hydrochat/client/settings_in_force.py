"""The settings for calls to Gemini, found without ever raising into a chat turn."""

import logging
from typing import Final

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.pipeline.assembly import PipelineError
from hydrochat_otel.runtime import process_globals, safe_log
from hydrochat_otel.settings import Settings, SettingsError

logger: Final = logging.getLogger("hydrochat_otel.gemini_client_v2")


def settings_in_force() -> Settings:
    """Return the settings in force; if one of them is invalid, one warning says so and the defaults apply."""
    try:
        return pipeline.current().settings
    except PipelineError:
        pass
    try:
        return Settings.load()
    except SettingsError as error:
        warn_once("settings", f"{error} Gemini is used with the default settings, without a key.")
        return Settings()


_warned: Final[set[str]] = set()
process_globals.register("warnings of the Gemini client", _warned.clear)


def warn_once(subject: str, sentence: str) -> None:
    """Log a warning unless one about the same subject was logged before."""
    if subject not in _warned:
        _warned.add(subject)
        safe_log.warning(logger, "%s", sentence)
