"""Promises of :mod:`hydrochat_otel.runtime.forks`."""

import ast
import gc
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import hydrochat_otel
from hydrochat_otel.runtime import failures, forks
from hydrochat_otel.runtime.forks import Busy, ForkLock, Phase

PACKAGE = Path(hydrochat_otel.__file__).parent


def in_child(work):
    """Fork, run the work in the child, and return whether it returned True within five seconds."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if work() is True else 1)
        finally:
            os._exit(2)
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False


def is_free(lock, within_s=1):
    """Whether this thread can take the lock."""
    try:
        with lock.within(within_s):
            return True
    except Busy:
        return False


class Recorder:
    """Registers one step for each side and records which ran."""

    def __init__(self, seen, name, phase):
        self.seen, self.name = seen, name
        self.registration = forks.register(phase, before=self.before, in_parent=self.in_parent, in_child=self.in_child)

    def before(self):
        self.seen.append(("before", self.name))

    def in_parent(self):
        self.seen.append(("parent", self.name))

    def in_child(self):
        self.seen.append(("child", self.name))


def names(seen, side):
    return [name for one, name in seen if one == side]


@pytest.mark.parametrize("seed", range(5))
def test_phases_run_in_the_stated_order(seed):
    """In any order of registration, steps run in the order of phases, and in reverse afterwards."""
    order = list(Phase)
    random.Random(seed).shuffle(order)
    seen = []
    recorders = [Recorder(seen, phase, phase) for phase in order]
    assert in_child(lambda: names(seen, "child") == list(Phase))
    assert names(seen, "before") == list(Phase)
    assert names(seen, "parent") == list(reversed(Phase))
    for one in recorders:
        one.registration.cancel()


def test_a_cancelled_or_dead_registration_runs_no_more():
    """Steps end with :meth:`cancel`, and with the object whose methods they are."""
    seen = []
    cancelled, dead = Recorder(seen, "cancelled", Phase.SDK), Recorder(seen, "dead", Phase.SDK)
    cancelled.registration.cancel()
    cancelled.registration.cancel()
    del dead
    gc.collect()
    assert in_child(lambda: seen == [])
    assert seen == []


def test_a_step_that_raises_stops_no_other():
    """A failing step is counted, and the steps after it run."""
    seen = []
    failing = forks.register(Phase.SHARING, before=lambda: 1 / 0)
    after = Recorder(seen, "after", Phase.THREADS)
    assert in_child(lambda: names(seen, "child") == ["after"])
    assert failures.counts() == {"fork": 1}
    failing.cancel()
    after.registration.cancel()


@pytest.mark.parametrize("phase", [None, Phase.SHARING])
@pytest.mark.parametrize("reentrant", [False, True])
def test_a_lock_is_free_in_the_child_whichever_thread_holds_it(phase, reentrant):
    """A fork while another thread holds the lock gives a child that can take it, and the holder keeps it."""
    lock, taken, ends = ForkLock(phase, reentrant=reentrant), threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            ends.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait()
    assert in_child(lambda: is_free(lock))
    assert not is_free(lock, within_s=0.01)
    ends.set()
    holder.join()
    assert is_free(lock)


@pytest.mark.parametrize("phase", [None, Phase.WINDOW])
def test_a_thread_that_forks_inside_a_lock_leaves_it_in_both_processes(phase):
    """The end of a `with` block around a fork raises in neither process and leaves the lock free in both."""
    lock, pids = ForkLock(phase), []

    with lock:
        pids.append(os.fork())
    if not pids[0]:
        os._exit(0 if is_free(lock) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0
    assert is_free(lock)


@pytest.mark.parametrize("timeout_s", [0, 0.01])
def test_a_lock_that_is_not_free_in_time_runs_no_block(timeout_s):
    """:meth:`ForkLock.within` raises, the block does not run, and the lock stays with its holder."""
    lock, ran = ForkLock(), []
    with lock:
        with pytest.raises(Busy), lock.within(timeout_s):
            ran.append(1)
        assert not is_free(lock, within_s=0)
    assert (ran, is_free(lock)) == ([], True)


def test_a_lock_with_a_phase_is_held_over_the_fork():
    """What such a lock protects is consistent in the child: the thread that changes it finishes before the fork."""
    lock, halves, ends = ForkLock(Phase.QUEUE), [0, 0], threading.Event()

    def change():
        while not ends.is_set():
            with lock:
                halves[0] += 1
                time.sleep(0.001)
                halves[1] += 1

    worker = threading.Thread(target=change)
    worker.start()
    results = [in_child(lambda: halves[0] == halves[1]) for _ in range(20)]
    ends.set()
    worker.join()
    assert results == [True] * 20


def test_several_threads_may_fork_at_once():
    """Forks of different threads take turns at the held locks, and none is left locked."""
    locks = [ForkLock(phase) for phase in Phase]
    results = []

    def fork():
        results.extend(in_child(lambda: all(map(is_free, locks))) for _ in range(10))

    threads = [threading.Thread(target=fork) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 40
    assert all(map(is_free, locks))


def test_steps_run_after_the_hooks_that_others_registered():
    """In the child the steps run after every hook that existed when :func:`run_last` was called, and only once."""
    program = """
import os
from hydrochat_otel.runtime import forks
from hydrochat_otel.runtime.forks import Phase
seen = []
forks.register(Phase.SDK, in_child=lambda: seen.append("ours"))
os.register_at_fork(after_in_child=lambda: seen.append("another's"))
forks.run_last()
pid = os.fork()
if not pid:
    os._exit(0 if seen == ["another's", "ours"] else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode == 0


def _calls(name):
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute | ast.Name) and (getattr(node, "attr", None) or node.id) == name:
                yield str(file.relative_to(PACKAGE))


def test_only_this_module_registers_with_the_interpreter():
    """Only one module of the package calls ``register_at_fork``, so the phases have one order."""
    assert set(_calls("register_at_fork")) == {"runtime/forks.py"}


def test_every_lock_of_the_package_survives_a_fork():
    """No module makes a bare lock, except the one that replaces it, and those that replace the SDK's own."""
    bare = {file for name in ("Lock", "RLock") for file in _calls(name)}
    assert bare <= {
        "runtime/forks.py",
        "sdk/providers.py",
        "sdk/lean_spans.py",
        "testing/emulator.py",
        "testing/ledger.py",
        "demo/scenario.py",
    }


MODULES = (
    "hydrochat_otel.runtime.deferred_queue",
    "hydrochat_otel.window.window",
    "hydrochat_otel.fleet.sqlite.file",
    "hydrochat_otel.pipeline.pipeline",
    "hydrochat_otel.serve.port_keeper",
    "hydrochat_otel.alerting",
    "hydrochat_otel.prices.budget",
    "hydrochat_otel.hydrochat.client.loop_thread",
)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_imports_does_not_matter(seed, tmp_path):
    """In any order of imports, forks under load give children that publish their own numbers."""
    order = random.Random(seed).sample(MODULES, len(MODULES))
    program = f"""
import importlib, os, threading
for name in {order!r}:
    importlib.import_module(name)
import hydrochat_otel
state = "sqlite:///{tmp_path}/state.db"
pipeline = hydrochat_otel.install(state=state, publish_interval_s=0.05, instrument_gemini=False)
ends = threading.Event()

@hydrochat_otel.track_response_time("work")
def work():
    pass

def busy():
    while not ends.is_set():
        work()
        pipeline.snapshot(fresh=False)

threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(8):
    pid = os.fork()
    if not pid:
        work()
        pipeline.snapshot()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
ends.set()
for thread in threads:
    thread.join()
"""
    named = {**os.environ, "OTEL_SERVICE_NAME": "chat"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=named, check=False, timeout=60, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
