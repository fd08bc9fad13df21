"""Promise of work that is in progress when the process forks: it is its parent's, and counted once."""

import asyncio
import os

import pytest

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.performance import get_performance_metrics


def block():
    with track_response_time("turn"):
        yield


@track_response_time("turn")
def generator():
    yield
    yield


def coroutine():
    """Work that is returned before the fork and waits until it is run: the time in between does not count."""

    async def work():
        await asyncio.sleep(0)

    @track_response_time("turn")
    def begins():
        return work()

    begun = begins()
    yield
    asyncio.run(begun)


@track_response_time("turn")
def failing():
    yield
    raise ValueError


@pytest.mark.parametrize("shape", [block, generator, coroutine, failing])
def test_work_that_a_forked_child_inherits_is_counted_by_its_parent_alone(installed, shape):
    """Whatever of it ends in the child; what the child begins itself is counted by it."""

    def end():
        try:
            for _ in work:
                pass
        except ValueError:
            pass

    work = shape()
    next(work)
    child = os.fork()
    if not child:
        try:
            end()
            with track_response_time("child"):
                pass
            counted = [one["operation"] for one in get_performance_metrics().response_times]
            os._exit(0 if counted == ["child"] else 1)
        finally:
            os._exit(9)
    end()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [one["operation"] for one in get_performance_metrics().response_times] == ["turn"]
