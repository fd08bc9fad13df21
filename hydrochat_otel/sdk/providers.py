"""The process's tracer and meter providers: found or made, and repaired after a fork where the SDK does not do it.

Four parts of the SDK have no public name and are used here only, each guarded: the readers of a meter provider, the
lock of its collections, the storage of a reader, and the resource that it renews in a child.
"""

import logging
import threading
import weakref
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider

from hydrochat_otel import semconv
from hydrochat_otel.runtime import failures, safe_log
from hydrochat_otel.sdk.reader import SnapshotReader
from hydrochat_otel.sdk.sampler import RetainingSampler
from hydrochat_otel.sdk.span_processor import RetentionSpanProcessor
from hydrochat_otel.version import __version__

logger: Final = logging.getLogger("hydrochat_otel")

_Provider = TypeVar("_Provider", TracerProvider, MeterProvider)
DISTRO: Final[Mapping[str, str]] = {semconv.DISTRO_NAME: "hydrochat-otel", semconv.DISTRO_VERSION: __version__}
"""What the resource of providers that this package makes says of their maker."""

_MOST_PROXIES: Final = 4
_FORK_S: Final = 0.5
"""How long a fork waits for a collection in progress."""


class Providers:
    """A tracer provider and a meter provider that belong together.

    Attributes:
        tracer_provider: Makes the spans.
        meter_provider: Collects the metrics.
        processor: Adds other libraries' spans to the window; one for each provider, permanently.
        reader: Reads the metrics; the one that ``OTEL_METRICS_EXPORTER=hydrochat`` made, or one of ours.
    """

    def __init__(self, tracer_provider: trace.TracerProvider, meter_provider: MeterProvider) -> None:
        self.tracer_provider = tracer_provider
        self.meter_provider = meter_provider
        self.processor = _processor_of(tracer_provider)
        found = (one for one in self._readers() if isinstance(one, SnapshotReader))
        self.reader = next(found, None) or SnapshotReader()
        self._is_added = False
        self._instance_id = _instance_id_of_user(meter_provider)
        self._forking = threading.local()  # several threads may fork at once

    def add_reader(self, *, fast: bool) -> None:
        """Register the reader with the meter provider; `fast` allows it to collect quickly."""
        self.reader.choose_way(fast=fast)
        if self.reader not in self._readers():  # also one that was, until the pipeline ended that this one replaces
            self.reader.forget_parent()
            self.meter_provider.add_metric_reader(self.reader)
        self._is_added = True

    def remove_reader(self) -> None:
        """Undo :meth:`add_reader`."""
        if self._is_added:
            self.meter_provider.remove_metric_reader(self.reader)
            self._is_added = False

    def service_name(self) -> str:
        """Return the name of the service from the resource."""
        return str(_resource_of(self.meter_provider).get("service.name", "unknown_service"))

    def has_instance_id(self) -> bool:
        """Return whether the user named this instance; the SDK makes a random id otherwise."""
        return self._instance_id is not None

    def pushes_to(self) -> str | None:
        """Return the name of an exporter that pushes the metrics; None if there is none.

        Exporters that print to the console do not count.
        """
        for reader in self._readers():
            if isinstance(reader, PeriodicExportingMetricReader):
                exporter = getattr(reader, "_exporter", None)
                if not isinstance(exporter, ConsoleMetricExporter):
                    return type(exporter).__name__
        return None

    # -- forks -----------------------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Keep other threads from collecting while the process forks: the child would never get the lock."""
        lock = getattr(self._consumer(), "_lock", None)
        self._forking.held = lock if lock is not None and lock.acquire(timeout=_FORK_S) else None

    def after_fork_in_parent(self) -> None:
        """Allow other threads to collect again."""
        self._release_held()

    def after_fork_in_child(self) -> None:
        """Start at zero: the SDK's child continues the parent's numbers, which would then count twice.

        New storages have new locks, too. This applies to every reader, also one that pushes.
        """
        self.reader.forget_parent()
        consumer = self._consumer()
        if hasattr(consumer, "_lock"):
            consumer._lock = threading.Lock()  # noqa: SLF001
        for reader in self._readers():
            try:
                consumer.remove_metric_reader(reader)
                consumer.add_metric_reader(reader)
            except Exception as error:
                failures.note("fork", error)
        self._keep_instance_id()
        self._release_held()  # a thread that another hook started in this child may already wait for it

    def _release_held(self) -> None:
        held, self._forking.held = getattr(self._forking, "held", None), None
        if held is not None:
            held.release()

    def _keep_instance_id(self) -> None:
        """Undo the SDK's renaming of an instance that the user has named."""
        if self._instance_id is None:
            return
        named = Resource({SERVICE_INSTANCE_ID: self._instance_id})
        for provider in (self.meter_provider, self.tracer_provider):
            update = getattr(provider, "_update_resource", None)
            if update is not None:
                update(named)

    def _consumer(self) -> Any:
        return getattr(self.meter_provider, "_measurement_consumer", None)

    def _readers(self) -> list[MetricReader]:
        return list(getattr(self._consumer(), "_reader_storages", ()))


def find_or_make(*, claim: bool) -> tuple[trace.TracerProvider, MeterProvider]:
    """Return the process's global providers; if none is set, make them, and set them if `claim`."""
    return tracer_provider(claim=claim), meter_provider(claim=claim)


def tracer_provider(*, claim: bool) -> trace.TracerProvider:
    """Return the global tracer provider, or make one; see :func:`find_or_make`. It may be another library's."""
    found = trace.get_tracer_provider()
    if isinstance(found, trace.ProxyTracerProvider):
        made = TracerProvider(resource=_resource())
        made.sampler = RetainingSampler(made.sampler)
        if claim:
            trace.set_tracer_provider(made)
        return made
    return _unwrapped(found, TracerProvider) or found


def meter_provider(*, claim: bool, given: metrics.MeterProvider | None = None) -> MeterProvider:
    """Return the given or the global meter provider, or make one; see :func:`find_or_make`.

    If it is not the SDK's, it cannot be read. Then a provider of our own counts.
    """
    if isinstance(given, MeterProvider):
        return given
    found = given or metrics.get_meter_provider()
    unwrapped = _unwrapped(found, MeterProvider)
    if unwrapped is not None:
        return unwrapped
    made = MeterProvider(resource=_resource())
    if given is not None or type(found).__name__ != "_ProxyMeterProvider":
        safe_log.warning(
            logger,
            "The %s meter provider is %s, which cannot be read: hydrochat_otel counts on a provider of its own, "
            "and shows no metrics of other libraries.",
            "global" if given is None else "given",
            _class_name(found),
        )
    elif claim:
        metrics.set_meter_provider(made)
    return made


def _unwrapped(found: object, kind: type[_Provider]) -> _Provider | None:
    """Return the SDK's provider, also from behind proxies that name it `provider`, as logfire's do."""
    for _ in range(_MOST_PROXIES):
        if isinstance(found, kind):
            return found
        try:
            found = getattr(found, "provider", None)
        except Exception as error:
            failures.note("install", error, quiet=True)
            return None
    return None


def _class_name(found: object) -> str:
    return f"{type(found).__module__}.{type(found).__qualname__}"


def _resource() -> Resource:
    """Return the resource that the SDK detects, or the service's name alone if detection cannot start a thread."""
    try:
        return Resource.create(DISTRO)
    except RuntimeError:
        return Resource({"service.name": "unknown_service", **DISTRO}).merge(OTELResourceDetector().detect())


_processors: Final[weakref.WeakKeyDictionary[trace.TracerProvider, RetentionSpanProcessor]] = (
    weakref.WeakKeyDictionary()
)


def _processor_of(provider: trace.TracerProvider) -> RetentionSpanProcessor:
    """Return the provider's one retention processor; the SDK cannot remove one, so it is reused."""
    processor = _processors.get(provider)
    if processor is None:
        processor = _processors[provider] = RetentionSpanProcessor()
        processor.active = False
        if not _takes(provider, processor):
            safe_log.warning(
                logger,
                "The global tracer provider is %s, which takes no span processors: spans of other libraries are not "
                "kept. Operations and calls are still counted and kept.",
                _class_name(provider),
            )
    return processor


def _takes(provider: Any, processor: RetentionSpanProcessor) -> bool:
    """Add the processor to a provider, which may be another library's; return whether that was possible."""
    try:
        provider.add_span_processor(processor)
    except Exception as error:
        if not isinstance(error, AttributeError):
            failures.note("install", error, quiet=True)
        return False
    return True


def _resource_of(provider: MeterProvider) -> Any:
    resource = getattr(getattr(provider, "_sdk_config", None), "resource", None)
    return {} if resource is None else resource.attributes


def _instance_id_of_user(provider: MeterProvider) -> str | None:
    """Return the instance's id unless the SDK made it at random."""
    from opentelemetry.sdk import resources  # noqa: PLC0415 - older versions have no detector, and make no id

    found = _resource_of(provider).get(SERVICE_INSTANCE_ID)
    detector = getattr(resources, "ServiceInstanceIdResourceDetector", None)
    made = None if detector is None else detector().detect().attributes.get(SERVICE_INSTANCE_ID)
    return None if found is None or found == made else str(found)
