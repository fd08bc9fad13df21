"""Feeds values into the SDK's aggregations directly.

An `add` or `record` of the SDK copies, checks, sorts and hashes the attributes each time, which costs ten times as much
as the addition. Our attribute sets are few and recur with every call, so the SDK's aggregation of each is looked up
once. Readers of deltas, unknown versions of the SDK and disabled instruments use the public path.
"""

import math
from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from time import time_ns
from typing import Any, Final

from opentelemetry import metrics
from opentelemetry.metrics import Counter, Histogram
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    MeterProvider,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from hydrochat_otel.instrumentation.feeds import Attributes, Feed, Feeder, Origin, PublicFeed, PublicFeeder, context_of
from hydrochat_otel.instrumentation.finished import Ended
from hydrochat_otel.runtime import failures, interruptions
from hydrochat_otel.sdk import fast_ways
from hydrochat_otel.sdk.aggregations import Aggregation, Held, aggregation_of, offer_all

NAME: Final = "feeds"
_IS_SAMPLED: Final = attrgetter("is_sampled")


class SdkFeeder:
    """Makes feeds into the SDK's aggregations, and offers their exemplars."""

    def __init__(self) -> None:
        self._held: Held = {}

    def feed(self, instrument: Counter | Histogram, attributes: Attributes) -> Feed:
        """Return the fast feed of an instrument of the SDK, and the public one of any other."""
        if type(instrument).__module__.startswith("opentelemetry.sdk."):
            return SdkFeed(instrument, attributes, self._held)
        return PublicFeed(instrument, attributes)

    def flush(self) -> None:
        """Offer the exemplars that feeds hold."""
        try:
            offer_all(self._held)
        except Exception as error:
            fast_ways.fall_back(NAME, error)
            failures.note("sdk.feeds", error)


class SdkFeed:
    """A feed of one attribute set into the SDK's aggregations of it, one for each reader and view."""

    __slots__ = (
        "_aggregations",
        "_attributes",
        "_consumer",
        "_filter",
        "_held",
        "_instrument",
        "_public",
        "_storages",
    )

    def __init__(self, instrument: Any, attributes: Attributes, held: Held) -> None:
        self._instrument = instrument
        self._attributes = attributes
        self._public = PublicFeed(instrument, attributes)
        self._consumer = instrument._measurement_consumer
        self._storages: Any = None
        self._aggregations: tuple[Aggregation, ...] | None = None
        self._filter: Any = None
        self._held = held

    def take(self, value: float, origin: Origin) -> None:
        """Add or record one value."""
        self.take_each((value,), (origin,))

    def take_all(self, values: Sequence[float], origin: Origin) -> None:
        """Record several values that were measured in one span."""
        if not values:
            return
        aggregations = self._ready_for(values)
        if aggregations is None:
            self._public.take_all(values, origin)
            return
        if self._filter is not None:
            self.take_each(values, (origin,) * len(values))
            return
        try:
            for aggregation in aggregations:
                aggregation.add_all(values, origin, is_sampled=origin.is_sampled)
        except BaseException as error:
            failures.note("sdk.feeds", error)
            self._give_up(error)

    def take_each(self, values: Sequence[float], origins: Sequence[Origin]) -> None:
        """Add or record several values, at least one, each measured in its own span."""
        aggregations = self._ready_for(values)
        if aggregations is None:
            self._public.take_each(values, origins)
            return
        try:
            chosen = self._filter
            if chosen is None:
                sampled = list(map(_IS_SAMPLED, origins))
            else:
                sampled = [
                    chosen(value, time_ns(), self._attributes, context_of(origin))
                    for value, origin in zip(values, origins, strict=True)
                ]
            for aggregation in aggregations:
                aggregation.add(values, origins, sampled)
        except BaseException as error:
            failures.note("sdk.feeds", error)
            self._give_up(error)

    def _ready_for(self, values: Sequence[float]) -> tuple[Aggregation, ...] | None:
        """Return the aggregations that take the values; None if the public path has to."""
        if self._consumer._reader_storages is not self._storages:
            self._bind()
        return self._aggregations if _are_plain(values) and self._instrument._is_enabled() else None

    def _bind(self) -> None:
        """Look the aggregations up, again after a reader was added or removed; None is the public path."""
        storages = self._consumer._reader_storages
        try:
            self._filter = _filter_of(self._consumer._sdk_config.exemplar_filter)
            self._aggregations = self._look_up(storages)
        except Exception as error:
            interruptions.pass_on(error)
            self._give_up(error)
        self._storages = storages

    def _look_up(self, storages: Any) -> tuple[Aggregation, ...] | None:
        hash_attributes = _hash_function()
        found = []
        for storage in storages.values():
            for match in storage._get_or_init_view_instrument_match(self._instrument):
                if match._reset_on_collect:
                    return None
                keys = match._view._attribute_keys
                kept = {name: value for name, value in self._attributes.items() if keys is None or name in keys}
                with match._lock:
                    aggregation = match._get_or_create_aggregation(hash_attributes(kept), kept)
                found.append(aggregation_of(aggregation, self._attributes, self._held))
        return tuple(found)

    def _give_up(self, error: BaseException) -> None:
        self._aggregations = None
        fast_ways.fall_back(NAME, error)


def _are_plain(values: Sequence[float]) -> bool:
    """Return whether the SDK would accept all values: finite and not negative."""
    return math.isfinite(sum(values)) and min(values) >= 0


def _filter_of(chosen: Any) -> Any:
    """Return what decides whether a measurement may become an exemplar; None for the standard filter."""
    kind = type(chosen)
    if kind is TraceBasedExemplarFilter:
        return None
    if kind is AlwaysOnExemplarFilter or kind is AlwaysOffExemplarFilter:
        return lambda *_: kind is AlwaysOnExemplarFilter
    return chosen.should_sample


@cache
def _hash_function() -> Any:
    from opentelemetry.sdk.metrics._internal import _view_instrument_match  # noqa: PLC0415 - not in every version

    return _view_instrument_match._hash_attributes


# -- the probe ---------------------------------------------------------------------------------------------------------


def feeder(*, fast: bool) -> Feeder:
    """Return what makes feeds: into the SDK's own aggregations if they are as expected, else through the API."""
    if not fast:
        fast_ways.fall_back(NAME, fast_ways.OFF)
        return PublicFeeder()
    if (problem := _problem()) is not None:
        fast_ways.fall_back(NAME, problem)
        return PublicFeeder()
    fast_ways.use(NAME)
    return SdkFeeder()


class _UnguardedFeed(PublicFeed):
    """Raises, because the probe has to see it."""

    __slots__ = ()

    def take(self, value: float, origin: Origin) -> None:
        """Add or record one value."""
        self.record(value, origin)


class _UnguardedFeeder(PublicFeeder):
    """Makes feeds that raise."""

    def feed(self, instrument: metrics.Counter | metrics.Histogram, attributes: Attributes) -> Feed:
        """Return a feed."""
        return _UnguardedFeed(instrument, attributes)


@cache
def _problem() -> str | None:
    """Return why this version of the SDK cannot be fed directly, or None; both paths must give the same numbers."""
    fast_ways.use(NAME)
    try:
        public, fast = _points(_UnguardedFeeder()), _points(SdkFeeder())
    except Exception as error:
        interruptions.pass_on(error)
        return f"not possible with this version of the SDK ({type(error).__name__})"
    if (state := fast_ways.report()[NAME]) != fast_ways.IN_USE:  # the public path has the same numbers by itself
        return state
    return None if fast == public else "not possible with this version of the SDK (other numbers)"


def _points(made_by: Feeder) -> list[Any]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=Resource.get_empty(), shutdown_on_exit=False)
    meter = provider.get_meter("probe")
    histogram = meter.create_histogram("h", explicit_bucket_boundaries_advisory=[1.0, 2.0])
    counter = meter.create_counter("c")
    origin = Ended(0.0, 0, "ok", None, 3, 4, 0, is_sampled=True)
    instruments: tuple[metrics.Counter | metrics.Histogram, ...] = (counter, histogram)
    for instrument in instruments:
        feed = made_by.feed(instrument, {"a": "x", "n": 1})
        for value in (1, 2.5, 0.25):
            feed.take(value, origin)
        made_by.flush()
    made_by.feed(histogram, {"a": "y"}).take_all((0.5, 1.0, 3.0), origin)
    made_by.flush()
    data = reader.get_metrics_data()
    provider.shutdown()
    _probed.append(provider)
    return [
        (dict(point.attributes or {}), [getattr(point, name, None) for name in ("value", *_HISTOGRAM_FIELDS)])
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


_probed: Final[list[MeterProvider]] = []
"""Providers of the probe, kept for good: the SDK refers to them by weak references with callbacks in Python.

If the garbage collector ended them, Python would suppress what a signal handler raises inside such a callback.
"""

_HISTOGRAM_FIELDS: Final = ("count", "sum", "bucket_counts", "explicit_bounds", "min", "max")
