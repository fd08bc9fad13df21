"""The metric reader: collects from the SDK on demand and returns plain families, free of SDK types."""

from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

from hydrochat_otel.runtime import deferred_queue, failures, interruptions
from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.runtime.later import later
from hydrochat_otel.sdk import fast_ways
from hydrochat_otel.sdk.conversion import attributes_of, families
from hydrochat_otel.sdk.newest_exemplars import NewestExemplars
from hydrochat_otel.window.snapshot import Family

if TYPE_CHECKING:
    from hydrochat_otel.sdk import quick_collection
    from hydrochat_otel.sdk.quick_collection import QuickCollection
else:
    quick_collection = later("hydrochat_otel.sdk.quick_collection")

_NO_DEADLINE_MS: Final = 10 * 365.25 * 86_400_000
"""The SDK compares its deadline with the wall clock, so a clock that jumps ahead would end a collection."""

_Read = tuple[tuple[Family, ...], Mapping[str, str]]


class SnapshotReader(MetricReader):
    """A cumulative reader whose caller collects; concurrent collections take turns.

    ``OTEL_METRICS_EXPORTER=hydrochat`` makes the SDK create it; the pipeline finds it there.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turn = ForkLock()
        self._collected: list[MetricsData] = []
        self._exemplars = NewestExemplars()
        self._quick: QuickCollection | None = None
        self._is_undecided = False
        self._resource: tuple[object, Mapping[str, str]] = None, {}

    def choose_way(self, *, fast: bool) -> None:
        """Collect by our own quick collection if that is wished and possible, else by the SDK's.

        What is possible is found out by the first collection: it takes milliseconds that a worker's start need not pay.
        """
        with self._turn:
            self._is_undecided = fast
            self._quick = None if fast else quick_collection.collection(self._exemplars, fast=False)

    def read(self, *, is_drained: bool = False) -> _Read:
        """Collect now; return the families and the resource's attributes as text. Any thread may call.

        Before the reader is registered with a provider, and after it was removed, both are empty.

        Queued work is recorded first: inside the collection, where the SDK's callback would do it, a backlog that takes
        longer than the SDK's deadline of ten seconds ends the collection with an exception.

        Args:
            is_drained: Whether the caller has just recorded the queued work.
        """
        if not is_drained:
            deferred_queue.drain_all()
        with self._turn:
            if self._is_undecided:
                self._is_undecided = False
                self._quick = quick_collection.collection(self._exemplars, fast=True)
            if self._quick is not None:
                try:
                    return self._read_quickly(self._quick)
                except Exception as error:
                    interruptions.pass_on(error)
                    self._quick = None
                    fast_ways.fall_back(quick_collection.NAME, error)
                    failures.note("sdk.collection", error)
                self._read()  # observes again, so what had been observed already would be counted twice
            return self._read()

    def _read(self) -> _Read:
        self._collected.clear()
        self.collect(timeout_millis=_NO_DEADLINE_MS)
        collected = self._collected.pop() if self._collected else None
        if collected is None:
            return (), {}
        found = tuple(self._exemplars.completed_family(one) for one in families(collected))
        return found, attributes_of(one.resource for one in collected.resource_metrics)

    def _read_quickly(self, quick: "QuickCollection") -> _Read:
        consumer = getattr(self._collect, "__self__", None)
        if consumer is None:
            return (), {}
        started_s = perf_counter()
        found = quick.families(consumer, self)
        self._metrics.record_collection(perf_counter() - started_s)
        if not found:
            return (), {}
        resource = consumer._sdk_config.resource
        if resource is not self._resource[0]:
            self._resource = resource, attributes_of((resource,))
        return found, self._resource[1]

    def _receive_metrics(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002 - the SDK's signature
        **_: Any,
    ) -> None:
        self._collected.append(metrics_data)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Return True: nothing is pushed, so a flush must not collect between two scrapes."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Do nothing; the last collection was returned already."""

    def forget_parent(self) -> None:
        """Discard in a forked child what the parent collected."""
        self._collected.clear()
        self._exemplars.forget()
        if self._quick is not None:
            self._quick.forget()
