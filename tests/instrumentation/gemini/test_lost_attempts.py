"""Attempts that get no answer and are repeated: Google may charge them, so they have a price and a mark."""

import pytest
from instrumentation.gemini.client_calls import ask, read
from instrumentation.gemini.scenario_runner import SDK_VERSION, open_client

from hydrochat_otel import semconv
from hydrochat_otel.testing.replies import Usage, answer, failure

pytestmark = [
    pytest.mark.usefixtures("instrumentor"),
    pytest.mark.skipif(SDK_VERSION < (3, 0), reason="this SDK does not repeat a request that timed out"),
]
PROMPT = Usage(prompt=4000, cached=1000, answer=50, thinking=7)
LATE = {"delay_s": 3.0}


def hasty_client(emulator):
    """Return a client that gives an attempt half a second and repeats an attempt that timed out."""
    return open_client(emulator, retry=True, timeout_ms=500)


@pytest.mark.parametrize("request_of", [ask(), read()], ids=["plain", "stream"])
def test_a_lost_attempt_costs_its_input(emulator, meters, request_of):
    """Two attempts that time out cost their input in `retry_cost`, as the emulator states it, and nothing in `cost`."""
    emulator.script(*[answer("x", usage=PROMPT, **LATE)] * 2, answer("x", usage=PROMPT))
    request_of(hasty_client(emulator))
    assert emulator.wait_until_idle()
    lost = [line.lost_usd for line in emulator.ledger.lines]
    assert [bool(usd) for usd in lost] == [True, True, False]
    assert meters.total(semconv.LLM_RETRY_COST) == pytest.approx(float(sum(lost)), rel=0, abs=1e-15)
    assert meters.total(semconv.LLM_COST) == pytest.approx(float(emulator.ledger.totals().cost_usd), rel=0, abs=1e-15)
    assert meters.by(semconv.LLM_RETRIES, semconv.REASON) == {"network": 2}


def test_a_call_with_a_lost_attempt_is_incomplete(emulator, meters):
    """What the lost attempt used is unknown, so the tokens of the call are a lower bound and marked so."""
    emulator.script(answer("x", usage=PROMPT, **LATE), answer("x", usage=PROMPT))
    ask()(hasty_client(emulator))
    assert meters.by(semconv.LLM_CALLS, semconv.OUTCOME) == {"ok": 1}
    assert meters.total(semconv.LLM_INCOMPLETE_CALLS) == 1
    assert meters.total(semconv.LLM_INCOMPLETE_TOKENS) == PROMPT.prompt + PROMPT.answer + PROMPT.thinking


def test_attempts_that_were_answered_with_an_error_cost_nothing(emulator, meters):
    """Google charges no failed request, so repeating one has no price and leaves the call complete."""
    emulator.script(failure(503), failure(500), answer("x", usage=PROMPT))
    ask()(open_client(emulator, retry=True))
    assert meters.total(semconv.LLM_RETRIES) == 2
    assert not meters.points(semconv.LLM_RETRY_COST)
    assert not meters.points(semconv.LLM_INCOMPLETE_CALLS)
