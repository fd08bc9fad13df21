"""Promise of work that is in progress when the process forks: it is its parent's, and counted once."""

import asyncio
import os

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.performance import get_performance_metrics
from hydrochat_otel.pipeline import pipeline


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


def counted():
    """Return the operations of the window."""
    return [one["operation"] for one in get_performance_metrics().response_times]


def assert_counted_by_parent_alone(child, end):
    """End the work in both processes; the child counts what it begins itself."""
    if not child:
        try:
            end()
            with track_response_time("child"):
                track_response_time("step")(os.getpid)()
            os._exit(0 if counted() == ["step", "child"] else 1)
        finally:
            os._exit(9)
    end()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert counted() == ["before", "turn"]


@pytest.mark.parametrize("shape", [block, generator, coroutine, failing])
def test_work_that_a_forked_child_inherits_is_counted_by_its_parent_alone(installed, shape):
    """Whatever of it ends in the child; what the child begins itself is counted by it."""

    def end():
        try:
            for _ in work:
                pass
        except ValueError:
            pass

    track_response_time("before")(os.getpid)()
    work = shape()
    next(work)
    assert_counted_by_parent_alone(os.fork(), end)


HOSTS = {"sampled": ALWAYS_ON, "dropped": ALWAYS_OFF}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("ends", ["returns", "raises", "slow"])
def test_a_plain_function_that_forks_is_counted_by_its_parent_alone(host, ends):
    """With a span and without one, whichever way it ends in the child."""
    pipeline.install(
        tracer_provider=TracerProvider(sampler=HOSTS[host], shutdown_on_exit=False),
        meter_provider=MeterProvider(shutdown_on_exit=False),
        instrument_gemini=False,
    )
    track_response_time("before")(os.getpid)()
    children = []

    @track_response_time("turn", 0.0 if ends == "slow" else None)
    def work():
        children.append(os.fork())
        if ends == "raises":
            raise ValueError

    try:
        work()
    except ValueError:
        assert ends == "raises"
    assert_counted_by_parent_alone(children[0], lambda: None)  # it has ended in both
