"""Feeds that add up where the SDK adds up.

An `add` or `record` of the SDK copies, checks, sorts and hashes the attributes each time, which costs ten times what
adding up does. Our attribute sets are few and come again with every call, so the SDK's aggregation of each is looked up
once. Readers of deltas, unknown versions of the SDK and instruments that are switched off take the public way.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from functools import cache
from time import time_ns
from typing import Any, Final

from opentelemetry import metrics
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    MeterProvider,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from hydrochat_otel.instrumentation.feeds import Attributes, Feed, Feeder, PublicFeed
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk import fast_ways

NAME: Final = "feeds"


class _Measurement:
    """What an aggregation reads of a measurement of the SDK's, whose constructor cleans the attributes again."""

    __slots__ = ("attributes", "context", "time_unix_nano", "value")

    def __init__(self, value: float, context: Context, attributes: Attributes) -> None:
        self.value = value
        self.context = context
        self.attributes = attributes
        self.time_unix_nano = time_ns()


class SdkFeed:
    """A feed of one attribute set into the SDK's aggregations of it, one for each reader and view."""

    __slots__ = ("_aggregations", "_attributes", "_consumer", "_instrument", "_public", "_storages")

    def __init__(self, instrument: Any, attributes: Attributes) -> None:
        self._instrument = instrument
        self._attributes = attributes
        self._public = PublicFeed(instrument, attributes)
        self._consumer = instrument._measurement_consumer
        self._storages: Any = None
        self._aggregations: tuple[Any, ...] | None = None

    def take(self, value: float, context: Context, sampled: bool) -> None:
        """Add or record one value."""
        aggregations = self._bound()
        if aggregations is None or not 0 <= value < math.inf:
            self._public.take(value, context, sampled)
            return
        measurement = _Measurement(value, context, self._attributes)
        sampled = _eligible(self._consumer, sampled, measurement)
        try:
            for aggregation in aggregations:
                aggregation.aggregate(measurement, sampled and _wants_exemplar(aggregation))
        except Exception as error:
            self._give_up(error)
            failures.note("sdk.feeds", error)

    def take_all(self, values: Iterable[float], context: Context, sampled: bool) -> None:
        """Record several values of one context; of each bucket the last one is offered as an exemplar."""
        aggregations, values = self._bound(), tuple(values)
        if aggregations is None or not _all_are_buckets(aggregations) or not all(0 <= one < math.inf for one in values):
            for value in values:
                self.take(value, context, sampled)
            return
        try:
            for aggregation in aggregations:
                _add_to_buckets(aggregation, values)
                newest = {}
                for value in values:
                    offered = _Measurement(value, context, self._attributes)
                    if _eligible(self._consumer, sampled, offered):
                        newest[bisect_left(aggregation._boundaries, value)] = offered
                for offered in newest.values():
                    aggregation._sample_exemplar(offered, should_sample_exemplar=True)
        except Exception as error:
            self._give_up(error)
            failures.note("sdk.feeds", error)

    def _bound(self) -> tuple[Any, ...] | None:
        """Return the aggregations, looked up again after a reader came or went; None for the public way."""
        storages = self._consumer._reader_storages
        if storages is not self._storages:
            try:
                self._aggregations = self._look_up(storages)
            except Exception as error:
                self._give_up(error)
            self._storages = storages
        return self._aggregations if self._instrument._is_enabled() else None

    def _look_up(self, storages: Any) -> tuple[Any, ...] | None:
        hash_attributes = _hash_function()
        found = []
        for storage in storages.values():
            for match in storage._get_or_init_view_instrument_match(self._instrument):
                if match._reset_on_collect:
                    return None
                keys = match._view._attribute_keys
                kept = {name: value for name, value in self._attributes.items() if keys is None or name in keys}
                with match._lock:
                    found.append(match._get_or_create_aggregation(hash_attributes(kept), kept))
        return tuple(found)

    def _give_up(self, error: Exception) -> None:
        self._aggregations = None
        fast_ways.fall_back(NAME, error)


def _eligible(consumer: Any, sampled: bool, measurement: _Measurement) -> bool:
    """Return what the exemplar filter says; the standard one says whether the span is sampled."""
    chosen = consumer._sdk_config.exemplar_filter
    kind = type(chosen)
    if kind is TraceBasedExemplarFilter:
        return sampled
    if kind is AlwaysOnExemplarFilter or kind is AlwaysOffExemplarFilter:
        return kind is AlwaysOnExemplarFilter
    return bool(
        chosen.should_sample(measurement.value, measurement.time_unix_nano, measurement.attributes, measurement.context)
    )


def _wants_exemplar(aggregation: Any) -> bool:
    """Return False for a counter that has one since the last collection: it shows one of them, whichever."""
    if type(aggregation).__name__ != "_SumAggregation":
        return True
    return not getattr(aggregation._reservoir, "_measurements_seen", 0)


def _all_are_buckets(aggregations: tuple[Any, ...]) -> bool:
    return all(type(one).__name__ == "_ExplicitBucketHistogramAggregation" for one in aggregations)


def _add_to_buckets(aggregation: Any, values: tuple[float, ...]) -> None:
    edges = aggregation._boundaries
    with aggregation._lock:
        if aggregation._value is None:
            aggregation._value = aggregation._get_empty_bucket_counts()
        counts = aggregation._value
        for value in values:
            counts[bisect_left(edges, value)] += 1
        aggregation._sum = sum(values, aggregation._sum)
        if aggregation._record_min_max:
            aggregation._min = min(aggregation._min, *values)
            aggregation._max = max(aggregation._max, *values)


@cache
def _hash_function() -> Any:
    from opentelemetry.sdk.metrics._internal import _view_instrument_match  # noqa: PLC0415 - not in every version

    return _view_instrument_match._hash_attributes


# -- the probe ---------------------------------------------------------------------------------------------------------


def feeder(*, fast: bool) -> Feeder:
    """Return what makes feeds: the SDK's own aggregations if they are as expected, else the API."""
    if not fast:
        fast_ways.fall_back(NAME, fast_ways.OFF)
        return PublicFeed
    if (problem := _problem()) is not None:
        fast_ways.fall_back(NAME, problem)
        return PublicFeed
    fast_ways.use(NAME)
    return _feed


def _feed(instrument: Any, attributes: Attributes) -> Feed:
    """Return the fast feed of an instrument of the SDK, and the public one of any other."""
    if type(instrument).__module__.startswith("opentelemetry.sdk."):
        return SdkFeed(instrument, attributes)
    return PublicFeed(instrument, attributes)


@cache
def _problem() -> str | None:
    """Return why this version of the SDK cannot be fed directly, or None; both ways must give the same numbers."""
    try:
        fast, public = _points(SdkFeed), _points(PublicFeed)
    except Exception as error:
        return f"not possible with this version of the SDK ({type(error).__name__})"
    return None if fast == public else "not possible with this version of the SDK (other numbers)"


def _points(make: Feeder) -> list[Any]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=Resource.get_empty(), shutdown_on_exit=False)
    meter = provider.get_meter("probe")
    histogram = meter.create_histogram("h", explicit_bucket_boundaries_advisory=[1.0, 2.0])
    counter = meter.create_counter("c")
    context = Context()
    instruments: tuple[metrics.Counter | metrics.Histogram, ...] = (counter, histogram)
    for instrument in instruments:
        feed = make(instrument, {"a": "x", "n": 1})
        for value in (1, 2.5, 0.25):
            feed.take(value, context, sampled=False)
    make(histogram, {"a": "y"}).take_all((0.5, 1.0, 3.0), context, sampled=False)
    data = reader.get_metrics_data()
    provider.shutdown()
    return [
        (dict(point.attributes or {}), [getattr(point, name, None) for name in ("value", *_HISTOGRAM_FIELDS)])
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


_HISTOGRAM_FIELDS: Final = ("count", "sum", "bucket_counts", "explicit_bounds", "min", "max")
