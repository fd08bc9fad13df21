"""Promises of :mod:`hydrochat_otel.runtime.collection`: a collection is noticed, and swallows nothing of the host's."""

import gc
import json
import subprocess
import sys
import threading

import pytest

from hydrochat_otel.runtime import collection

PROGRAM = """
import json, signal, sys, time
from hydrochat_otel.runtime import collection

class TimeLimit(Exception):
    pass

raised = 0

def end(*_):
    global raised
    raised += 1
    raise TimeLimit

swallowed = []
sys.unraisablehook = lambda unraisable: swallowed.append(repr(unraisable.object))
signal.signal(signal.SIGALRM, end)
arrived = 0
for _ in range(300):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005)
        ends_s = time.monotonic() + 5
        while time.monotonic() < ends_s:  # collections begin at these allocations
            cycle = []
            cycle.append(cycle)
    except TimeLimit:
        arrived += 1
    if swallowed:
        break
print(json.dumps([raised - arrived, swallowed]))
"""


def test_a_time_limit_during_collections_arrives():
    """Of 300 exceptions that a signal handler raises while objects are collected, none is swallowed by our hooks."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [0, []]


class Cycle:
    """Records what its finaliser sees, in its own thread and in another one."""

    def __init__(self, seen):
        self.seen, self.me = seen, self

    def __del__(self):
        self.seen.append(collection.is_running())
        other = threading.Thread(target=lambda: self.seen.append(collection.is_running()))
        other.start()
        other.join()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="needed on Python 3.11 only")
def test_a_finaliser_sees_the_collection_of_its_own_thread_only():
    """Inside a collection its thread reports it, another thread does not; afterwards neither does."""
    seen = []
    for collect in (gc.collect, lambda: gc.collect(0)):
        seen.clear()
        Cycle(seen)
        collect()
        assert (seen, collection.is_running()) == ([True, False], False)
