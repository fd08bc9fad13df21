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

    def counted():
        return [one["operation"] for one in get_performance_metrics().response_times]

    try:
        work()
    except ValueError:
        assert ends == "raises"
    if not children[0]:
        try:
            track_response_time("child")(os.getpid)()
            os._exit(0 if counted() == ["child"] else 1)
        finally:
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0
    assert counted() == ["before", "turn"]
