"""Promises of merging: whatever the order and the grouping of members, the sum is the same; a member can only add."""

from fuzz import mutations
from hypothesis import given, settings, strategies as st

from hydrochat_otel import semconv
from hydrochat_otel.fleet import merging
from hydrochat_otel.fleet.checks import DecodingError
from hydrochat_otel.fleet.totals import Totals, decode_totals, encode_totals
from hydrochat_otel.window.snapshot import Exemplar, Family, HistogramPoint, NumberPoint

EDGES = (0.5, 1.0, 2.0)
ON_GRID = st.integers(0, 2**40).map(lambda steps: steps / 2**26)
LABELS = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), max_size=2)
EXEMPLAR = st.builds(Exemplar, ON_GRID, st.just(1.0), st.just("a" * 32), st.just("b" * 16))
NUMBER = st.builds(NumberPoint, LABELS, ON_GRID)
HISTOGRAM = st.builds(
    HistogramPoint, LABELS, st.just(EDGES), st.tuples(*[st.integers(0, 2**40)] * 4), ON_GRID, st.just(())
)


def _family(name, kind, point, *, scope="x", additive=False):
    points = st.lists(point, max_size=3, unique_by=lambda one: frozenset(one.attributes.items()))
    return points.map(lambda found: Family(name, kind, "s", "", scope, "", tuple(found), additive=additive))


MEMBER = st.tuples(
    _family("counter", "counter", NUMBER),
    _family("histogram", "histogram", HISTOGRAM),
    _family("highest", "gauge", NUMBER),
    _family("sum", "gauge", NUMBER, additive=True),
)


def plain(families):
    """Return everything that counts, without an order."""
    return {
        (family.name, frozenset(point.attributes.items())): (
            (point.counts, point.sum) if isinstance(point, HistogramPoint) else point.value
        )
        for family in families
        for point in family.points
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(MEMBER, min_size=1, max_size=4), st.randoms())
def test_no_order_of_members_changes_a_sum(members, random):
    """Merging is commutative."""
    shuffled = members[:]
    random.shuffle(shuffled)
    assert plain(merging.merged(shuffled)) == plain(merging.merged(members))


@settings(max_examples=30, deadline=None)
@given(MEMBER, MEMBER, MEMBER)
def test_no_grouping_of_members_changes_a_sum(one, two, three):
    """Merging is associative, so that the departed may be merged whenever they go."""
    together = plain(merging.merged([one, two, three]))
    assert plain(merging.merged([merging.merged([one, two]), three])) == together
    assert plain(merging.merged([one, merging.merged([two, three])])) == together


@settings(max_examples=30, deadline=None)
@given(MEMBER, MEMBER)
def test_what_was_merged_comes_off_again(base, more):
    """A member that goes on after it was merged counts from there: the sum less the base is what came since."""
    lasting = {"counter", "histogram"}
    rest = plain(merging.minus(merging.merged([base, more]), base))
    zero = {key: value for key, value in rest.items() if key[0] in lasting}
    for key, value in plain(more).items():
        if key[0] in lasting:
            assert zero.pop(key) == value or value == 0
    assert all(value in (0, ((0, 0, 0, 0), 0.0)) for value in zero.values())


HONEST = Totals(
    "honest",
    1,
    1_750_000_000.0,
    {"service.name": "chat"},
    (
        Family(semconv.LLM_CALLS.name, "counter", "{call}", "", semconv.SCOPE, "", (NumberPoint({"m": "x"}, 7),)),
        Family(
            semconv.OPERATION_DURATION.name, "histogram", "s", "", semconv.SCOPE, "",
            (HistogramPoint({"m": "x"}, EDGES, (1, 2, 3, 4), 9.0),),
        ),
    ),
    {},
)  # fmt: skip


def _counted(families):
    sums = {}
    for family in families:
        for point in family.points:
            value = sum(point.counts) if isinstance(point, HistogramPoint) else point.value
            sums[family.scope, family.name] = sums.get((family.scope, family.name), 0) + value
    return sums


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_member_that_lies_takes_nothing_away(random):
    """Whatever a member writes in the place of its totals, no counter of all is below what the others counted."""
    written = mutations.changed_json(encode_totals(HONEST._replace(member="liar")), random)
    try:
        liar = decode_totals(written)
    except DecodingError:
        return
    together = _counted(merging.merged([HONEST.families, liar.families]))
    for key, honest in _counted(HONEST.families).items():
        assert together[key] >= honest
