"""The pipeline: joins the write side, the SDK's providers, the retained window and the shared state.

:meth:`Pipeline.snapshot` is the one picture of the whole, from which every surface is rendered.
"""

import atexit
import dataclasses
import logging
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from hydrochat_otel import semconv
from hydrochat_otel.fleet.backend import StateError
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.gemini import GeminiInstrumentor
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.pipeline.snapshots import Pictures
from hydrochat_otel.prices.budget import Spending
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk import gauges, providers
from hydrochat_otel.sdk.providers import ProviderError, Providers
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.window import window
from hydrochat_otel.window.snapshot import Budget, Snapshot
from hydrochat_otel.window.window import MetricsStore

logger: Final = logging.getLogger("hydrochat_otel")


class PipelineError(RuntimeError):
    """The pipeline cannot be joined to the process's providers; the message says why and what to do."""


class Pipeline:
    """Providers, instruments, retained window, shared state and instrumentations that belong together.

    Made by :func:`install`. All methods may be called from any thread.

    Attributes:
        settings: What it was made with.
        tracer_provider: Where its spans come from; the process's own one if there was one.
        meter_provider: The same for metrics.
        instrumentor: Patches the google-genai SDK.
        implicit: Whether the first tracked call made it, because nobody had called :func:`install`.
        provisional: Whether auto-instrumentation made it, before the application could say with which settings.
    """

    def __init__(
        self,
        settings: Settings,
        tracer_provider: TracerProvider,
        meter_provider: MeterProvider,
        *,
        implicit: bool = False,
    ) -> None:
        self.settings = settings
        self.tracer_provider = tracer_provider
        self.meter_provider = meter_provider
        self.implicit = implicit
        self.provisional = False
        self.instrumentor = GeminiInstrumentor(settings.prices_file)
        self._providers = Providers(tracer_provider, meter_provider)
        spending = Spending(settings.budget_timezone)
        self._pictures = Pictures(settings, self._providers, spending)
        self._closed = False
        meter = meter_provider.get_meter(semconv.SCOPE)
        self.instruments = Instruments(
            tracer_provider.get_tracer(semconv.SCOPE),
            meter,
            response_time_threshold_s=settings.response_time_threshold_s,
            max_operations=settings.max_operations,
            queue_capacity=settings.queue_capacity,
            spending=spending,
        )
        gauges.create(meter)

    @property
    def store(self) -> MetricsStore:
        """The retained window of this process; it has one."""
        return window.get_global_metrics_store()

    def start(self) -> None:
        """Join everything; called once, by :func:`install`."""
        self._providers.processor.active = True
        self._providers.processor.retain_other_spans = self.settings.retain_other_spans
        self._providers.add_reader()
        self._size_store()
        self.instruments.queue.start()
        if self.settings.instrument_gemini:
            self.instrumentor.instrument()
        self._pictures.publisher.start()
        _register_fork_hooks(self)
        atexit.register(self._leave)

    def snapshot(self, *, fresh: bool = True) -> Snapshot:
        """Take one picture of the metrics and the retained window, of all processes that share their state.

        Milliseconds on the calling thread in memory; with a shared state one exchange with it, a second or two at most.
        Where the state cannot be used, the others' numbers are the last known ones, and `sharing.problem` says so.

        Args:
            fresh: Whether to ask the shared state. If not, the others' numbers are those read last, seconds old, and
                nothing is waited for: what the application's own code calls.
        """
        return self._pictures.take() if fresh else self._pictures.take_known()

    def pushes_to(self) -> str | None:
        """Return the name of the exporter that pushes this process's metrics; None where they wait to be scraped."""
        return self._providers.pushes_to()

    def force_flush(self) -> None:
        """Feed everything that waits to the instruments and let the providers export it."""
        self.instruments.queue.drain()
        self._pictures.publisher.publish()
        self.tracer_provider.force_flush()
        self.meter_provider.force_flush()

    def shutdown(self) -> None:
        """Undo :meth:`start`: nothing is lost, the SDK is unpatched, the providers stay as they were found.

        What the retained window holds stays there. A second call does nothing.
        """
        if self._closed:
            return
        self._closed = True
        self.instrumentor.uninstrument()
        self._leave()
        atexit.unregister(self._leave)
        self._providers.processor.active = False
        self._providers.remove_reader()

    def spent(self) -> Budget:
        """Return what all processes have spent, as far as this one knows; waits for nothing and collects nothing."""
        return self._pictures.spent()

    def workers(self) -> int:
        """Return how many processes reported lately, as far as this one knows."""
        return self._pictures.workers()

    def _leave(self) -> None:
        self.instruments.queue.stop()
        self._pictures.publisher.stop()

    def _size_store(self) -> None:
        settings = self.settings
        wanted = (settings.max_entries, settings.ttl_hours, settings.cleanup_interval_minutes)
        store = self.store
        if (store.max_entries, store.ttl_hours, store.cleanup_interval_minutes) != wanted:
            entries, hours, minutes = wanted
            window.use_global_metrics_store(MetricsStore(entries, hours, cleanup_interval_minutes=minutes))

    # -- forks -----------------------------------------------------------------------------------------------------
    # Locks are taken in the order in which an exchange takes them: its turn, the picture's, the SDK's.

    def before_fork(self) -> None:
        """Let nothing be half done in the child: no exchange, no picture, no collection."""
        self._pictures.before_fork()
        self._providers.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._providers.after_fork_in_parent()
        self._pictures.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        """Start at zero, as a process of its own: what was measured before is the parent's, which tells it itself."""
        self._providers.after_fork_in_child()
        self.store.forget_parent()
        self.instruments.spending.reset()
        failures.forget_parent()
        self._pictures.after_fork_in_child()


# -- the process's pipeline ---------------------------------------------------------------------------------------


class _Process:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.pipeline: Pipeline | None = None


_process: Final = _Process()


def install(
    settings: Settings | None = None,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    **overrides: Any,
) -> Pipeline:
    """Join the process to the pipeline and return it; a second call returns the same one.

    Providers that are not given are the process's global ones; where none was set yet, they are made and set.

    Args:
        settings: A whole record; by default it is read from Django's settings and the environment.
        tracer_provider: The SDK's provider that makes the spans.
        meter_provider: The SDK's provider that collects the metrics.
        overrides: Single settings by field name of :class:`Settings`, for instance ``max_entries=200``.

    Raises:
        SettingsError: A setting is not allowed, or both `settings` and overrides are given.
        PipelineError: The process's global provider is not one of the OpenTelemetry SDK, or the library that the
            shared state needs is not installed.
    """
    if settings is not None and overrides:
        raise SettingsError(f"{min(overrides)} is given beside a whole settings record: give one of the two.")
    settings = settings or Settings.load(**overrides)
    with _process.lock:
        current_one = _process.pipeline
        if current_one is not None and current_one.provisional:
            if not current_one.settings.instrument_gemini:  # who starts the process has the last word
                settings = dataclasses.replace(settings, instrument_gemini=False)
            current_one.provisional = settings != current_one.settings
        if current_one is not None and not (current_one.implicit or current_one.provisional):
            if settings != current_one.settings:
                logger.warning(
                    "Already installed with other settings, which stay; call shutdown() first to change them."
                )
            return current_one
        try:
            tracer_provider = tracer_provider or providers.tracer_provider(claim=True)
            meter_provider = meter_provider or providers.meter_provider(claim=True)
        except ProviderError as error:
            raise PipelineError(str(error)) from None
        made = _make(settings, tracer_provider, meter_provider)
        if current_one is not None:
            current_one.shutdown()
        return _start(made)


def install_provisionally(**overrides: Any) -> Pipeline:
    """Install before the application begins; its own :func:`install` with other settings takes the place of this one.

    Raises:
        SettingsError: As :func:`install`.
        PipelineError: As :func:`install`.
    """
    made = install(**overrides)
    made.provisional = True
    return made


def install_on_first_use() -> None:
    """Install for a process that tracks without having called :func:`install`; global providers stay unset.

    Global providers that the process has are joined. A setting that is not allowed is logged in one sentence, and the
    process goes on without retained metrics.
    """
    with _process.lock:
        if _process.pipeline is not None:
            return
        try:
            _start(_make(Settings.load(), *providers.find_or_make(claim=False), implicit=True))
        except (SettingsError, ProviderError, PipelineError) as error:
            failures.note("install", error)
            logger.error("%s Nothing is recorded until this is mended.", error)  # noqa: TRY400 - one sentence, no trace


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
    """Undo :func:`install`; does nothing where nothing is installed."""
    with _process.lock:
        pipeline, _process.pipeline = _process.pipeline, None
        if pipeline is not None:
            instruments.bind(None)
            pipeline.shutdown()
            gauges.look_at(None)


def _make(
    settings: Settings, tracer_provider: TracerProvider, meter_provider: MeterProvider, *, implicit: bool = False
) -> Pipeline:
    try:
        return Pipeline(settings, tracer_provider, meter_provider, implicit=implicit)
    except StateError as error:
        raise PipelineError(str(error)) from None


def _start(pipeline: Pipeline) -> Pipeline:
    pipeline.start()
    instruments.bind(pipeline.instruments)
    gauges.look_at(pipeline)
    _process.pipeline = pipeline
    return pipeline


# -- forks --------------------------------------------------------------------------------------------------------


def _register_fork_hooks(pipeline: Pipeline) -> None:
    """Let the pipeline know of forks while it is the installed one.

    Registered when it starts: after the hooks of the SDK's providers, so that in the child ours come after theirs, and
    after the queue's, so that before a fork the queue is drained when nobody collects any more.
    """
    known = weakref.ref(pipeline)

    def when_installed(step: Callable[[Pipeline], None]) -> Callable[[], None]:
        def run() -> None:
            installed = known()
            if installed is not None and installed is _process.pipeline:
                try:
                    step(installed)
                except Exception as error:  # a fork of the application's must not fail because of us
                    failures.note("fork", error)

        return run

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=when_installed(Pipeline.before_fork),
            after_in_parent=when_installed(Pipeline.after_fork_in_parent),
            after_in_child=when_installed(Pipeline.after_fork_in_child),
        )


def _new_lock() -> None:
    _process.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)
