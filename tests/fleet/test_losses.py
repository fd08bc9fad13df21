"""Promises of :mod:`hydrochat_otel.fleet.member` about a state that is lost or rolled back: nothing counts twice."""

import copy

import pytest
from fleet.in_memory_backend import InMemoryBackend, Store
from fleet.workers import Worker, counts
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hydrochat_otel.runtime import failures
from hydrochat_otel.window.entry import Entry


@pytest.fixture
def store():
    return Store()


def test_outdated_totals_of_a_merged_member_are_not_restored(store):
    """Of two members that restore, one has the totals of a member that the other has already merged."""
    one, two, gone = Worker(store), Worker(store), Worker(store)
    for worker, count in ((one, 1), (two, 20), (gone, 300)):
        worker.work(count)
        worker.publish(store)
    assert one.read(store) == two.read(store) == 321
    gone.publish(store, leaving=True)
    two.publish(store)
    one.publish(store)
    store.empty()
    one.publish(store)
    two.publish(store)
    assert one.read(store) == two.read(store) == 321


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("failing", [None, "before", "after"])
def test_a_member_that_was_merged_before_the_loss_counts_once_after_it(store, first, failing):
    """A member sleeps and is merged, then the state is lost; whichever is first, it counts from what was merged."""
    asleep, awake = Worker(store), Worker(store)
    asleep.work(3)
    asleep.publish(store)
    asleep.work(10)
    asleep.publish(store, failing)
    awake.work(100)
    store.now_s += 60
    awake.publish(store)
    awake.read(store)
    store.empty()
    asleep.work(1000)
    for worker in (asleep, awake)[:: 1 if first else -1]:
        worker.publish(store)
    store.now_s += 1
    asleep.publish(store)
    assert awake.read(store) == asleep.read(store) == 1113
    assert failures.counts() == {}


def test_a_rolled_back_state_is_restored_with_later_merges(store):
    """A Redis that restarts from an old copy gets back the totals of departed and of live members."""
    alive, dead = Worker(store), Worker(store)
    dead.work(1)
    dead.publish(store)
    before = copy.deepcopy(vars(store))
    dead.work(20)
    dead.publish(store, leaving=True)
    alive.work(300)
    alive.publish(store)
    assert alive.read(store) == 321
    store.go_back(before)
    alive.publish(store)
    assert alive.read(store) == 321


def test_a_process_without_news_restores_too(store):
    """A process that has measured nothing, and that has no readers, notices a loss at its next heartbeat."""
    onlooker, dead = Worker(store), Worker(store)
    dead.work(20)
    dead.publish(store, leaving=True)
    assert onlooker.read(store) == 20
    store.empty()
    onlooker.publish(store, heartbeat=False)
    assert store.rebuilt_s is None
    onlooker.publish(store)
    assert Worker(store).read(store) == 20


def test_entries_that_an_old_copy_does_not_have_come_back(store):
    """The newest entries of a full window return; only what was evicted since the copy is evicted once more."""
    one, two = (Worker(store, InMemoryBackend(store, max_entries=4), max_entries=4) for _ in range(2))

    def append(worker, *ends_s):
        for end_s in ends_s:
            worker.work()
            worker.window.append(Entry("operation", "turn", 1.0, store.now_s + end_s, span_id=end_s))
            assert worker.publish(store)

    append(one, 1, 3, 5)
    append(two, 2, 4, 6)
    before = copy.deepcopy(vars(store))
    append(one, 7)
    one.read(store)
    assert store.evicted["capacity"] == 3
    store.go_back(before)
    for worker in (two, one):
        worker.read(store)
        worker.publish(store)
    one.read(store)
    assert [entry.span_id for entry in one.member.view.entries] == [4, 5, 6, 7]
    assert store.evicted["capacity"] == 3 + 1


class LosingFleet(RuleBasedStateMachine):
    """Workers that work, publish, fail, sleep, die and are read, in any order, while the state is lost again and again.

    Each worker has its own count, so that double counting is detected, whatever else is lost.
    """

    @initialize()
    def begin(self):
        self.faults_before = failures.counts()
        self.store = Store()
        self.counted = {}
        self.overslept = False
        self.workers = [self.new_worker() for _ in range(3)]
        self.save()

    def new_worker(self):
        return Worker(self.store, settle_s=5.0)

    def check(self, worker):
        worker.read(self.store)
        for number, count in counts(worker.member.view).items():
            assert count <= self.counted.get(number, 0)

    @rule(which=st.integers(0, 2), count=st.integers(1, 9))
    def work(self, which, count):
        worker = self.workers[which]
        worker.work(count)
        self.counted[worker.number] = worker.count

    @rule(which=st.integers(0, 2), failing=st.sampled_from([None, None, "before", "after"]))
    def publish(self, which, failing):
        self.workers[which].publish(self.store, failing)

    @rule(which=st.integers(0, 2))
    def read(self, which):
        self.check(self.workers[which])

    @rule(seconds=st.sampled_from([1, 15]))
    def wait(self, seconds):
        self.store.now_s += seconds

    @rule(which=st.integers(0, 2))
    def leave(self, which):
        assert self.workers[which].publish(self.store, leaving=True)
        self.workers[which] = self.new_worker()

    @rule()
    def save(self):
        self.saved = copy.deepcopy(vars(self.store))

    @rule()
    def go_back(self):
        """Replace the state by an old copy; all notice it before any worker is merged.

        A worker that was merged before, and has not noticed, sleeps through it.
        """
        self.overslept |= any(worker.member.id in self.store.merged for worker in self.workers)
        self.store.go_back(self.saved)
        for worker in self.workers * 2:
            worker.publish(self.store)

    @rule(asleep=st.integers(0, 3))
    def lose(self, asleep):
        """Lose the state; awake workers notice before any is merged, and sleeping ones may lose some counts."""
        self.store.empty()
        self.overslept |= asleep < len(self.workers)
        awake = [worker for number, worker in enumerate(self.workers) if number != asleep]
        for worker in awake * 2:
            worker.publish(self.store)

    @invariant()
    def nothing_counts_twice(self):
        self.check(self.new_worker())

    def teardown(self):
        for worker in self.workers * 2:
            worker.publish(self.store)
        for worker in self.workers:
            self.check(worker)
            if not self.overslept:
                seen = counts(worker.member.view)
                assert [seen.get(one.number, 0) for one in self.workers] == [one.count for one in self.workers]
                assert failures.counts() == self.faults_before


@pytest.mark.thorough
def test_nothing_counts_twice_however_often_the_state_is_lost():
    """In any order of work, failure, sleep, death and loss, no worker's count is ever above what it has counted."""
    run_state_machine_as_test(LosingFleet, settings=settings(max_examples=150, stateful_step_count=40, deadline=None))
