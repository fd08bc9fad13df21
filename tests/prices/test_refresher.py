"""Promises of :mod:`hydrochat_otel.prices.refresher`."""

import gc
import threading
import time

from hydrochat_otel.prices import refresher as refreshing
from hydrochat_otel.prices.refresher import Refresher
from hydrochat_otel.runtime import failures


class Counting:
    """Counts how often it was refreshed."""

    def __init__(self, error=None):
        self.times = 0
        self.error = error

    def refresh(self):
        """Count, then fail if set to fail."""
        self.times += 1
        if self.error is not None:
            raise self.error


def wait_until(condition):
    """Return once the condition holds."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_one_that_fails_does_not_stop_the_others(monkeypatch):
    """Each object is refreshed repeatedly, whatever another one raises; the failure is counted."""
    monkeypatch.setattr(refreshing, "INTERVAL_S", 0.01)
    refresher, failing, fine = Refresher(), Counting(ZeroDivisionError()), Counting()
    refresher.watch(failing)
    refresher.watch(fine)
    wait_until(lambda: failing.times > 2 and fine.times > 2)
    assert failures.counts()["prices.refresh"] >= 2
    refresher.forget(failing)
    refresher.forget(fine)
    wait_until(lambda: not refresher._thread.is_alive())


def test_the_thread_ends_with_what_it_refreshes(monkeypatch):
    """The thread keeps nothing alive, ends with the last object, and starts again for the next."""
    monkeypatch.setattr(refreshing, "INTERVAL_S", 0.01)
    refresher, refreshed = Refresher(), [Counting()]
    refresher.watch(refreshed[0])
    wait_until(lambda: refreshed[0].times > 0)
    thread = refresher._thread
    refreshed.clear()
    gc.collect()
    wait_until(lambda: not thread.is_alive())
    other = Counting()
    refresher.watch(other)
    wait_until(lambda: other.times > 0)
    refresher.forget(other)


def test_a_thread_that_cannot_start_is_not_an_error_of_the_host(monkeypatch):
    """A process that cannot start a thread works without refreshes."""
    monkeypatch.setattr(threading.Thread, "start", refuse)
    one = Counting()
    Refresher().watch(one)
    assert failures.counts() == {"threads": 1}


def refuse(_):
    """Fail as a process at its limit of threads does."""
    raise RuntimeError("can't start new thread")
