"""The cost by operation equals the emulator's ledger for work that nests, streams, retries and runs in parallel."""

import asyncio
import threading
from collections import Counter
from decimal import Decimal

import pytest
from instrumentation.gemini.client_calls import ask, ask_async, read, read_async
from instrumentation.gemini.scenario_runner import open_client

from hydrochat_otel import semconv, track_response_time
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.testing.replies import Usage, answer, failure

FLASH, PRO = "gemini-2.5-flash", "gemini-2.5-pro"
TURNS = 6
SEARCHING = {"turn", "none"}
"""Operations whose replies are grounded in a search, which is charged beside the tokens."""


class Brain:
    """Answers each request with tokens of its own; the first attempt of each look-up fails."""

    def __init__(self):
        self._seen = Counter()
        self._lock = threading.Lock()

    def __call__(self, request):
        with self._lock:
            self._seen[request.step] += 1
            number = self._seen[request.step]
        if request.step.startswith("look_up") and number == 1:
            return failure(503)
        size = sum(map(ord, request.step)) + number
        return answer(
            "Yes",
            ", it is.",
            usage=Usage(prompt=100 + size, cached=size // 2, answer=7 * size, thinking=size),
            queries=("wound care",) if request.step in SEARCHING else (),
        )


def turn(emulator, number):
    """One turn: a call of its own, two steps, one of them nested in the other, and a stream."""
    with track_response_time("turn"):
        ask(FLASH)(open_client(emulator, step="turn"))
        with track_response_time("classify"):
            ask(PRO)(open_client(emulator, step="classify"))
            with track_response_time("look_up"):
                ask(FLASH)(open_client(emulator, step=f"look_up.{number}", retry=True))
        with track_response_time("answer"):
            read(PRO)(open_client(emulator, step="answer"))


async def parallel_turn(emulator):
    """One turn whose steps run at the same time, as tasks."""

    async def step(name, call):
        with track_response_time(name):
            await call(open_client(emulator, step=name))

    with track_response_time("turn"):
        await asyncio.gather(step("classify", ask_async(FLASH)), step("answer", read_async(PRO)))


def billed(emulator):
    """Return the ledger's dollars by the mark of the requests, which is the name of the operation."""
    by_operation = Counter()
    for line in emulator.ledger.lines:
        by_operation[line.call.split()[0].partition(".")[0]] += (line.cost_usd or Decimal(0)) + line.charged_usd
    return by_operation


def test_the_cost_by_operation_equals_the_ledger(meters, instrumentor):
    """Each operation has exactly the dollars of its own requests, and the sum is what the ledger billed."""
    with GeminiEmulator(Brain()) as emulator:
        threads = [threading.Thread(target=turn, args=(emulator, number)) for number in range(TURNS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(parallel_turn(emulator))
        ask(FLASH)(open_client(emulator, step="none"))
        assert emulator.wait_until_idle()
        ledger, totals = billed(emulator), emulator.ledger.totals()
    assert totals.retries == TURNS
    assert set(ledger) == {"turn", "classify", "look_up", "answer", "none"}
    charges = meters.by(semconv.LLM_CHARGES, semconv.OPERATION)
    assert charges == {"turn": pytest.approx(TURNS * 0.035), "none": pytest.approx(0.035)}
    assert set(meters.by(semconv.LLM_CHARGED_UNITS, semconv.ROOT_OPERATION)) == SEARCHING
    assert sum(charges.values()) == pytest.approx(float(totals.charged_usd), abs=1e-12)
    cost = meters.by(semconv.LLM_COST, semconv.OPERATION)
    assert cost == {name: pytest.approx(float(usd), abs=1e-12) for name, usd in ledger.items()}
    assert sum(cost.values()) == pytest.approx(float(totals.cost_usd), abs=1e-12)
