"""The pipeline of the process: installed once, found by everything that reads, and shut down."""

import dataclasses
import logging
import os
from typing import Final, Unpack

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.options import SettingsOptions
from hydrochat_otel.pipeline import start_warnings
from hydrochat_otel.pipeline.assembly import Pipeline, PipelineError
from hydrochat_otel.runtime import failures, process_globals, safe_log
from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.sdk import gauges, providers
from hydrochat_otel.settings import Settings, SettingsError

logger: Final = logging.getLogger("hydrochat_otel")


class _Process:
    def __init__(self) -> None:
        self.lock = ForkLock(reentrant=True)
        self.pipeline: Pipeline | None = None
        self.has_warned = False


_process: Final = _Process()


def install(
    settings: Settings | None = None,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    **overrides: Unpack[SettingsOptions],
) -> Pipeline:
    """Install the pipeline in the process and return it; a second call returns the same one.

    Missing providers are the process's global ones; if none are set, they are made and set.

    Args:
        settings: A whole record; by default it is read from Django's settings and the environment.
        tracer_provider: The SDK's provider that makes the spans.
        meter_provider: The SDK's provider that collects the metrics.
        overrides: Single settings by field name of :class:`Settings`, for instance ``max_entries=200``.

    Raises:
        SettingsError: A setting is invalid, or both `settings` and overrides are given.
        PipelineError: The library that the shared state needs is not installed, or this system cannot share.
    """
    if settings is not None and overrides:
        raise SettingsError(f"{min(overrides)} is given together with a settings record: give only one of the two.")
    settings = settings or Settings.load(**overrides)
    with _process.lock:
        current_one = _process.pipeline
        if current_one is not None and current_one.provisional:
            if not current_one.settings.instrument_gemini:  # the environment of the process decides
                settings = dataclasses.replace(settings, instrument_gemini=False)
            current_one.provisional = settings != current_one.settings
        if current_one is not None and not (current_one.implicit or current_one.provisional):
            if settings != current_one.settings:
                safe_log.warning(
                    logger, "Already installed with other settings, which stay; call shutdown() first to change them."
                )
            return current_one
        tracer_provider = tracer_provider or providers.tracer_provider(claim=True)
        readable = providers.meter_provider(claim=True, given=meter_provider)
        made = Pipeline(settings, tracer_provider, readable, released=_release)
        if current_one is not None:
            current_one.shutdown()
        return _start(made)


def install_provisionally(**overrides: Unpack[SettingsOptions]) -> Pipeline:
    """Install before the application begins; its own :func:`install` with other settings replaces this one.

    Raises:
        SettingsError: As :func:`install`.
        PipelineError: As :func:`install`.
    """
    made = install(**overrides)
    made.provisional = True
    return made


def install_on_first_use() -> None:
    """Install for a process that tracks without having called :func:`install`; does not set global providers.

    It uses global providers that the process has. An invalid setting is logged in one sentence, and the process
    continues without recording.
    """
    with _process.lock:
        if _process.pipeline is not None:
            return
        try:
            _start(Pipeline(Settings.load(), *providers.find_or_make(claim=False), released=_release, implicit=True))
        except (SettingsError, PipelineError) as error:
            failures.note("install", error)
            safe_log.error(logger, "%s Recording is disabled until this is fixed.", error)


def current() -> Pipeline:
    """Return the installed pipeline.

    Raises:
        PipelineError: None is installed.
    """
    pipeline = _process.pipeline
    if pipeline is None:
        raise PipelineError("No pipeline is installed: call hydrochat_otel.install() at the start of the process.")
    return pipeline


def shutdown() -> None:
    """Undo :func:`install`; does nothing if nothing is installed."""
    with _process.lock:
        if (pipeline := _process.pipeline) is not None:
            pipeline.shutdown()
            _release(pipeline)  # also if its end takes longer


def _release(pipeline: Pipeline) -> None:
    """Make the pipeline the process's no longer, if it is."""
    instruments.unbind(pipeline.instruments)
    if _process.pipeline is pipeline:
        gauges.look_at(None)
        _process.pipeline = None


def _forget() -> None:
    shutdown()
    _process.has_warned = False


process_globals.register("pipeline", _forget, first=True)


def _start(pipeline: Pipeline) -> Pipeline:
    if not _process.has_warned:
        _process.has_warned = True
        for sentence in start_warnings.sentences(os.environ, pipeline.settings, pipeline.service_name()):
            safe_log.warning(logger, "%s", sentence)
    pipeline.start()
    instruments.bind(pipeline.instruments)
    gauges.look_at(pipeline)
    _process.pipeline = pipeline
    return pipeline
