"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.ended_call`."""

import random

import pytest

from hydrochat_otel.instrumentation.batched import Due, Kind
from hydrochat_otel.instrumentation.gemini import ended_call
from hydrochat_otel.instrumentation.gemini.ended_call import EndedCall


class Fed(Kind):
    """Keeps what is fed to the instruments of one kind of calls."""

    def __init__(self, due):
        super().__init__(due)
        self.numbers = []

    def feed(self, work):
        self.numbers += [one.finished[1] for one in work]


@pytest.fixture
def plans(monkeypatch):
    """The feeds of calls, by their kind; a call is a pair of it and a number."""
    due = Due()
    made = {kind: Fed(due) for kind in "abc"}
    monkeypatch.setattr(ended_call, "plan_of", lambda finished: made[finished[0]])
    yield made
    due.flush()


def ended(kind, number):
    """Return a call whose frozen record is made."""
    return EndedCall(*[None] * 9, [(kind, number)])


@pytest.mark.parametrize("kinds", ["a", "abc"])
def test_several_are_fed_as_one_by_one(plans, kinds):
    """Each goes to the feeds of its own kind, in order; those that were not to be fed stay in the list."""
    chance = random.Random(1)
    waiting = [ended(chance.choice(kinds), number) for number in range(40)]
    expected = {kind: [one.finished[1] for one in waiting[:30] if one.finished[0] == kind] for kind in "abc"}
    EndedCall.feed_first(waiting, 30)
    assert [one.finished[1] for one in waiting] == list(range(30, 40))
    for plan in plans.values():
        plan.flush()
    assert {kind: plan.numbers for kind, plan in plans.items()} == expected


def test_a_call_without_feeds_leaves_all_in_the_list(plans):
    """Then they are fed one by one, and only that call is counted as a failure."""
    waiting = [ended("a", 0), ended("unknown", 1), ended("a", 2)]
    with pytest.raises(KeyError):
        EndedCall.feed_first(waiting, 3)
    assert [one.finished[1] for one in waiting] == [0, 1, 2]
