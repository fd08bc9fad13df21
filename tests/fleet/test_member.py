"""Promises of :mod:`hydrochat_otel.fleet.member`: nothing counts twice, nothing that was published is lost."""

import pytest
from fleet.in_memory_backend import Store
from fleet.workers import Worker
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hydrochat_otel.runtime import failures
from hydrochat_otel.window.entry import Entry


@pytest.fixture
def store():
    return Store()


def test_totals_are_the_sum_over_members(store):
    """Whichever member reads, the totals are those of all."""
    one, two = Worker(store), Worker(store)
    one.work(3)
    two.work(4)
    two.publish(store)
    assert (one.read(store), two.read(store), one.member.view.members) == (7, 7, 2)


def test_a_process_that_has_measured_nothing_publishes_nothing(store):
    """A process that only reads leaves no trace in the state, and sees the others."""
    worker, onlooker = Worker(store), Worker(store)
    worker.work(5)
    worker.publish(store)
    assert onlooker.read(store) == 5
    assert list(store.seqs) == [worker.member.id]


def test_unpublished_first_counts_are_not_shown(store):
    """What a process measures for the first time while it reads is in no snapshot before it is published."""
    worker, onlooker = Worker(store), Worker(store)
    assert (worker.read(store, meanwhile=5), onlooker.read(store)) == (0, 0)
    assert (worker.read(store, meanwhile=7), onlooker.read(store)) == (5, 5)


@pytest.mark.parametrize("failing", ["before", "after"])
def test_a_publication_whose_answer_is_lost_counts_once(store, failing):
    """A publication is repeated unchanged until it is acknowledged, whether it had been applied or not."""
    one = Worker(store)
    one.work(3)
    one.window.append(Entry("operation", "turn", 1.0, store.now_s, span_id=1))
    assert not one.publish(store, failing)
    one.work(2)
    one.window.append(Entry("operation", "turn", 1.0, store.now_s, span_id=2))
    assert one.read(store) == 5
    assert [entry.span_id for entry in one.member.view.entries] == [1, 2]


def test_a_member_that_leaves_is_merged_and_stays_in_the_totals(store):
    """The counts of a process that ended are in the departed totals; its own totals are removed."""
    one, two = Worker(store), Worker(store)
    one.work(3)
    two.work(4)
    two.publish(store)
    one.publish(store, leaving=True)
    two.publish(store)
    assert (two.read(store), list(store.seqs), store.version) == (7, [two.member.id], 1)


@pytest.mark.parametrize("failing", [None, "before", "after"])
def test_a_merged_member_that_resumes_counts_once(store, failing):
    """A member that was merged while silent, even with an unacknowledged publication, counts from there."""
    one, two = Worker(store), Worker(store)
    one.work(3)
    one.publish(store)
    one.work(10)
    one.window.append(Entry("operation", "turn", 1.0, store.now_s, span_id=1))
    one.publish(store, failing)
    two.work(4)
    store.now_s += 60
    two.publish(store)
    assert two.read(store) in {7, 17}
    one.work(100)
    assert one.read(store) == 117
    assert two.read(store) == 117
    assert [entry.span_id for entry in two.member.view.entries] == [1]
    assert failures.counts() == {}


def test_a_lost_state_is_restored_by_its_members(store):
    """After the state was emptied the departed totals, the members and the entries are restored."""
    one, two, gone = Worker(store), Worker(store), Worker(store)
    for worker, count in ((one, 1), (two, 20), (gone, 300)):
        worker.work(count)
        worker.window.append(Entry("operation", "turn", 1.0, store.now_s, span_id=count))
        worker.publish(store)
    gone.publish(store, leaving=True)
    assert one.read(store) == 321
    two.publish(store)
    store.empty()
    assert two.read(store) >= 320
    assert two.member.view.settling
    assert one.read(store) == 321
    assert two.read(store) == 321
    assert sorted(entry.span_id for entry in one.member.view.entries) == [1, 20]


def test_a_departed_that_cannot_be_read_is_not_written_over(store):
    """No member merges into totals that it cannot read; the failure is counted."""
    one, two = Worker(store), Worker(store)
    one.work(1)
    one.publish(store, leaving=True)
    store.version, store.departed = 7, b"not a totals"
    two.work(1)
    two.publish(store)
    two.read(store)
    assert (store.version, store.departed) == (7, b"not a totals")
    assert failures.counts()["state.record"] >= 1


def test_totals_that_cannot_be_read_are_left_out_and_counted(store):
    """Damaged totals cost that member's numbers and no other's."""
    one, two = Worker(store), Worker(store)
    one.work(1)
    two.work(2)
    one.publish(store)
    store.totals[one.member.id] = b"{}"
    assert two.read(store) == 2
    assert failures.counts() == {"state.record": 1}


class Fleet(RuleBasedStateMachine):
    """Workers that work, publish, fail, fall silent, die and are read, in any order."""

    @initialize()
    def begin(self):
        self.store = Store()
        self.workers = [self.new_worker() for _ in range(3)]
        self.of_departed = [0, 0]
        self.highest = 0

    def new_worker(self):
        return Worker(self.store, settle_s=0.0)

    @rule(which=st.integers(0, 2), count=st.integers(1, 9))
    def work(self, which, count):
        self.workers[which].work(count)

    @rule(which=st.integers(0, 2), failing=st.sampled_from([None, None, "before", "after"]))
    def publish(self, which, failing):
        if self.workers[which].publish(self.store, failing):
            self.workers[which].published = self.workers[which].count

    @rule(which=st.integers(0, 2), meanwhile=st.integers(0, 9))
    def read(self, which, meanwhile):
        seen = self.workers[which].read(self.store, meanwhile)
        assert seen >= self.highest
        self.highest = seen

    @rule(seconds=st.sampled_from([1, 15]))
    def wait(self, seconds):
        self.store.now_s += seconds

    @rule(which=st.integers(0, 2))
    def kill(self, which):
        dead, self.workers[which] = self.workers[which], self.new_worker()
        self.of_departed[0] += dead.published
        self.of_departed[1] += dead.count

    @rule(which=st.integers(0, 2))
    def leave(self, which):
        worker = self.workers[which]
        assert worker.publish(self.store, leaving=True)
        worker.published = worker.count
        self.kill(which)

    @invariant()
    def totals_never_fall(self):
        seen = self.new_worker().read(self.store)
        assert seen >= self.highest
        self.highest = seen

    @invariant()
    def what_was_acknowledged_counts(self):
        assert self.highest >= self.of_departed[0] + sum(worker.published for worker in self.workers)

    def teardown(self):
        for worker in self.workers:
            worker.publish(self.store)
        alive = sum(worker.count for worker in self.workers)
        for worker in self.workers:
            assert self.of_departed[0] <= worker.read(self.store) - alive <= self.of_departed[1]
        assert failures.counts() == {}


def test_nothing_counts_twice_and_nothing_acknowledged_is_lost():
    """In any order of work, failure, silence and death totals never fall, and are exact once all have published."""
    run_state_machine_as_test(Fleet, settings=settings(max_examples=150, stateful_step_count=40, deadline=None))
