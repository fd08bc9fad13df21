"""The write side's tracer and instruments on the OpenTelemetry API, and the queue of finished work.

One :class:`Instruments` serves one pair of providers. :func:`current` is what call sites use; the pipeline calls
:func:`bind`. This module does not use the SDK.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider
from opentelemetry.trace import NoOpTracer, Tracer, TracerProvider

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import labels, refusals
from hydrochat_otel.instrumentation.batched import Due, Kind
from hydrochat_otel.instrumentation.feeds import Attributes, Feed, Feeder, PublicFeeder
from hydrochat_otel.instrumentation.finished import (
    DURATION,
    EXCEEDED,
    OUTCOME,
    Ended,
    FinishedOperation,
    OperationLabels,
)
from hydrochat_otel.instrumentation.own_callbacks import OwnCallback, Seen
from hydrochat_otel.instrumentation.usual import InnerOperation, UsualOperation, are_unsampled, durations_of
from hydrochat_otel.prices.day_ledger import DayLedger
from hydrochat_otel.runtime import deferred_queue, failures, first_use, process_globals
from hydrochat_otel.runtime.deferred_queue import DeferredQueue
from hydrochat_otel.semconv import MetricSpec, Outcome
from hydrochat_otel.version import __version__
from hydrochat_otel.window import window
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.waiting import Waiting

_FOREIGN_READER_S: Final = 4.0
"""How long another library's reader may wait for our queue: well below the SDK's ten seconds for a callback."""


def tracer_of(provider: TracerProvider) -> Tracer:
    """Return the provider's tracer of this package, with its version and that of the conventions.

    If another library's provider raises, operations and calls have no spans; they are counted and kept.
    """
    try:
        return provider.get_tracer(semconv.SCOPE, __version__, schema_url=semconv.SCHEMA_URL)
    except Exception as error:
        failures.note("install", error)
        return NoOpTracer()


def meter_of(provider: MeterProvider) -> Meter:
    """Return the provider's meter of this package, with its version and that of the conventions."""
    return provider.get_meter(semconv.SCOPE, __version__, semconv.SCHEMA_URL)


class Instruments:
    """Tracer, instruments and queue for one pair of providers.

    Attributes:
        tracer: Makes the spans of operations and calls.
        is_traced: Whether the tracer may make spans; the API's own makes none.
        queue: Takes finished work on the host's path.
        operation_names: The closed set of ``hydrochat.operation``.
        model_names: The closed set of model labels.
        error_types: The closed set of ``error.type``.
        tool_names: The closed set of ``gen_ai.tool.name``.
        attributions: The closed set of the attributions of calls.
        response_time_threshold_s: Threshold of operations that state none.
        next_names: Whether the conventions' next names are emitted.
        ledger: Counts of calls by day; days of UTC unless another ledger is given.
        plans: The feeds for calls of one kind, cached by the code that makes them.
        due: The kinds of work that wait to be fed.

    Args:
        keep: Takes the window's entries of finished work, oldest first; None discards them.
        cost_dimensions: Names of the application's own dimensions of calls.
        feeder: Makes the feeds; None records through the API.
        next_names: Whether the conventions' next names are emitted instead of today's.
    """

    def __init__(
        self,
        tracer: Tracer,
        meter: Meter,
        *,
        response_time_threshold_s: float = 2.0,
        max_operations: int = 200,
        queue_capacity: int = 32768,
        ledger: DayLedger | None = None,
        keep: Callable[[list[Entry | Waiting]], None] | None = None,
        cost_dimensions: Sequence[str] = (),
        feeder: Feeder | None = None,
        next_names: bool = False,
    ) -> None:
        self.tracer = tracer
        self.is_traced = type(tracer) is not NoOpTracer
        self.next_names = next_names
        self.ledger = ledger or DayLedger()
        self._feeder = feeder or PublicFeeder()
        self.due = Due()
        self.queue = DeferredQueue(queue_capacity, keep, self.flush, UsualOperation.complete)
        self.response_time_threshold_s = response_time_threshold_s
        self.operation_names = labels.operation_names(max_operations)
        self.model_names = labels.model_names()
        self.error_types = labels.error_types()
        self.tool_names = labels.tool_names()
        self.attributions = labels.Attributions(cost_dimensions)
        self.plans: dict[tuple[Any, ...], object] = {}
        window.before_reading(deferred_queue.settle_all)
        # The first callback drains the queue; the SDK runs it before it collects the histograms and counters below.
        for spec, observe in _OBSERVED:
            meter.create_observable_counter(spec.name, [observe], spec.unit, spec.description)
        self._by_name: dict[str, Any] = {
            spec.name: _create(meter, spec)
            for spec in semconv.emitted(next_names=next_names)
            if spec.kind in {"histogram", "counter"}
        }
        self._operations: dict[tuple[str, str, str | None], _Operations] = {}
        self._usual: dict[str, _UsualOperations] = {}
        self._inner: dict[tuple[str, str], _InnerOperations] = {}

    def histogram(self, spec: MetricSpec) -> Histogram:
        """Return the histogram of the spec."""
        instrument: Histogram = self._by_name[spec.name]
        return instrument

    def counter(self, spec: MetricSpec) -> Counter:
        """Return the counter of the spec."""
        instrument: Counter = self._by_name[spec.name]
        return instrument

    def operations(self, labels: OperationLabels, error_type: str | None) -> Kind[FinishedOperation]:
        """Return what feeds operations with these labels that ended in this way, with the others of a drain."""
        key = (labels.name, labels.role, error_type)
        kind = self._operations.get(key)
        if kind is None:
            kind = self._operations[key] = _Operations(self, *key)
        return kind

    def usual_operations(self, labels: OperationLabels) -> Kind[UsualOperation]:
        """Return what feeds usual operations with these labels, with the others of a drain."""
        kind = self._usual.get(labels.name)
        if kind is None:
            kind = self._usual[labels.name] = _UsualOperations(self, labels.name)
        return kind

    def inner_operations(self, labels: OperationLabels) -> Kind[InnerOperation]:
        """Return what feeds usual operations inside something, with the others of a drain."""
        key = (labels.name, labels.role)
        kind = self._inner.get(key)
        if kind is None:
            kind = self._inner[key] = _InnerOperations(self, *key)
        return kind

    def feed(self, spec: MetricSpec, attributes: Attributes) -> Feed:
        """Return the feed of a metric and an attribute set."""
        return self._feeder.feed(self._by_name[spec.name], attributes)

    def flush(self) -> None:
        """Feed the work that waits to be fed with others of its kind, and log why names were refused; never raises."""
        self.due.flush()
        self._feeder.flush()
        refusals.say()

    def record_measured(
        self, operation: str, duration_s: float, end_unix_s: float, error_type: str | None, *, exceeded: bool
    ) -> None:
        """Queue an operation that was measured elsewhere and is already in the window."""
        outcome: Outcome = "ok" if error_type is None else "error"
        ended = Ended(duration_s, int(end_unix_s * 1e9), outcome, error_type)
        labels = OperationLabels(self, operation, "root", operation)
        self.queue.put_kept(FinishedOperation(*ended, labels, exceeded))


class _Operations(Kind[FinishedOperation]):
    """Operations of one name and role that ended in the same way."""

    __slots__ = ("_bad", "_duration", "_violations")

    def __init__(self, using: Instruments, name: str, role: str, error_type: str | None) -> None:
        super().__init__(using.due)
        attributes = {semconv.OPERATION: name, semconv.ROLE: role}
        error = {} if error_type is None else {semconv.ERROR_TYPE: error_type}
        self._duration = using.feed(semconv.OPERATION_DURATION, attributes | error)
        self._violations = using.feed(semconv.OPERATION_VIOLATIONS, attributes)
        self._bad = using.feed(semconv.OPERATION_BAD, attributes)

    def feed(self, work: list[FinishedOperation]) -> None:
        """Feed durations, violations and bad operations."""
        exceeded = list(filter(EXCEEDED, work))
        if exceeded:
            self._violations.take_each([1] * len(exceeded), exceeded)
        if exceeded or "error" in map(OUTCOME, work):
            bad = [one for one in work if one.exceeded or one.outcome == "error"]
            self._bad.take_each([1] * len(bad), bad)
        self._duration.take_each(list(map(DURATION, work)), work)


class _UsualOperations(Kind[UsualOperation]):
    """Usual operations of one name."""

    __slots__ = ("_duration",)

    def __init__(self, using: Instruments, name: str) -> None:
        super().__init__(using.due)
        self._duration = using.feed(semconv.OPERATION_DURATION, {semconv.OPERATION: name, semconv.ROLE: "root"})

    def feed(self, work: list[UsualOperation]) -> None:
        """Feed durations."""
        self._duration.take_all(durations_of(work), _NOWHERE)


class _InnerOperations(Kind[InnerOperation]):
    """Usual operations of one name and role, each inside a span or an operation."""

    __slots__ = ("_duration",)

    def __init__(self, using: Instruments, name: str, role: str) -> None:
        super().__init__(using.due)
        self._duration = using.feed(semconv.OPERATION_DURATION, {semconv.OPERATION: name, semconv.ROLE: role})

    def feed(self, work: list[InnerOperation]) -> None:
        """Feed durations."""
        if are_unsampled(work):
            self._duration.take_all(durations_of(work), _NOWHERE)
        else:
            self._duration.take_each(durations_of(work), work)


_NOWHERE: Final = Ended(0.0, 0, "ok", None)
"""Where usual operations were measured: in no span that is exported."""


def _drain_for_others() -> None:
    deferred_queue.drain_all(_FOREIGN_READER_S)


def _errors() -> list[Seen]:
    return [(count, {semconv.SEAM: component}) for component, count in failures.counts().items()]


def _refusals() -> list[Seen]:
    refused = refusals.by_name()
    return [(count, {semconv.LABEL: label, semconv.LABEL_VALUE: name}) for (label, name), count in refused.items()]


# Of the module: the SDK keeps the first callback that a meter received for a name, permanently.
_OBSERVED: Final = (
    (semconv.TELEMETRY_ERRORS, OwnCallback(_errors, before=_drain_for_others)),
    (semconv.LABEL_REFUSALS, OwnCallback(_refusals)),
)


def _create(meter: Meter, spec: MetricSpec) -> Histogram | Counter:
    if spec.kind == "counter":
        return meter.create_counter(spec.name, spec.unit, spec.description)
    return meter.create_histogram(
        spec.name, spec.unit, spec.description, explicit_bucket_boundaries_advisory=spec.edges or None
    )


class _Binding:
    """Holds the bound instruments; one attribute read on the host's path."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.bound: Instruments | None = None
        self.fallback: Instruments | None = None


binding: Final = _Binding()
process_globals.register("instruments", binding.forget)


def bind(instruments: Instruments | None) -> None:
    """Make the instruments the current ones; None returns to those of the global API providers."""
    binding.bound = instruments


def unbind(instruments: Instruments) -> None:
    """Return to the instruments of the global API providers, if these are the current ones.

    Work that waits in the window no longer holds these.
    """
    if binding.bound is instruments:
        bind(None)
    failures.contained("retention", window.make_entries)


def current() -> Instruments:
    """Return the instruments to record with; never raises.

    Without a bound pipeline the hook of :mod:`first_use` may bind one; otherwise measurements go to the process's
    global providers.
    """
    if (bound := binding.bound) is not None:
        return bound
    hook = first_use.take()
    if hook is not None:
        try:
            hook()
        except BaseException as error:
            failures.note("install", error)
    return binding.bound or _fall_back()


def _fall_back() -> Instruments:
    if binding.fallback is None:
        wished = os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", "")
        binding.fallback = Instruments(
            tracer_of(trace.get_tracer_provider()),
            meter_of(metrics.get_meter_provider()),
            next_names=semconv.OPT_IN in (word.strip() for word in wished.split(",")),
        )
    return binding.fallback
