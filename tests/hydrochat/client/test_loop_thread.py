"""Promises of :mod:`hydrochat_otel.hydrochat.client.loop_thread`."""

import asyncio
import contextvars
import threading

import pytest

from hydrochat_otel.hydrochat.client.loop_thread import LoopThread

CALLER = contextvars.ContextVar("CALLER", default="unset")


@pytest.fixture(scope="module")
def elsewhere():
    return LoopThread("elsewhere")


async def where():
    return threading.current_thread().name, asyncio.get_running_loop()


def test_all_loops_share_one(elsewhere):
    """Whichever loop calls, the work runs in the one loop of the named thread."""
    places = [asyncio.run(elsewhere.run(where)) for _ in range(3)]
    assert {name for name, _ in places} == {"elsewhere"}
    assert len({loop for _, loop in places}) == 1


async def test_work_may_start_work(elsewhere):
    """Work that runs there may run more there, without a deadlock."""
    assert await elsewhere.run(lambda: elsewhere.run(where)) == await elsewhere.run(where)


async def test_what_is_raised_and_returned_passes(elsewhere):
    """Results and exceptions pass unchanged."""
    raised = ValueError("no")

    async def fail():
        raise raised

    with pytest.raises(ValueError) as caught:
        await elsewhere.run(fail)
    assert caught.value is raised


async def test_the_callers_context_is_seen(elsewhere):
    """Context variables of the caller are visible to the work; what the work sets stays there."""

    async def work():
        seen = CALLER.get()
        CALLER.set("another value")
        return seen

    CALLER.set("the nurse")
    assert (await elsewhere.run(work), CALLER.get()) == ("the nurse", "the nurse")


async def test_a_cancelled_caller_cancels_the_work(elsewhere):
    """Cancelling the caller cancels the work there."""
    begun, ended = asyncio.Event(), threading.Event()
    here = asyncio.get_running_loop()

    async def wait():
        here.call_soon_threadsafe(begun.set)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise

    caller = asyncio.create_task(elsewhere.run(wait))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await asyncio.to_thread(ended.wait, 10)
