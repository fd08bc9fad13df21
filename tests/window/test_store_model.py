"""Promise of the window against a model: order, capacity, time to live and evictions, whatever both clocks do."""

from datetime import UTC, datetime
from itertools import cycle

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hydrochat_otel.instrumentation.finished import Ended, FinishedOperation, OperationLabels
from hydrochat_otel.window import body
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.store import MetricsStore

TTL_S = 3600
INTERVAL_S = 600


def an_entry(name, end_unix_s):
    return Entry("operation", name, 1.0, end_unix_s)


def a_record(name, end_unix_s):
    """Return an operation whose entry is not made yet."""
    return FinishedOperation(
        *Ended(1.0, int(end_unix_s * 1e9), "ok", None), OperationLabels(None, name, "root", name), False
    )


def name_of(kept):
    return kept.operation if isinstance(kept, Entry) else kept["operation"]


class Model(RuleBasedStateMachine):
    """A list of (born, name), kept in order of birth, beside the window that does the same faster."""

    @initialize(capacity=st.integers(1, 12), auto=st.booleans(), length=st.sampled_from([2, 4, body.LENGTH]))
    def begin(self, capacity, auto, length):
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr(body, "LENGTH", length)
        self.monotonic_s, self.wall_s = 10_000.0, 1_750_000_000.0
        self.capacity, self.auto = capacity, auto
        self.kept, self.evicted, self.number = [], {"capacity": 0, "age": 0}, 0
        self.next_cleanup_s = self.monotonic_s + INTERVAL_S
        self.store = MetricsStore(
            capacity,
            TTL_S / 3600,
            auto_cleanup=auto,
            cleanup_interval_minutes=INTERVAL_S / 60,
            monotonic=lambda: self.monotonic_s,
            wall=lambda: self.wall_s,
        )

    def teardown(self):
        self.patched.undo()

    def name(self):
        self.number += 1
        return f"n{self.number}"

    def comes_in(self, name, age_s=0.0):
        """Do in the model what the window does with one entry of that age."""
        born_s = self.monotonic_s - age_s
        place = sum(born <= born_s for born, _ in self.kept)
        self.kept.insert(place, (born_s, name))
        if len(self.kept) > self.capacity:
            born_s, _ = self.kept.pop(0)
            self.evicted["age" if self.monotonic_s - born_s >= TTL_S else "capacity"] += 1
        if self.auto and self.monotonic_s >= self.next_cleanup_s:
            self.cleans_up()

    def cleans_up(self):
        expired = [one for one in self.kept if self.monotonic_s - one[0] >= TTL_S]
        self.kept = self.kept[len(expired) :]
        self.evicted["age"] += len(expired)
        self.next_cleanup_s = self.monotonic_s + INTERVAL_S
        return len(expired)

    @rule()
    def append(self):
        name = self.name()
        self.store.append(an_entry(name, self.wall_s))
        self.comes_in(name)

    @rule(number=st.integers(0, 9), kinds=st.lists(st.sampled_from([an_entry, a_record]), min_size=1, max_size=3))
    def extend(self, number, kinds):
        names = [self.name() for _ in range(number)]
        self.store.extend(kind(name, self.wall_s) for name, kind in zip(names, cycle(kinds), strict=False))
        for name in names:
            self.comes_in(name)

    @rule(age_s=st.integers(-5000, 5000))
    def add_the_applications_own(self, age_s):
        name = self.name()
        self.store.add_entry({"operation": name, "timestamp": datetime.fromtimestamp(self.wall_s - age_s, UTC)})
        self.comes_in(name, max(0.0, age_s))

    @rule(seconds=st.integers(0, 2000))
    def time_passes(self, seconds):
        self.monotonic_s += seconds
        self.wall_s += seconds

    @rule(seconds=st.integers(-1_000_000, 1_000_000))
    def the_wall_clock_jumps(self, seconds):
        self.wall_s += seconds

    @rule()
    def clean_up(self):
        assert self.store.cleanup_expired() == self.cleans_up()

    @rule(number=st.integers(1, 4))
    def remove(self, number):
        names = {name for _, name in self.kept[:number]}
        self.kept = self.kept[number:]
        removed = self.store.remove(
            lambda kept: (kept.operation if isinstance(kept, Entry) else kept["operation"]) in names
        )
        assert removed == len(names)

    @invariant()
    def agree(self):
        live = [name for born_s, name in self.kept if self.monotonic_s - born_s < TTL_S]
        assert [row["operation"] for row in self.store.entries] == live
        statistics = self.store.get_statistics()
        assert (statistics["total_entries"], statistics["expired_count"]) == (len(live), len(self.kept) - len(live))
        assert len(self.store) == len(live) <= self.capacity
        assert self.store.evicted() == self.evicted
        contents = self.store.contents()
        assert [entry.operation for entry in contents.entries] == [one for one in live if one in self.entries_of_ours()]

    def entries_of_ours(self):
        return {entry.operation for entry in self.store.live_entries()}


Model.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestWindow = Model.TestCase
TestWindow.runTest.__doc__ = "Any sequence of writes, removals and jumps of the clocks leaves what the model has."
