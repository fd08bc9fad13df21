"""Promises of :mod:`hydrochat_otel.hydrochat.client.metrics`, on the real SDK over a local server."""

import asyncio
import threading

import pytest
from hydrochat.client.gemini_metrics import CREATE, NOTHING_COUNTED, SECRET, counted

from hydrochat_otel.gemini_client_v2 import calculate_cost, get_gemini_metrics_v2, reset_gemini_metrics_v2
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime.first_use import on_first_use
from hydrochat_otel.testing.replies import Usage, answer, failure, rate_limited
from hydrochat_otel.views import json_export, prometheus

# -- metrics ------------------------------------------------------------------------------------------------------


async def test_there_is_one_set_of_numbers(gemini, emulator, no_waits):
    """The metrics, the export, /metrics and the ledger have the same numbers."""
    emulator.script(
        answer(CREATE, usage=Usage(prompt=100, answer=10)),
        answer("no JSON", usage=Usage(prompt=90, answer=30)),
        failure(400),
        rate_limited(),
        answer(CREATE, usage=Usage(prompt=80, answer=5, cached=20)),
    )
    client = gemini()
    for _ in range(4):
        await client.classify_intent_fallback(SECRET)
    metrics, snapshot = get_gemini_metrics_v2(), pipeline.current().snapshot()
    llm = json_export.document(snapshot)["llm_api_metrics"]
    billed = emulator.ledger.totals()
    assert [metrics[key] for key in ("successful_calls", "failed_calls", "total_cost_usd")] == [
        llm[key] for key in ("successful_calls", "failed_calls", "total_cost_usd")
    ]
    assert metrics["total_tokens_used"] == llm["total_tokens_used"] == billed.tokens.total
    assert metrics["prompt_tokens_used"] == llm["prompt_tokens"] == billed.tokens.input
    assert metrics["completion_tokens_used"] == llm["completion_tokens"] == billed.tokens.output
    assert metrics["total_cost_usd"] == pytest.approx(float(billed.cost_usd), abs=1e-15)
    assert (metrics["successful_calls"], metrics["failed_calls"]) == (2, 2)
    body = prometheus.render(snapshot, prometheus.negotiate(None)).decode()
    calls = [line for line in body.splitlines() if line.startswith("hydrochat_llm_calls_total")]
    assert sum(float(line.rsplit(" ", 1)[1]) for line in calls if 'hydrochat_outcome="error"' in line) == 2


def test_the_metrics_agree_while_calls_are_in_flight(gemini, emulator):
    """At any moment between calls of other threads, the numbers are whole calls and never fall."""
    client = gemini()
    emulator.script(*[answer(CREATE, usage=Usage(prompt=100, answer=10))] * 40)
    seen = []

    def ten():
        for _ in range(10):
            asyncio.run(client.classify_intent_fallback(SECRET))

    threads = [threading.Thread(target=ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.append(counted("successful_calls", "failed_calls", "total_tokens_used"))
    seen.append(counted("successful_calls", "failed_calls", "total_tokens_used"))
    assert seen[-1] == [40, 0, 4400]
    assert all(tokens == 110 * calls and failed == 0 for calls, failed, tokens in seen)
    assert seen == sorted(seen)


async def test_a_reset_counts_from_now_on(gemini, emulator):
    """After a reset the metrics start at zero, while the export and /metrics keep their numbers."""
    emulator.script(answer(CREATE), answer(CREATE))
    client = gemini()
    await client.classify_intent_fallback(SECRET)
    reset_gemini_metrics_v2()
    assert get_gemini_metrics_v2() == NOTHING_COUNTED
    await client.classify_intent_fallback(SECRET)
    assert counted("successful_calls", "total_tokens_used") == [1, 15]
    assert json_export.document(pipeline.current().snapshot())["llm_api_metrics"]["successful_calls"] == 2


async def test_a_reset_ends_with_its_providers(gemini, install, emulator):
    """A baseline of counters that no longer exist is not subtracted from new ones."""
    emulator.script(answer(CREATE), answer(CREATE))
    await gemini().classify_intent_fallback(SECRET)
    reset_gemini_metrics_v2()
    pipeline.shutdown()
    install(instrument_gemini=True)
    assert counted("successful_calls") == [0]
    await gemini().classify_intent_fallback(SECRET)
    assert counted("successful_calls", "total_tokens_used") == [1, 15]


def test_without_a_pipeline_there_are_zeros():
    """Without a pipeline, and none allowed, the metrics are zeros and a reset does nothing."""
    reset_gemini_metrics_v2()
    assert get_gemini_metrics_v2() == NOTHING_COUNTED


def test_the_first_use_installs(monkeypatch):
    """Without a pipeline, reading the metrics installs one, as tracking does."""
    monkeypatch.setenv("HYDROCHAT_INSTRUMENT_GEMINI", "false")
    on_first_use(pipeline.install_on_first_use)
    assert get_gemini_metrics_v2() == NOTHING_COUNTED
    assert pipeline.current().implicit


# -- cost ---------------------------------------------------------------------------------------------------------


def test_the_contracts_example_is_computed(installed):
    """35 000 and 10 000 tokens of gemini-2.0-flash-exp cost $0.0065; other models have their own price."""
    assert calculate_cost(35_000, 10_000) == 0.0065
    assert calculate_cost(0, 0) == 0.0
    assert calculate_cost(1_000_000, 1_000_000, model="models/gemini-2.5-flash") == pytest.approx(2.80)
    assert calculate_cost(1, 1, "gemini-unlisted") is None


def test_the_cost_needs_no_pipeline(monkeypatch, tmp_path, caplog):
    """Without a pipeline the operator's price file still applies; an invalid one gives one warning."""
    prices = tmp_path / "prices.toml"
    prices.write_text("never a price")
    monkeypatch.setenv("HYDROCHAT_PRICES", str(prices))
    assert [calculate_cost(35_000, 10_000) for _ in range(2)] == [0.0065, 0.0065]
    assert len([message for message in caplog.messages if message.endswith("The built-in prices apply.")]) == 1


@pytest.mark.parametrize("tokens", [(-1, 0), (0, -1)])
def test_negative_tokens_are_refused(tokens):
    """A number of tokens below 0 is a mistake of the caller."""
    with pytest.raises(ValueError, match="both must be 0 or more"):
        calculate_cost(*tokens)
