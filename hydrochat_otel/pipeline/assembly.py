"""The pipeline: joins the write side, the SDK's providers, the window and the shared state.

:meth:`Pipeline.snapshot` returns the one snapshot from which every view is rendered.
"""

import atexit
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from hydrochat_otel import semconv
from hydrochat_otel.fleet.bounds import StateError
from hydrochat_otel.instrumentation import instruments, refusals
from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
from hydrochat_otel.instrumentation.instruments import Instruments
from hydrochat_otel.pipeline.snapshots import Snapshots
from hydrochat_otel.prices.day_ledger import DayLedger
from hydrochat_otel.runtime import background, failures, forks
from hydrochat_otel.runtime.forks import ForkLock, Phase
from hydrochat_otel.runtime.later import later
from hydrochat_otel.sdk import context_variable, gauges, lean_spans, sdk_feeds
from hydrochat_otel.sdk.providers import Providers
from hydrochat_otel.settings import Settings
from hydrochat_otel.window import window
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.notable import notable_turns
from hydrochat_otel.window.snapshot import Budget, Metrics, Snapshot
from hydrochat_otel.window.store import MetricsStore

if TYPE_CHECKING:
    from hydrochat_otel.sdk import redaction
else:
    redaction = later("hydrochat_otel.sdk.redaction")

_END_S: Final = 5.0
"""How long :meth:`Pipeline.shutdown` waits: for the last exchange with a slow state, or a step that does not end."""


class PipelineError(RuntimeError):
    """The pipeline cannot be joined to the process's providers; the message says why and what to do."""


class Pipeline:
    """The providers, instruments, window, shared state and instrumentations of the process.

    Made by :func:`pipeline.install`. All methods may be called from any thread.

    Attributes:
        settings: The settings it was made with.
        tracer_provider: Makes its spans; the process's own provider if there was one.
        meter_provider: The same for metrics.
        instrumentor: Patches the google-genai SDK.
        implicit: Whether the first tracked call made it, because :func:`pipeline.install` had not been called.
        provisional: Whether auto-instrumentation made it, before the application could choose its settings.

    Args:
        released: Called with it when it has ended.
    """

    def __init__(
        self,
        settings: Settings,
        tracer_provider: TracerProvider,
        meter_provider: MeterProvider,
        *,
        released: Callable[["Pipeline"], None],
        implicit: bool = False,
    ) -> None:
        self.settings = settings
        self.tracer_provider = tracer_provider
        self.meter_provider = meter_provider
        self.implicit = implicit
        self.provisional = False
        self.instrumentor = GeminiInstrumentor(settings.prices_file)
        self._providers = Providers(tracer_provider, meter_provider)
        ledger = DayLedger(settings.budget_timezone)
        try:
            self._snapshots = Snapshots(settings, self._providers, ledger)
        except StateError as error:
            raise PipelineError(str(error)) from None
        self._released = released
        self._closed = False
        self._ending = ForkLock()
        self._at_fork: list[forks.Registration] = []
        context_variable.bind(fast=settings.fast)
        meter = instruments.meter_of(meter_provider)
        self.instruments = Instruments(
            lean_spans.lean(instruments.tracer_of(tracer_provider), fast=settings.fast),
            meter,
            response_time_threshold_s=settings.response_time_threshold_s,
            max_operations=settings.max_operations,
            queue_capacity=settings.queue_capacity,
            ledger=ledger,
            keep=window.keep,
            cost_dimensions=settings.cost_dimensions,
            feeder=sdk_feeds.feeder(fast=settings.fast),
            next_names=semconv.OPT_IN in settings.semconv_opt_in,
        )
        gauges.create(meter)

    def __repr__(self) -> str:
        gemini = "instrumented" if self.instrumentor.active else "not instrumented"
        state = "closed" if self._closed else self.settings.state.partition(":")[0]
        return f"<Pipeline, {state}: google-genai {gemini}, {len(self.store)} entries>"

    @property
    def store(self) -> MetricsStore:
        """The window of this process."""
        return window.get_global_metrics_store()

    def start(self) -> None:
        """Start all parts; :func:`pipeline.install` calls it once."""
        self._providers.processor.active = True
        self._providers.processor.retain_other_spans = self.settings.retain_other_spans
        self._providers.add_reader(fast=self.settings.fast)
        if self.settings.redact_spans == "always":
            redaction.redact(self.tracer_provider)
        window.size_global_metrics_store(self.settings)
        notable_turns.configure(self.settings.notable_turns, self.settings.ttl_hours * 3600)
        self.instruments.queue.start()
        if self.settings.instrument_gemini:
            self.instrumentor.instrument()
        self._snapshots.publisher.start()
        self._join_forks()
        atexit.register(self._leave)

    def snapshot(self, *, fresh: bool = True) -> Snapshot:
        """Take one snapshot of the metrics and the window, of all processes that share their state.

        Takes milliseconds on the calling thread in memory; with a shared state one exchange, a second or two at most.
        If the state cannot be used, the others' numbers are the last known ones, and `sharing.problem` says so.

        Args:
            fresh: Whether to exchange with the shared state. If not, the others' numbers are those read last, seconds
                old, and nothing waits: the application's own code calls it so.
        """
        return self._snapshots.take() if fresh else self._snapshots.take_known()

    def metrics(self) -> Metrics:
        """Return the metrics of a snapshot alone; the window's entries are not made, which takes most of the time."""
        return self._snapshots.take_metrics()

    def notable_entries(self) -> list[Entry]:
        """Return the entries of the slow, failed and expensive turns of all processes, as far as they were read."""
        return self._snapshots.notable()

    def pushes_to(self) -> str | None:
        """Return the name of the exporter that pushes this process's metrics; None if they are scraped."""
        return self._providers.pushes_to()

    def service_name(self) -> str:
        """Return the name of the service from the meter provider's resource."""
        return self._providers.service_name()

    def force_flush(self) -> bool:
        """Record all finished work that is queued, and make the providers export it.

        Returns:
            Whether all of it was exported in time. What a processor, reader or exporter raises is noted here, and keeps
            the other provider from nothing.
        """
        self.instruments.queue.drain()
        self.publish()
        succeeded = True
        for provider in (self.tracer_provider, self.meter_provider):
            try:
                flush = getattr(provider, "force_flush", None)
                succeeded = (flush is None or flush() is not False) and succeeded
            except BaseException as error:
                failures.note("force_flush", error)
                succeeded = False
        return succeeded

    def publish(self, *, read: bool = False) -> None:
        """Publish what is new to the processes that share the state, and read theirs if requested; never raises."""
        self._snapshots.publisher.publish(read=read)

    def shutdown(self) -> None:
        """Undo :meth:`start`: record everything queued, unpatch the SDK, and leave the providers as they were found.

        The window keeps its entries. A second call waits for the first, and does nothing.
        """
        # A signal handler may call this during a collection or an exchange of its own thread, and may raise into it.
        background.within(_END_S, self._end, component="shutdown")

    def _end(self) -> None:
        with self._ending:
            if self._closed:
                return
            self._closed = True
            instruments.unbind(self.instruments)
            atexit.unregister(self._leave)
            for registration in self._at_fork:
                registration.cancel()
            self.instrumentor.uninstrument()
            self._leave()
            self._providers.processor.active = False
            self._providers.remove_reader()
            self._released(self)

    def spent(self) -> Budget:
        """Return what all processes have spent, as far as this one has read; waits for nothing and collects nothing."""
        return self._snapshots.spent()

    def workers(self) -> int:
        """Return how many processes reported lately, as far as this one has read."""
        return self._snapshots.workers()

    def _leave(self) -> None:
        self.instruments.queue.stop()
        self._snapshots.publisher.stop()

    def _join_forks(self) -> None:
        providers, publisher = self._providers, self._snapshots.publisher
        self._at_fork = [
            forks.register(Phase.SHARING, in_child=publisher.forget_parent),
            forks.register(
                Phase.SDK,
                before=providers.before_fork,
                in_parent=providers.after_fork_in_parent,
                in_child=providers.after_fork_in_child,
            ),
            forks.register(Phase.WINDOW, in_child=self._forget_parent),
            forks.register(Phase.THREADS, in_child=publisher.start_in_child),
        ]
        forks.run_last()

    def _forget_parent(self) -> None:
        """Start at zero in a forked child: the parent publishes what it measured before."""
        self.store.forget_parent()
        self.instruments.ledger.reset()
        failures.forget()
        refusals.forget()
