"""The pipeline: joins the write side, the SDK's providers and the retained window, and takes snapshots of the whole.

This and the two modules it joins (:mod:`reader`, :mod:`retention`) are the only places that know the SDK.
"""

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any, Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from hydrochat_otel import faults, instruments, metrics_store, semconv
from hydrochat_otel.google_genai import GeminiInstrumentor
from hydrochat_otel.instruments import Instruments
from hydrochat_otel.metrics_store import MetricsStore
from hydrochat_otel.reader import SnapshotReader
from hydrochat_otel.retention import RetentionSpanProcessor
from hydrochat_otel.sampling import RetainingSampler
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.snapshot import Retention, Snapshot

logger: Final = logging.getLogger("hydrochat_otel")


class PipelineError(RuntimeError):
    """The pipeline cannot be joined to the process's providers; the message says why and what to do."""


class Pipeline:
    """Providers, instruments, retained window and instrumentations that belong together.

    Made by :func:`install`. All methods may be called from any thread.

    Attributes:
        settings: What it was made with.
        tracer_provider: Where its spans come from; the process's own one if there was one.
        meter_provider: The same for metrics.
        instrumentor: Patches the google-genai SDK.
        implicit: Whether the first tracked call made it, because nobody had called :func:`install`.
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
        self.instrumentor = GeminiInstrumentor(settings.prices_file)
        self._processor = _processor_of(tracer_provider)
        self._reader = SnapshotReader()
        self._lock = threading.Lock()
        self._closed = False
        meter = meter_provider.get_meter(semconv.SCOPE)
        self.instruments = Instruments(
            tracer_provider.get_tracer(semconv.SCOPE),
            meter,
            response_time_threshold_s=settings.response_time_threshold_s,
            max_operations=settings.max_operations,
            queue_capacity=settings.queue_capacity,
        )
        _create_observables(meter)

    @property
    def store(self) -> MetricsStore:
        """The retained window; the process has one."""
        return metrics_store.get_global_metrics_store()

    def start(self) -> None:
        """Join everything; called once, by :func:`install`."""
        self._processor.active = True
        self._processor.retain_other_spans = self.settings.retain_other_spans
        self.meter_provider.add_metric_reader(self._reader)
        self._size_store()
        self.instruments.queue.start()
        if self.settings.instrument_gemini:
            self.instrumentor.instrument()
        atexit.register(self.instruments.queue.stop)

    def snapshot(self) -> Snapshot:
        """Take one picture of the metrics and the retained window; milliseconds, on the calling thread."""
        with self._lock:
            families, resource = self._reader.read()
            entries = tuple(self.store.live_entries())
            statistics = self.store.get_statistics()
            unix_s = time.time()
        return Snapshot(
            unix_s=unix_s,
            resource=resource,
            families=families,
            entries=entries,
            retention=Retention(
                max_entries=statistics["max_entries"],
                ttl_hours=statistics["ttl_hours"],
                current_entries=statistics["total_entries"],
                storage_utilization_percent=statistics["storage_utilization_percent"],
            ),
        )

    def force_flush(self) -> None:
        """Feed everything that waits to the instruments and let the providers export it."""
        self.instruments.queue.drain()
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
        self.instruments.queue.stop()
        atexit.unregister(self.instruments.queue.stop)
        self._processor.active = False
        self.meter_provider.remove_metric_reader(self._reader)

    def _size_store(self) -> None:
        settings = self.settings
        wanted = (settings.max_entries, settings.ttl_hours, settings.cleanup_interval_minutes)
        store = self.store
        if (store.max_entries, store.ttl_hours, store.cleanup_interval_minutes) != wanted:
            entries, hours, minutes = wanted
            metrics_store.use_global_metrics_store(MetricsStore(entries, hours, cleanup_interval_minutes=minutes))

    def _after_fork_in_child(self) -> None:
        self._lock = threading.Lock()
        self._reader.renew_lock_after_fork()


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
        PipelineError: The process's global provider is not one of the OpenTelemetry SDK.
    """
    if settings is not None and overrides:
        raise SettingsError(f"{min(overrides)} is given beside a whole settings record: give one of the two.")
    settings = settings or Settings.load(**overrides)
    with _process.lock:
        current_one = _process.pipeline
        if current_one is not None and not current_one.implicit:
            if settings != current_one.settings:
                logger.warning(
                    "Already installed with other settings, which stay; call shutdown() first to change them."
                )
            return current_one
        tracer_provider = tracer_provider or _tracer_provider(claim=True)
        meter_provider = meter_provider or _meter_provider(claim=True)
        if current_one is not None:
            current_one.shutdown()
        return _start(Pipeline(settings, tracer_provider, meter_provider))


def install_on_first_use() -> None:
    """Install for a process that tracks without having called :func:`install`; global providers stay unset.

    Global providers that the process has are joined. A setting that is not allowed is logged in one sentence, and the
    process goes on without retained metrics.
    """
    with _process.lock:
        if _process.pipeline is not None:
            return
        try:
            _start(
                Pipeline(Settings.load(), _tracer_provider(claim=False), _meter_provider(claim=False), implicit=True)
            )
        except (SettingsError, PipelineError) as error:
            faults.note("install", error)
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


def _start(pipeline: Pipeline) -> Pipeline:
    pipeline.start()
    instruments.bind(pipeline.instruments)
    _process.pipeline = pipeline
    return pipeline


def _tracer_provider(*, claim: bool) -> TracerProvider:
    found = trace.get_tracer_provider()
    if isinstance(found, TracerProvider):
        return found
    if not isinstance(found, trace.ProxyTracerProvider):
        raise PipelineError(_foreign("tracer", found))
    made = TracerProvider()
    made.sampler = RetainingSampler(made.sampler)
    if claim:
        trace.set_tracer_provider(made)
    return made


def _meter_provider(*, claim: bool) -> MeterProvider:
    found = metrics.get_meter_provider()
    if isinstance(found, MeterProvider):
        return found
    if type(found).__name__ != "_ProxyMeterProvider":
        raise PipelineError(_foreign("meter", found))
    made = MeterProvider()
    if claim:
        metrics.set_meter_provider(made)
    return made


def _foreign(kind: str, found: object) -> str:
    return (
        f"The global {kind} provider is {type(found).__module__}.{type(found).__qualname__}, which takes no processors "
        f"or readers: pass {kind}_provider= one of opentelemetry.sdk, or install() before it is set."
    )


_processors: Final[weakref.WeakKeyDictionary[TracerProvider, RetentionSpanProcessor]] = weakref.WeakKeyDictionary()


def _processor_of(provider: TracerProvider) -> RetentionSpanProcessor:
    """Return the provider's one retention processor; the SDK cannot take one out again, so it is used again."""
    processor = _processors.get(provider)
    if processor is None:
        processor = _processors[provider] = RetentionSpanProcessor()
        processor.active = False
        provider.add_span_processor(processor)
    return processor


# -- observable instruments ---------------------------------------------------------------------------------------
# Functions of the module: the SDK keeps the first callback that a meter was given for a name, for good.


def _create_observables(meter: metrics.Meter) -> None:
    for spec, callback in (
        (semconv.RETENTION_ENTRIES, _observe_entries),
        (semconv.RETENTION_UTILIZATION, _observe_utilization),
        (semconv.INSTRUMENTATION_ACTIVE, _observe_instrumentation),
        (semconv.PRICE_BOOK_AGE, _observe_price_book_age),
    ):
        meter.create_observable_gauge(spec.name, [callback], spec.unit, spec.description)
    evicted = semconv.RETENTION_EVICTED
    meter.create_observable_counter(evicted.name, [_observe_evicted], evicted.unit, evicted.description)


def _observe_entries(_: CallbackOptions) -> Iterable[Observation]:
    return [Observation(len(_process.pipeline.store))] if _process.pipeline else []


def _observe_utilization(_: CallbackOptions) -> Iterable[Observation]:
    if _process.pipeline is None:
        return []
    store = _process.pipeline.store
    return [Observation(len(store) / store.max_entries)]


def _observe_evicted(_: CallbackOptions) -> Iterable[Observation]:
    if _process.pipeline is None:
        return []
    counts = _process.pipeline.store.evicted()
    return [Observation(count, {semconv.REASON: reason}) for reason, count in counts.items()]


def _observe_instrumentation(_: CallbackOptions) -> Iterable[Observation]:
    if _process.pipeline is None:
        return []
    instrumentor = _process.pipeline.instrumentor
    labels = {semconv.LIBRARY: "google-genai", semconv.LIBRARY_VERSION: instrumentor.library_version}
    return [Observation(int(instrumentor.active), labels)]


def _observe_price_book_age(_: CallbackOptions) -> Iterable[Observation]:
    # Only beside Gemini: reading the price book costs 0.3 s, which a process without calls need not pay.
    if _process.pipeline is None or not _process.pipeline.instrumentor.active:
        return []
    return [Observation(_process.pipeline.instrumentor.price_book.age_s(time.time()))]


def _after_fork_in_child() -> None:
    _process.lock = threading.RLock()
    if _process.pipeline is not None:
        _process.pipeline._after_fork_in_child()  # noqa: SLF001 - the hook belongs to this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
