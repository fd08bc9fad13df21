"""Promises of :mod:`hydrochat_otel.sdk.quick_collection`: the families of a collection of the SDK, with less work."""

import pytest
from hypothesis import given, settings, strategies
from opentelemetry import trace
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    Counter,
    MeterProvider,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics._internal.exemplar import exemplar_reservoir
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    LastValueAggregation,
    View,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from hydrochat_otel.instrumentation.own_callbacks import OwnCallback
from hydrochat_otel.runtime import failures
from hydrochat_otel.sdk import fast_ways, quick_collection
from hydrochat_otel.sdk.conversion import families
from hydrochat_otel.sdk.kept_families import UnexpectedError
from hydrochat_otel.sdk.newest_exemplars import NewestExemplars
from hydrochat_otel.sdk.reader import SnapshotReader

VIEWS = {
    "none": [],
    "fewer_attributes": [View(instrument_name="*", attribute_keys={"a"})],
    "dropped": [View(instrument_name="counter", aggregation=DropAggregation())],
    "observed_dropped": [View(instrument_name="ours", aggregation=DropAggregation())],
    "other_edges": [View(instrument_name="histogram", aggregation=ExplicitBucketHistogramAggregation([0.5, 5]))],
    "exponential": [View(instrument_name="histogram", aggregation=ExponentialBucketHistogramAggregation())],
    "last_value": [View(instrument_name="up.down", aggregation=LastValueAggregation())],
    "two": [
        View(instrument_name="histogram", name="one"),
        View(instrument_name="histogram", name="two", attribute_keys=set()),
    ],
}
FILTERS = {"trace_based": TraceBasedExemplarFilter, "on": AlwaysOnExemplarFilter, "off": AlwaysOffExemplarFilter}
LABELS = ({}, {"a": "x"}, {"a": "y", "n": 1}, {"a": "y", "n": True})
VALUES = (0, 1, 2.5, 0.0, 7)


class Both:
    """One provider, read by a collection of the SDK and by a quick one."""

    def __init__(self, views="none", exemplars="trace_based"):
        self.public = InMemoryMetricReader()
        self.other = InMemoryMetricReader()
        self.provider = MeterProvider(
            [self.public, self.other],
            views=VIEWS[views],
            exemplar_filter=FILTERS[exemplars](),
            shutdown_on_exit=False,
        )
        self.newest, self.quick = NewestExemplars(), quick_collection.QuickCollection(NewestExemplars())
        self.observed = {"ours": [], "theirs": [], "theirs.sum": []}
        self.asked = []
        meter, second = self.provider.get_meter("first"), self.provider.get_meter("second", "2")
        self.counter = meter.create_counter("counter", "{call}", "Calls")
        self.of_second = second.create_counter("counter")
        meter.create_observable_counter(
            "ours", [OwnCallback(lambda: self.asked.append("ours") or self.observed["ours"])]
        )
        second.create_observable_gauge("theirs", [self.callback("theirs")], "s")
        second.create_observable_counter("theirs.sum", [self.callback("theirs.sum")])
        self.histogram = meter.create_histogram("histogram", "s", explicit_bucket_boundaries_advisory=[1.0, 2.0])
        self.up_down = meter.create_up_down_counter("up.down")
        self.gauge = second.create_gauge("gauge")

    def callback(self, name):
        def observe(_):
            self.asked.append(name)
            return [Observation(value, labels) for value, labels in self.observed[name]]

        return observe

    def collected(self):
        data = self.public.get_metrics_data()
        made = families(data) if data else ()
        return [self.newest.completed_family(one) for one in made]

    def quickly(self):
        return self.quick.families(self.provider._measurement_consumer, self.other)

    def is_equal(self):
        """Return whether both are equal, in the types of their numbers as well."""
        return shown(self.collected()) == shown(self.quickly())


def shown(found):
    """Return everything of families but when exemplars of both readers were made."""
    return [repr(one) for one in found]


def spanning(number):
    span = NonRecordingSpan(SpanContext(number, number, is_remote=False, trace_flags=TraceFlags(number % 2)))
    return trace.set_span_in_context(span) if number else None


def step(both, name, value, labels, number):
    if name in both.observed:
        if name == "ours":
            value, labels = float(value), {key: str(label) for key, label in labels.items()}
        both.observed[name] = [(value, labels), (value, {"a": "z"})][: number + 1]
    elif name == "nothing":
        return
    elif name == "histogram":
        both.histogram.record(value, labels, spanning(number))
    elif name == "gauge":
        both.gauge.set(value, labels, spanning(number))
    else:
        getattr(both, name).add(value, labels, spanning(number))


STEPS = ("nothing", "counter", "of_second", "histogram", "up_down", "gauge", "ours", "theirs", "theirs.sum")


@pytest.fixture(scope="module", autouse=True)
def certain_exemplars():
    """Let the SDK choose the last of several exemplars, instead of one at random for each reader."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(exemplar_reservoir, "randrange", lambda start, _: start)
        yield


@settings(max_examples=150)
@given(
    views=strategies.sampled_from(sorted(VIEWS)),
    exemplars=strategies.sampled_from(sorted(FILTERS)),
    steps=strategies.lists(
        strategies.tuples(
            strategies.sampled_from(STEPS),
            strategies.sampled_from(VALUES),
            strategies.sampled_from(LABELS),
            strategies.integers(0, 3),
            strategies.booleans(),
        ),
        min_size=3,
        max_size=12,
    ),
)
def test_it_collects_what_the_sdk_collects(views, exemplars, steps):
    """After any measurements, views and exemplars, each collection gives the families of the SDK's."""
    both = Both(views, exemplars)
    for *one, collect in steps:
        step(both, *one)
        if collect:
            assert both.is_equal()
    assert both.is_equal()
    assert both.is_equal()


def test_a_family_without_changes_is_the_same_object():
    """A family is a new object only if something was recorded in it; without a change so is the answer."""
    both = Both()
    both.counter.add(1)
    both.histogram.record(1.5, {"a": "x"})
    both.observed.update(ours=[(1, {})], theirs=[(2, {})])
    first = both.quickly()
    assert both.quickly() is first
    both.counter.add(1, {"a": "new"})
    second = both.quickly()
    assert [one is other for one, other in zip(first, second, strict=True)] == [False, True, True, True]


def test_callbacks_of_the_application_are_asked_each_time():
    """Each collection calls each callback of the application once, whether or not anything else has changed."""
    both = Both()
    both.observed.update(theirs=[(2, {})])
    for _ in range(3):
        both.quickly()
    assert both.asked.count("theirs") == both.asked.count("theirs.sum") == 3


def test_what_a_snapshot_supersedes_is_asked_once():
    """A gauge of ours whose value each snapshot replaces is observed by the first collection only, others by each."""
    both, asked = Both(), []

    def observing(name):
        return lambda: asked.append(name) or [(len(asked), {})]

    meter = both.provider.get_meter("first")
    meter.create_observable_gauge("superseded", [OwnCallback(observing("superseded"), once=True)])
    meter.create_observable_gauge("plain", [OwnCallback(observing("plain"))])
    for _ in range(3):
        names = [one.name for one in both.quickly()]
    assert names == ["superseded", "plain"]
    # A changed value is asked for once more, by the SDK's own function.
    assert (asked.count("superseded"), asked.count("plain")) == (2, 6)


def test_a_gauge_of_ours_without_values_is_asked_once_if_it_was_looked_at():
    """What a snapshot supersedes is asked until there is something to look at, and no longer if that has no values."""
    both, asked, answers = Both(), [], [None, None, [], []]

    def observe():
        asked.append(True)
        return answers.pop(0)

    both.provider.get_meter("first").create_observable_gauge("later", [OwnCallback(observe, once=True)])
    for _ in range(6):
        both.quickly()
    assert answers == [[]]


def test_an_interrupted_collection_is_not_taken_for_a_quiet_one(monkeypatch):
    """If a signal handler raises after a family was renewed, the next collection shows the new family."""
    both = Both()
    both.counter.add(1)
    both.quickly()
    both.counter.add(1)
    with monkeypatch.context() as patched:
        patched.setattr(quick_collection, "is_", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            both.quickly()
    assert both.is_equal()


def test_a_collection_by_another_way_is_noticed():
    """If the SDK collects for the same reader in between, the next quick collection still has everything."""
    both = Both()
    for number in range(3):
        both.counter.add(number)
        both.histogram.record(number, {"a": "x"})
        both.other.get_metrics_data()
        assert both.is_equal()


def test_an_exemplar_that_arrives_after_its_value():
    """An exemplar that is offered after the collection of its value is in the next answer."""
    both = Both()
    both.histogram.record(1.5, {"a": "x"})
    both.is_equal()
    for storage in both.provider._measurement_consumer._reader_storages.values():
        (match,) = storage._instrument_view_instrument_matches[both.histogram]
        (aggregation,) = match._attributes_aggregation.values()
        aggregation._reservoir.offer(1.5, 5, {"a": "x"}, spanning(3))
    found = {one.name: one for one in both.quickly()}
    assert [len(point.exemplars) for point in found["histogram"].points] == [1]


def test_a_callback_that_raises_counts_nothing_twice():
    """After a collection that a callback has ended, the next one shows each observed counter once."""
    both = Both()
    both.observed.update(ours=[(3, {})])
    failing = []
    both.provider.get_meter("third").create_observable_gauge("failing", [lambda _: failing.pop() or []])
    for error in (SystemExit(3), None):
        failing.append(error)

        def fail(_, error=error):
            if error is not None:
                raise error
            return []

        both.provider._measurement_consumer._async_instruments[-1]._callbacks[0] = fail
        if error is not None:
            with pytest.raises(SystemExit):
                both.quickly()
    assert [(one.name, one.points[0].value) for one in both.quickly()] == [("ours", 3)]


def test_an_interrupted_collection_counts_nothing_twice(monkeypatch):
    """If a signal handler ends a collection between observing and collecting, the next one shows the right numbers."""
    both = Both()
    both.counter.add(1)
    both.observed.update(ours=[(3, {})], **{"theirs.sum": [(4, {})]})
    with monkeypatch.context() as patched:
        patched.setattr(both.quick, "_renew", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            both.quickly()
    assert both.is_equal()


def reading(fast=True):
    reader = SnapshotReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("application")
    reader.choose_way(fast=fast)
    meter.create_counter("calls").add(2)
    return reader, meter


@pytest.mark.parametrize("fast", [True, False])
def test_the_way_is_reported(fast):
    """The reader collects quickly only if that is allowed, and either way reads the same."""
    reader, meter = reading(fast)
    meter.create_observable_counter("seen", [lambda _: [Observation(5)]])
    for _ in range(2):
        assert [(one.name, one.points[0].value) for one in reader.read()[0]] == [("calls", 2), ("seen", 5)]
        assert "telemetry.sdk.name" in reader.read()[1]
        assert fast_ways.report()["collection"] == (fast_ways.IN_USE if fast else fast_ways.OFF)


def test_another_sdk_is_read_by_its_own_collection(monkeypatch):
    """If the storages are not as expected, the SDK's own collection is used from then on, which is counted."""
    reader, meter = reading()
    meter.create_observable_counter("seen", [lambda _: [Observation(5)]])
    monkeypatch.setattr(quick_collection, "kept_family", lambda *_: (_ for _ in ()).throw(AttributeError("_value")))
    for _ in range(2):
        assert [(one.name, one.points[0].value) for one in reader.read()[0]] == [("calls", 2), ("seen", 5)]
    assert fast_ways.report()["collection"] == "fell back to the public way (AttributeError)"
    assert failures.counts() == {"sdk.collection": 1}


def test_a_reader_of_differences_is_not_collected_quickly():
    """A reader of deltas is refused: what was not recorded since the last collection is not the same as then."""
    reader = InMemoryMetricReader(preferred_temporality={Counter: AggregationTemporality.DELTA})
    provider = MeterProvider([reader], shutdown_on_exit=False)
    with pytest.raises(UnexpectedError):
        quick_collection.QuickCollection(NewestExemplars()).families(provider._measurement_consumer, reader)


def test_nothing_before_and_after_the_registration():
    """A reader that no provider has, and one whose provider has no metrics, reads nothing."""
    reader = SnapshotReader()
    reader.choose_way(fast=True)
    assert reader.read() == ((), {})
    provider = MeterProvider([reader], shutdown_on_exit=False)
    assert reader.read() == ((), {})
    provider.get_meter("application").create_counter("calls").add(1)
    assert [one.name for one in reader.read()[0]] == ["calls"]
    provider.remove_metric_reader(reader)
    assert reader.read() == ((), {})
