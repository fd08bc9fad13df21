"""Promises of :mod:`hydrochat_otel.hydrochat.client.retries`, on the real SDK over a local server."""

import pytest
from hydrochat.client.gemini_metrics import CREATE, SECRET, counted

from hydrochat_otel import semconv
from hydrochat_otel.hydrochat.client.retries import Pace
from hydrochat_otel.hydrochat.enums import Intent
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.testing.replies import answer, failure, rate_limited


async def test_retries_stay_one_call(gemini, emulator, no_waits):
    """Failed and repeated attempts are one successful call with its retries counted by cause."""
    emulator.script(rate_limited(), failure(503), failure(500), answer(CREATE))
    assert await gemini(max_retries=3).classify_intent_fallback(SECRET) is Intent.CREATE_PATIENT
    assert counted("successful_calls", "failed_calls") == [1, 0]
    retries = pipeline.current().snapshot().sums_by(semconv.LLM_RETRIES, semconv.REASON)
    assert retries == {("429",): 1, ("5xx",): 2}


@pytest.mark.parametrize("retries", [0, 2])
async def test_retries_end_at_the_setting(gemini, emulator, no_waits, retries):
    """A request is repeated as often as LLM_MAX_RETRIES allows and not once more."""
    emulator.script(*[failure(503)] * 5)
    assert await gemini(max_retries=retries).classify_intent_fallback(SECRET) is Intent.UNKNOWN
    assert len(emulator.requests) == retries + 1


async def test_the_servers_advice_is_followed(gemini, emulator, no_waits):
    """RetryInfo decides the wait: never earlier, at most a tenth later; without it the wait is half to all of 0.5 s."""
    emulator.script(rate_limited(1.5), failure(503), answer(CREATE))
    await gemini().classify_intent_fallback(SECRET)
    advised, own = no_waits
    assert 1.5 <= advised <= 1.65
    assert 0.5 <= own <= 1.0


async def test_an_advice_beyond_the_budget_ends_the_waiting(gemini, emulator):
    """Advice to retry after the budget ends the call: the turn continues at once."""
    emulator.script(rate_limited(60), answer(CREATE))
    assert await gemini(time_budget_s=5).classify_intent_fallback(SECRET) is Intent.UNKNOWN
    assert (len(emulator.requests), emulator.unused_replies) == (1, 1)
    assert counted("failed_calls") == [1]


async def test_a_silent_server_times_out(gemini, emulator):
    """An attempt that takes longer than its timeout is repeated while the budget lasts; then the call has failed."""
    emulator.script(*[answer(CREATE, delay_s=20)] * 5)
    client = gemini(request_timeout_s=0.3, max_retries=9, time_budget_s=0.5)
    assert await client.classify_intent_fallback(SECRET) is Intent.UNKNOWN
    assert counted("successful_calls", "failed_calls") == [0, 1]
    assert len(emulator.requests) <= 2


class State:
    """tenacity's description of an attempt."""

    def __init__(self, attempt_number, elapsed_s=0.0, upcoming_sleep=0.0, error=None):
        self.attempt_number = attempt_number
        self.seconds_since_start = elapsed_s
        self.upcoming_sleep = upcoming_sleep
        self.outcome = type("Outcome", (), {"exception": lambda _: error})()
        self.args = (type("Request", (), {"timeout": None})(),)


def test_waits_double_up_to_eight_seconds():
    """Without jitter the waits are halves of 0.5, 1, 2, 4, 8 and 8 s; with all of it they are the whole."""
    least, most = Pace(9, 30, 60, random=lambda: 0.0), Pace(9, 30, 60, random=lambda: 1.0)
    attempts = [State(number) for number in range(1, 7)]
    assert [least.wait_s(state) for state in attempts] == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0]
    assert [most.wait_s(state) for state in attempts] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


def test_the_budget_bounds_attempts_and_waits():
    """No wait ends after the budget, and no attempt may take longer than what is left of it."""
    pace = Pace(3, 30, 60)
    assert not pace.is_over(State(3, 50, 9.9))
    assert pace.is_over(State(3, 50, 10.0))
    assert pace.is_over(State(4))
    timeouts = []
    for elapsed_s in (0.0, 20.0, 45.0, 60.0):
        state = State(1, elapsed_s)
        pace.before_attempt(state)
        timeouts.append(state.args[0].timeout)
    assert timeouts == [30, 30, 15, 0.001]


def test_an_sdk_without_a_known_loop_keeps_its_own(caplog):
    """If the SDK has no known retry loop, its own waits apply, and one line says so."""
    Pace(3, 30, 60).apply_to(type("Client", (), {"_api_client": None})())
    assert caplog.messages == ["This version of google-genai keeps its own retry waits: its retry loop is unknown."]
