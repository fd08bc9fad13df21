"""Promises of :mod:`hydrochat_otel.instrumentation.answer_check`."""

import asyncio

from hydrochat_otel.instrumentation.answer_check import demanding, refusal
from hydrochat_otel.runtime import failures


def test_without_a_check_nothing_is_refused():
    """Without a check every reply is accepted."""
    assert refusal(None) is None


def test_the_innermost_check_decides():
    """Inside a check the innermost one decides, and after it the outer one again."""
    with demanding(lambda reply: reply == "yes"):
        assert [refusal(reply) for reply in ("yes", "no")] == [None, "UnusableAnswer"]
        with demanding(lambda reply: reply == "no"):
            assert [refusal(reply) for reply in ("yes", "no")] == ["UnusableAnswer", None]
        assert refusal("no") == "UnusableAnswer"
    assert refusal("no") is None


async def test_a_check_belongs_to_its_task():
    """Tasks that run at the same time each have their own check."""

    async def ask(wanted):
        with demanding(lambda reply: reply == wanted):
            await asyncio.sleep(0)
            return [refusal(reply) for reply in (1, 2)]

    assert await asyncio.gather(ask(1), ask(2)) == [[None, "UnusableAnswer"], ["UnusableAnswer", None]]


def test_a_check_that_raises_refuses_nothing():
    """A check that itself fails is counted, and the reply stands."""
    with demanding(lambda reply: reply.nothing):
        assert refusal("no") is None
    assert failures.counts() == {"acceptance": 1}
