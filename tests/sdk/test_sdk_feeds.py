"""Promises of :mod:`hydrochat_otel.sdk.sdk_feeds`: the fast path and the public one give the same points."""

import inspect
import random

import pytest
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    Counter,
    ExemplarFilter,
    Histogram,
    MeterProvider,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics._internal import _view_instrument_match
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)

from hydrochat_otel.instrumentation.feeds import PublicFeeder
from hydrochat_otel.instrumentation.finished import Ended
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk import fast_ways, sdk_feeds

FEEDER = sdk_feeds.SdkFeeder()
DELTA = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
VIEWS = {
    "none": [],
    "fewer_attributes": [View(instrument_name="*", attribute_keys={"a"})],
    "dropped": [View(instrument_name="c", aggregation=DropAggregation())],
    "other_edges": [View(instrument_name="h", aggregation=ExplicitBucketHistogramAggregation([0.5, 5]))],
    "no_min_max": [
        View(instrument_name="h", aggregation=ExplicitBucketHistogramAggregation([0.5, 5], record_min_max=False))
    ],
    "exponential": [View(instrument_name="h", aggregation=ExponentialBucketHistogramAggregation())],
    "two": [View(instrument_name="h", name="one"), View(instrument_name="h", name="two", attribute_keys=set())],
}
if "aggregation_cardinality_limit" in inspect.signature(View).parameters:  # not yet in the lowest SDK
    VIEWS["limited"] = [View(instrument_name="*", aggregation_cardinality_limit=1)]


with_fast_feeds = pytest.mark.skipif(
    not hasattr(_view_instrument_match, "_hash_attributes"),
    reason="this opentelemetry-sdk has other internals, so it is fed by its public functions",
)


class OddValues(ExemplarFilter):
    """A filter of the host's own."""

    def should_sample(self, value, time_unix_nano, attributes, context):
        return value % 2 == 1


def inside(number, *, sampled):
    """Return the end of work in a span."""
    return Ended(0.0, 0, "ok", None, number, number, is_sampled=sampled)


NOWHERE = Ended(0.0, 0, "ok", None)


def collected(reader):
    """Return everything a reader sees, except the times."""
    data = reader.get_metrics_data()
    return [
        (
            metric.name,
            metric.unit,
            type(metric.data).__name__,
            getattr(metric.data, "aggregation_temporality", None),
            dict(point.attributes),
            [
                getattr(point, field, None)
                for field in ("value", "count", "sum", "bucket_counts", "explicit_bounds", "min", "max", "positive")
            ],
            [
                (one.value, one.filtered_attributes, one.trace_id, one.span_id, one.time_unix_nano > 0)
                for one in point.exemplars
            ],
        )
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


def points(feeder, views, exemplar_filter, *temporalities):
    """Return what each reader sees after two collections of the same measurements on one path."""
    readers = [InMemoryMetricReader(preferred_temporality=temporality) for temporality in temporalities]
    provider = MeterProvider(readers, views=views, exemplar_filter=exemplar_filter, shutdown_on_exit=False)
    meter = provider.get_meter("test")
    counter = meter.create_counter("c", "{call}")
    histogram = meter.create_histogram("h", "s", explicit_bucket_boundaries_advisory=[1.0, 2.0, 4.0])
    seen = []
    counters = [feeder.feed(counter, {"a": name, "n": 1}) for name in ("x", "y")]
    histograms = [feeder.feed(histogram, {"a": name, "n": 1}) for name in ("x", "y")]
    for round_ in (1, 2):
        for number, feed in enumerate((*counters, *histograms), start=1):
            feed.take(round_ * number, inside(number, sampled=number % 2 == 0))
        histograms[0].take_all((0.5, 1.0, 1.5, 9.0), inside(7, sampled=True))
        histograms[0].take_all((), inside(8, sampled=True))
        feeder.flush()
        seen.append([collected(reader) for reader in readers])
    provider.shutdown()
    return seen


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize(
    "exemplar_filter",
    [TraceBasedExemplarFilter(), AlwaysOnExemplarFilter(), AlwaysOffExemplarFilter(), OddValues()],
    ids=["trace_based", "always_on", "always_off", "own"],
)
@pytest.mark.parametrize("temporalities", [({},), (DELTA,), ({}, DELTA)], ids=["cumulative", "delta", "both"])
def test_both_paths_give_the_same_points(views, exemplar_filter, temporalities):
    """Values, buckets, attributes, exemplars, views, limits and temporality are those of the SDK's own functions."""
    fast = points(sdk_feeds.SdkFeeder(), views, exemplar_filter, *temporalities)
    assert fast == points(PublicFeeder(), views, exemplar_filter, *temporalities)
    assert any(fast[0]) or not views


@pytest.mark.parametrize("seed", range(8))
def test_many_values_give_the_points_of_single_ones(seed):
    """Values of all sizes, taken together and one by one: the same sums to the last bit, buckets and exemplars."""
    chance = random.Random(seed)
    sampled = chance.choice([0.0, 0.1, 1.0])
    batches = [
        [(chance.choice([1.0, 2.0, 4.0, 8 * chance.random()]), chance.random() < sampled) for _ in range(number)]
        for number in (1, 2, 30, 300)
    ]

    def points_of(take):
        random.seed(seed)  # some versions of the SDK choose exemplars at random
        reader = InMemoryMetricReader()
        provider = MeterProvider([reader], shutdown_on_exit=False)
        meter = provider.get_meter("test")
        feeder = sdk_feeds.SdkFeeder()
        histogram = meter.create_histogram("h", explicit_bucket_boundaries_advisory=[1.0, 2.0, 4.0])
        feeds = [feeder.feed(one, {"a": "x"}) for one in (histogram, meter.create_counter("c"))]
        seen = []
        for batch in batches:
            origins = [inside(number, sampled=sampled) for number, (_, sampled) in enumerate(batch, start=1)]
            for feed in feeds:
                take(feed, [value for value, _ in batch], origins)
            feeder.flush()
            seen.append(collected(reader))
        provider.shutdown()
        return seen

    def one_by_one(feed, values, origins):
        for value, origin in zip(values, origins, strict=True):
            feed.take(value, origin)

    assert points_of(lambda feed, values, origins: feed.take_each(values, origins)) == points_of(one_by_one)


def test_a_reader_that_comes_later_sees_what_follows():
    """A feed looks its aggregations up again when a reader was added or removed."""
    first, second = InMemoryMetricReader(), InMemoryMetricReader()
    provider = MeterProvider([first], shutdown_on_exit=False)
    feed = FEEDER.feed(provider.get_meter("test").create_counter("c"), {"a": "x"})
    feed.take(1, NOWHERE)
    provider.add_metric_reader(second)
    feed.take(2, NOWHERE)
    assert [[row[5][0] for row in collected(reader)] for reader in (first, second)] == [[3], [2]]
    provider.remove_metric_reader(first)
    feed.take(4, NOWHERE)
    assert [row[5][0] for row in collected(second)] == [6]


@with_fast_feeds
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_what_the_sdk_refuses_is_refused(value):
    """A negative or infinite value uses the public path, which drops it with a warning."""
    reader = InMemoryMetricReader()
    counter = MeterProvider([reader], shutdown_on_exit=False).get_meter("test").create_counter("c")
    feed = FEEDER.feed(counter, {})
    feed.take(1, NOWHERE)
    feed.take(value, NOWHERE)
    assert [row[5][0] for row in collected(reader)] == [1]


@with_fast_feeds
def test_a_counter_shows_one_exemplar_for_each_collection():
    """Of many measurements one is offered, with the trace of its own call."""
    reader = InMemoryMetricReader()
    counter = MeterProvider([reader], shutdown_on_exit=False).get_meter("test").create_counter("c")
    feed = FEEDER.feed(counter, {})
    for number in (1, 2, 3):
        feed.take(1, inside(number, sampled=True))
    FEEDER.flush()
    assert [one[2] for row in collected(reader) for one in row[6]] == [1]


@with_fast_feeds
def test_an_sdk_with_other_internals_uses_the_public_path(monkeypatch, install):
    """If a private name is missing, everything is recorded by the public functions, and the report says so."""
    monkeypatch.delattr("opentelemetry.sdk.metrics._internal._view_instrument_match._hash_attributes")
    sdk_feeds._hash_function.cache_clear()
    sdk_feeds._problem.cache_clear()
    try:
        assert isinstance(sdk_feeds.feeder(fast=True), PublicFeeder)
    finally:
        monkeypatch.undo()
        sdk_feeds._hash_function.cache_clear()
        sdk_feeds._problem.cache_clear()
    assert fast_ways.report()["feeds"].startswith("not possible with this version of the SDK")
    assert failures.counts() == {}


def test_a_fast_path_that_falls_back_by_itself_is_not_in_use(monkeypatch, install):
    """An SDK whose aggregations cannot be found gives the same numbers by the public path, and the report says so."""

    def refuse():
        raise AttributeError

    monkeypatch.setattr(sdk_feeds, "_hash_function", refuse)
    sdk_feeds._problem.cache_clear()
    try:
        assert isinstance(sdk_feeds.feeder(fast=True), PublicFeeder)
    finally:
        sdk_feeds._problem.cache_clear()
    assert fast_ways.report()["feeds"] == "fell back to the public way (AttributeError)"
    assert failures.counts() == {}


@with_fast_feeds
def test_the_setting_turns_it_off(install):
    """`HYDROCHAT_FAST=0` uses the public functions only; the default setting uses the fast path."""
    install(fast=False)
    assert fast_ways.report()["feeds"] == fast_ways.OFF
    assert isinstance(sdk_feeds.feeder(fast=True), sdk_feeds.SdkFeeder)
    assert fast_ways.report()["feeds"] == fast_ways.IN_USE
