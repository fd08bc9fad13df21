"""Promises of :mod:`hydrochat_otel.fleet.merging` and :mod:`hydrochat_otel.fleet.fleet_snapshot`."""

import math

import pytest
from hypothesis import given, strategies as st

from hydrochat_otel import semconv
from hydrochat_otel.fleet import fleet_snapshot, merging
from hydrochat_otel.fleet.totals import Totals
from hydrochat_otel.window.contents import Filling
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import (
    Budget,
    Exemplar,
    Family,
    Forecast,
    HistogramPoint,
    NumberPoint,
    Retention,
    Sharing,
)

DAY_S = 86_400.0


def counter(*points, name="calls", scope="x"):
    return Family(name, "counter", "{call}", "Calls.", scope, "1", points)


def histogram(*points, name="time"):
    return Family(name, "histogram", "s", "Time.", "x", "1", points)


def gauge(value, name="temperature", *, scope="x", additive=False):
    return Family(name, "gauge", "1", "Now.", scope, "1", (NumberPoint({}, value),), additive)


def number(value, *exemplars, **labels):
    return NumberPoint(labels, value, exemplars)


def test_exact_families_are_made_once():
    """A family that has not changed gives the same family on the grid again, and a merged one stays the same object."""
    ours, theirs = (counter(number(0.1), name="a"), histogram(), gauge(1.5)), (counter(number(2), name="a"),)
    first = merging.exact(ours)
    assert all(one is other for one, other in zip(first, merging.exact(ours), strict=True))
    assert first == merging.exact((counter(number(0.1), name="a"), histogram(), gauge(1.5)))
    again = [merging.merged([merging.exact(ours), theirs]) for _ in range(2)]
    assert again[0][0] is again[1][0]
    assert again[0][0].points[0].value > 2


def test_counters_add_up_series_by_series():
    """Series with the same attributes are added, whatever their order; the others stay beside them."""
    one = (counter(number(1, model="a", outcome="ok"), number(2, model="b")),)
    other = (counter(number(10, outcome="ok", model="a"), number(20, model="c")), counter(number(5), name="more"))
    assert merging.merged([one, other]) == (
        counter(number(11, model="a", outcome="ok"), number(2, model="b"), number(20, model="c")),
        counter(number(5), name="more"),
    )


def test_metrics_of_the_same_name_in_two_scopes_stay_two():
    """Metrics are the same only within one scope; its version does not matter."""
    newer = Family("calls", "counter", "{call}", "Calls.", "x", "2", (number(2),))
    assert merging.merged([(counter(number(1)),), (newer, counter(number(4), scope="y"))]) == (
        counter(number(3)),
        counter(number(4), scope="y"),
    )


def test_histograms_add_up_bucket_by_bucket():
    """Buckets and sums are added; of each bucket's exemplars the newest stays."""
    old, new = Exemplar(0.5, 1.0, "a" * 32, "a" * 16), Exemplar(0.7, 2.0, "b" * 32, "b" * 16)
    other_bucket = Exemplar(3.0, 1.5, "c" * 32, "c" * 16)
    one = HistogramPoint({}, (1.0, 2.0), (1, 2, 3), 9.0, (old, other_bucket))
    two = HistogramPoint({}, (1.0, 2.0), (10, 20, 30), 90.0, (new,))
    [merged] = merging.merged([(histogram(one),), (histogram(two),)])
    assert merged == histogram(HistogramPoint({}, (1.0, 2.0), (11, 22, 33), 99.0, (new, other_bucket)))


def test_histograms_of_other_edges_meet_on_the_edges_that_both_know():
    """While buckets change with a new version no count is lost, and no bucket claims more than is certain."""
    one = HistogramPoint({}, (1.0, 2.0, 5.0), (1, 2, 3, 4), 9.0)
    two = HistogramPoint({}, (1.0, 3.0, 5.0), (10, 0, 20, 30), 90.0)
    [merged] = merging.merged([(histogram(one),), (histogram(two),)])
    assert merged.points == (HistogramPoint({}, (1.0, 2.0, 5.0), (11, 2, 23, 34), 99.0),)


@given(
    values=st.lists(st.lists(st.floats(0, 100), max_size=20), min_size=2, max_size=3),
    edges=st.lists(st.lists(st.sampled_from([1.0, 2.0, 5.0, 10.0, 50.0]), unique=True, max_size=4), min_size=3),
)
def test_any_histograms_together_are_right_wherever_they_say_something(values, edges):
    """Each bucket of the merged histogram holds exactly the values that fall into it."""
    points = []
    for seen, its_edges in zip(values, edges, strict=False):
        bounds = sorted(its_edges)
        counts = [0] * (len(bounds) + 1)
        for value in seen:
            counts[sum(value > bound for bound in bounds)] += 1
        points.append(HistogramPoint({}, tuple(bounds), tuple(counts), sum(seen)))
    [merged] = merging.merged([(histogram(point),) for point in points])
    [point] = merged.points
    everything = [value for seen in values for value in seen]
    assert sum(point.counts) == len(everything)
    assert point.sum == pytest.approx(sum(everything))
    for index, edge in enumerate(point.edges):
        assert sum(point.counts[: index + 1]) == sum(value <= edge for value in everything)


@pytest.mark.parametrize(
    ("families", "value"),
    [
        pytest.param((gauge(3), gauge(5)), 5, id="the highest of another library's gauge"),
        pytest.param((gauge(3, additive=True), gauge(5, additive=True)), 8, id="the sum of an up-down counter"),
        *(
            pytest.param(tuple(gauge(value, spec.name, scope=semconv.SCOPE) for value in (3, 1)), value, id=spec.name)
            for spec, value in ((semconv.INSTRUMENTATION_ACTIVE, 1), (semconv.PRICE_BOOK_AGE, 3))
        ),
    ],
)
def test_gauges_combine_by_their_meaning(families, value):
    """Our gauges combine as their specification says, others' as the SDK describes them."""
    [merged] = merging.merged([(family,) for family in families])
    assert merged.points == (NumberPoint({}, value),)


def test_what_was_counted_before_can_be_taken_away():
    """Less a base, counters and histograms show what was added since; gauges and new series stay."""
    base = (counter(number(3, model="a")), histogram(HistogramPoint({}, (1.0,), (1, 1), 3.0)), gauge(7))
    now = (
        counter(number(5, model="a"), number(1, model="b")),
        histogram(HistogramPoint({}, (1.0,), (2, 1), 3.5)),
        gauge(8),
    )
    assert merging.minus(now, base) == (
        counter(number(2, model="a"), number(1, model="b")),
        histogram(HistogramPoint({}, (1.0,), (1, 0), 0.5)),
        gauge(8),
    )
    assert merging.counts_anything(merging.minus(now, now)) is False
    assert merging.counts_anything(merging.minus(now, base)) is True


def test_departed_totals_keep_counters_and_histograms_only():
    """Departed totals have no gauges and no exemplars, and at most as many series as the SDK keeps of a process."""
    exemplar = Exemplar(0.5, 1.0, "a" * 32, "a" * 16)
    series = [number(1, exemplar, model=str(index)) for index in range(5)]
    assert merging.lasting((counter(*series), gauge(1)), max_series=3) == (
        counter(number(1, model="0"), number(1, model="1"), NumberPoint(merging.OVERFLOW, 3)),
    )
    again = merging.lasting((counter(*series, NumberPoint(merging.OVERFLOW, 3)),), max_series=3)
    assert again[0].points[-1] == NumberPoint(merging.OVERFLOW, 6)


def totals(name, families=(), resource=None):
    return Totals(name, 1, 0.0, resource or {"service.name": "chat"}, tuple(families), {})


def test_the_snapshot_of_all_members():
    """Window, evictions, budget and number of workers are those of all, not the sum of what each member reports."""
    each = [gauge(value, spec.name, scope=semconv.SCOPE) for spec, value in ((semconv.RETENTION_ENTRIES, 40),)]
    points = (number(2, **{semconv.REASON: "capacity"}),)
    dropped = Family(semconv.RETENTION_EVICTED.name, "counter", "{entry}", "", semconv.SCOPE, "", points)
    now_s = 10 * DAY_S
    entries = [Entry("operation", "turn", 1.0, now_s - age_s) for age_s in (2 * DAY_S, 30, 20, 10)]
    budget = Budget(1.5, 9.0, 10.0, 300.0, forecast=Forecast(30.0, 20.0, 40.0))
    evicted = {"capacity": 7, "age": 1}
    parts = [(dropped,), (*each, dropped), each, (fleet_snapshot.evicted_family(evicted),)]
    snapshot = fleet_snapshot.snapshot_of(
        parts,
        fleet_snapshot.contents_of(entries, evicted, unix_s=now_s, max_entries=2, ttl_hours=24.0),
        resource={},
        unix_s=now_s,
        budget=budget,
        days={},
        sharing=Sharing("redis", 2),
    )
    assert snapshot.entries == tuple(entries[2:])
    assert snapshot.retention == Retention(2, 24.0, 2, 100.0)
    assert snapshot.sums_by(semconv.RETENTION_EVICTED, semconv.REASON) == {("capacity",): 11, ("age",): 1}
    assert {
        spec.name: {tuple(point.attributes.values()): point.value for point in snapshot.numbers(spec)}
        for spec in (
            semconv.RETENTION_ENTRIES,
            semconv.RETENTION_UTILIZATION,
            semconv.RETENTION_COVERED,
            semconv.STATE_WORKERS,
            semconv.LLM_SPEND,
            semconv.LLM_BUDGET,
            semconv.LLM_FORECAST,
        )
    } == {
        "hydrochat.retention.entries": {(): 2},
        "hydrochat.retention.utilization_ratio": {(): 1.0},
        "hydrochat.retention.covered": {(): 20.0},
        "hydrochat.state.workers": {(): 2},
        "hydrochat.llm.spend": {("day",): 1.5, ("month",): 9.0},
        "hydrochat.llm.budget": {("day",): 10.0, ("month",): 300.0},
        "hydrochat.llm.forecast": {("expected",): 30.0, ("low",): 20.0, ("high",): 40.0},
    }


def test_a_forecast_that_has_ended():
    """Without a forecast for all, one that a member still reports is not shown."""
    points = (NumberPoint({semconv.BOUND: "low"}, 2.0),)
    reported = Family("hydrochat.llm.forecast", "gauge", "{USD}", "", semconv.SCOPE, "1", points)
    shown = {}
    for forecast in (None, Forecast(30.0, 20.0, 40.0)):
        filling, budget = Filling(0, 10, 0.0), Budget(forecast=forecast)
        families = fleet_snapshot.families_of([(reported,)], filling, budget, 1)
        shown[forecast] = [
            [point.value for point in one.points] for one in families if one.name == "hydrochat.llm.forecast"
        ]
    assert list(shown.values()) == [[], [[30.0, 20.0, 40.0]]]


@pytest.mark.parametrize(
    ("named", "resource"),
    [
        (False, {"service.name": "chat", "process.runtime.name": "cpython"}),
        (True, {"service.name": "chat", "process.runtime.name": "cpython", "service.instance.id": "i-1"}),
    ],
)
def test_the_resource_is_what_all_have_in_common(named, resource):
    """Nothing that tells one process from the next is in it, unless the user names the instance."""
    of_each = {**resource, "service.instance.id": "i-1"}
    members = [
        Totals("", 0, 0.0, {}, (), {}),
        totals("a", resource={**of_each, "process.pid": "1", "host.name": "a"}),
        totals("b", resource={**of_each, "process.pid": "1", "host.name": "b"}),
    ]
    assert fleet_snapshot.common_resource(members, instance_is_named=named) == resource


def test_infinite_edges_merge():
    """An exponential histogram that reached the largest number adds up like every other."""
    point = HistogramPoint({}, (1.0, math.inf), (1, 2, 0), 9.0)
    [merged] = merging.merged([(histogram(point),), (histogram(point),)])
    assert merged.points == (HistogramPoint({}, (1.0, math.inf), (2, 4, 0), 18.0),)


def test_the_sum_of_unchanged_families_is_the_same_object():
    """Two small families that are merged again give the same object; a changed one of them gives a new sum."""
    own, whole = (counter(number(1)),), (counter(number(2)),)
    first = merging.merged([own, whole])
    assert merging.merged([own, whole])[0] is first[0]
    assert merging.merged([own, (counter(number(4)),)]) == (counter(number(5)),)
    assert merging.merged([own, whole, whole]) == (counter(number(5)),)
    assert merging.merged([own, whole]) == first
