"""Promises of :mod:`hydrochat_otel.web.shared_work`."""

import itertools
import threading

import pytest

from hydrochat_otel.web import shared_work
from hydrochat_otel.web.shared_work import SharedWork


class Slow:
    """Work that a test begins and ends, with a new number as the result of each time it is done."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.began, self.may_end = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self):
        number = next(self.numbers)
        self.began.release()
        assert self.may_end.acquire(timeout=30)
        return number


def asked(shared, work, found):
    """Start a thread that asks for the work, and return it."""
    thread = threading.Thread(target=lambda: found.append(shared.done(work)), daemon=True)
    thread.start()
    return thread


def wait_for_requests(shared, count):
    """Wait until so many requests wait for the next turn."""
    deadline = threading.Event()
    for _ in range(3000):
        if shared._waiting.requests >= count:
            return
        deadline.wait(0.01)
    raise AssertionError("the requests did not arrive")


@pytest.fixture
def as_quick(monkeypatch):
    """Return the function that sets from which time on work counts as slow."""

    def set_limit(seconds):
        for name in ("_QUICK_S", "_QUICK_CPU_S"):
            monkeypatch.setattr(shared_work, name, seconds)

    return set_limit


def test_quick_work_is_done_by_each_request(as_quick):
    """While the last work was quick, a request does not wait for another one's; after slow work it waits again."""
    shared, work, first = SharedWork(), Slow(), []
    as_quick(1000)
    assert shared.done(lambda: 5) == 5
    thread = asked(shared, work, first)
    assert work.began.acquire(timeout=30)
    assert shared.done(lambda: 6) == 6
    as_quick(0)
    work.may_end.release()
    thread.join(30)
    threads = [asked(shared, work, first) for _ in range(1)]
    assert work.began.acquire(timeout=30)
    threads += [asked(shared, lambda: 7, first) for _ in range(2)]
    wait_for_requests(shared, 2)
    work.may_end.release()
    for one in threads:
        one.join(30)
    assert first == [1, 2, 7, 7]


def test_one_request_after_the_other_does_its_own_work():
    """A result is never given to a request that came after the work began."""
    numbers = itertools.count(1)
    shared = SharedWork()
    assert [shared.done(lambda: next(numbers)) for _ in range(20)] == list(range(1, 21))


def test_quick_work_from_after_the_arrival_is_shared(monkeypatch):
    """A request takes the newest result only if its work began after the request had arrived."""
    shared, numbers, now = SharedWork(), itertools.count(1), itertools.count(1)
    monkeypatch.setattr(shared_work, "_QUICK_S", 1000)
    monkeypatch.setattr(shared_work.time, "monotonic", lambda: next(now))

    def ask(arrived_s):
        return shared.done(lambda: next(numbers), arrived_s=arrived_s)

    assert (ask(0), ask(0.5)) == (1, 1)  # the work began at 1
    assert (ask(1), ask(None)) == (2, 3)  # at 3 and 5
    assert (ask(4), ask(5)) == (3, 4)
    shared.forget()
    assert ask(0) == 5


def test_slow_work_is_not_kept(as_quick):
    """The result of slow work, which may be large, is not kept for later requests."""
    shared, numbers = SharedWork(), itertools.count(1)
    as_quick(0)
    assert [shared.done(lambda: next(numbers), arrived_s=0) for _ in range(2)] == [1, 2]


def test_requests_that_wait_share_the_next_result_and_not_the_current_one():
    """Work in progress may lack what was recorded since; the next one serves all that wait."""
    shared, work, first, others = SharedWork(), Slow(), [], []
    threads = [asked(shared, work, first)]
    assert work.began.acquire(timeout=30)
    threads += [asked(shared, work, others) for _ in range(5)]
    wait_for_requests(shared, 5)
    work.may_end.release()
    assert work.began.acquire(timeout=30)
    work.may_end.release()
    for thread in threads:
        thread.join(30)
    assert (first, others) == ([1], [2] * 5)


def test_a_failure_is_its_requests_own():
    """The request that did the work gets the exception; the next one that waited does the work itself."""
    shared, work, first, others = SharedWork(), Slow(), [], []
    threads = [asked(shared, work, first)]
    assert work.began.acquire(timeout=30)
    failed = []

    def fails_once():
        if not failed:
            failed.append(True)
            raise ZeroDivisionError
        return "fine"

    def request():
        try:
            others.append(shared.done(fails_once))
        except ZeroDivisionError:
            others.append("failed")

    threads += [threading.Thread(target=request, daemon=True) for _ in range(3)]
    for thread in threads[1:]:
        thread.start()
    wait_for_requests(shared, 3)
    work.may_end.release()
    for thread in threads:
        thread.join(30)
    assert (first, sorted(others)) == ([1], ["failed", "fine", "fine"])
    with pytest.raises(ZeroDivisionError):
        shared.done(lambda: 1 / 0)
