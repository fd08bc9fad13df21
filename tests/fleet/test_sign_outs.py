"""Promises of :mod:`hydrochat_otel.fleet.sign_outs`: what travels between processes, bounded, in any order."""

import json

import pytest
from fleet.in_memory_backend import Store
from fleet.workers import Worker
from hypothesis import given, strategies as st

from hydrochat_otel.fleet.sign_outs import MAX_SIGN_OUTS, SESSION_S, SignOuts, merged
from hydrochat_otel.fleet.totals import Totals, decode_totals, encode_totals
from hydrochat_otel.fleet.view import departed_of
from hydrochat_otel.runtime import failures

NOW_S = 1_000_000
ENDS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(NOW_S - 10, NOW_S + 3 * SESSION_S), max_size=6)


@given(ENDS, ENDS, ENDS)
def test_the_order_of_merges_makes_no_difference(one, two, three):
    """Merging is commutative, associative and idempotent, also where the bound drops some."""

    def plus(*parts):
        return merged(parts, NOW_S, most=3)

    assert plus(one, two) == plus(two, one)
    assert plus(plus(one, two), three) == plus(one, plus(two, three)) == plus(one, two, three)
    assert plus(one, one) == plus(one)
    assert len(plus(one, two, three)) <= 3


@given(ENDS)
def test_what_has_expired_or_lies_too_far_ahead_is_dropped(ends):
    """Nothing is remembered that has expired, or whose expiry no session can have."""
    assert all(NOW_S < end <= NOW_S + 2 * SESSION_S for end in merged([ends], NOW_S).values())


def test_the_memory_of_a_process_is_bounded(clock):
    """At most so many are known, and each addition removes what has expired."""
    known = SignOuts(most=10, wall=clock.wall)
    for number in range(50):
        known.add({f"session-{number}": int(clock.wall()) + 100 + number})
    assert set(known.known) == {f"session-{number}" for number in range(40, 50)}
    clock.advance(1000)
    assert known.unexpired() == {}
    known.add({"later": int(clock.wall()) + 5})
    assert set(known.known) == {"later"}


def totals(**signed_out):
    return Totals("a", 1, 0.0, {}, (), {}, signed_out=signed_out)


def test_totals_carry_them():
    """They are written and read again; totals of an earlier version have none."""
    assert decode_totals(encode_totals(totals(x=5))) == totals(x=5)
    earlier = json.loads(encode_totals(totals()))
    del earlier["signed_out"]
    assert decode_totals(json.dumps(earlier).encode()).signed_out == {}


@pytest.mark.parametrize(
    "raw", [[], "x", {"a": -1}, {"a": 1.5}, {"a" * 65: 1}, dict.fromkeys(map(str, range(MAX_SIGN_OUTS + 1)), 1)]
)
def test_damaged_ones_cost_only_themselves(raw):
    """Sign-outs that fail the checks are left out and counted; the rest of the totals is read."""
    damaged = {**json.loads(encode_totals(totals())), "signed_out": raw}
    assert decode_totals(json.dumps(damaged).encode()) == totals()
    assert failures.counts() == {"state.record": 1}


def test_departed_members_leave_theirs():
    """The totals of departed members hold the sign-outs of all of them that have not expired."""
    gone = departed_of([totals(x=NOW_S + 5, y=NOW_S - 5), totals(z=NOW_S + 6)], {"a": 1}, NOW_S)
    assert gone.signed_out == {"x": NOW_S + 5, "z": NOW_S + 6}


class Signing(Worker):
    """A process without counts, with known sign-outs."""

    def __init__(self, store, **signed_out):
        super().__init__(store)
        self.signed_out = signed_out

    def collect(self):
        return super().collect()._replace(families=(), days={}, signed_out=self.signed_out)


def seen(store, worker):
    worker.publish(store, read=True)
    found = {}
    for one in worker.member.view.totals:
        found.update(one.signed_out)
    return found


def test_a_member_that_counts_nothing_publishes_them():
    """Members read each other's sign-outs, of members that were merged, and after the state was lost."""
    store = Store()
    end_s = int(store.now_s) + 1000
    one, other = Signing(store, x=end_s), Signing(store)
    one.publish(store)
    assert seen(store, other) == {"x": end_s}
    one.signed_out = {"x": end_s, "y": end_s}
    one.publish(store, heartbeat=False)
    assert seen(store, other) == {"x": end_s, "y": end_s}
    one.publish(store, leaving=True)
    store.now_s += 100
    seen(store, other)
    assert store.departed is not None
    assert seen(store, other) == {"x": end_s, "y": end_s}
