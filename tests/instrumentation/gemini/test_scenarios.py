"""The table: whatever happens on the wire, our numbers equal the ledger, and the caller sees no difference."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from instrumentation.gemini import scenario_runner as exchange
from instrumentation.gemini.meters import Meters
from instrumentation.gemini.scenario_runner import Scenario
from instrumentation.gemini.scenarios import possible

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
from hydrochat_otel.runtime import failures
from hydrochat_otel.testing.emulator import GeminiEmulator

NANODOLLAR = 1e-9


@dataclass(frozen=True)
class Observed:
    """One scenario, run without and with the instrumentor."""

    seen_without: exchange.Seen
    seen_with: exchange.Seen
    expected: exchange.Expected
    measured: exchange.Expected
    spans: tuple[Any, ...]
    durations: int
    faults: dict[str, int]


@pytest.fixture(scope="module", params=possible(), ids=lambda scenario: scenario.name)
def run(request: pytest.FixtureRequest) -> Observed:
    """Run a scenario both ways, once for all tests of it: pytest tries them one after the other."""
    return observed(request.param)


def observed(scenario: Scenario) -> Observed:
    """Run a scenario without and with the instrumentor."""
    with GeminiEmulator(record_bodies=True) as emulator:
        seen_without = exchange.run(scenario, emulator)
    meters, instrumentor = Meters(), GeminiInstrumentor()
    instruments.bind(meters.instruments)
    instrumentor.instrument()
    try:
        with GeminiEmulator(record_bodies=True) as emulator:
            seen_with = exchange.run(scenario, emulator)
            expected = exchange.billed(scenario, emulator)
        return Observed(
            seen_without,
            seen_with,
            expected,
            meters.measured(),
            meters.spans,
            sum(count for _, count, _ in meters.points(semconv.GEN_AI_DURATION)),
            failures.counts(),
        )
    finally:
        instrumentor.uninstrument()
        instruments.bind(None)
        meters.close()


def without_dollars(figures):
    """Return every whole number."""
    return replace(figures, cost_usd=0.0, charged_usd=0.0, saved_usd=0.0)


def test_our_numbers_equal_the_ledger(run):
    """Calls by outcome, buckets, dollars spent and saved, unpriced, unreconciled, incomplete, attempts: equal."""
    assert without_dollars(run.measured) == without_dollars(run.expected)
    assert run.measured.charged_usd == pytest.approx(run.expected.charged_usd, rel=0, abs=NANODOLLAR)
    assert run.measured.saved_usd == pytest.approx(run.expected.saved_usd, rel=0, abs=NANODOLLAR)
    assert run.measured.cost_usd == pytest.approx(run.expected.cost_usd, rel=0, abs=NANODOLLAR)
    assert not run.faults


def test_spans_and_instruments_agree(run):
    """Each call has one span with the same tokens, cost and outcome, and as many durations as calls were made."""
    found = [span.attributes for span in run.spans]
    calls = [span for span in found if span[semconv.GEN_AI_OPERATION] != semconv.EXECUTE_TOOL]
    found = [span for span in calls if span[semconv.GEN_AI_OPERATION] not in semconv.UNBILLED_OPERATIONS]
    sent = [span for span in found if span[semconv.GEN_AI_OPERATION] not in semconv.RESULT_OPERATIONS]
    sent = [span for span in sent if span.get(semconv.ATTEMPTS, 1)]
    outcomes = [span.get(semconv.OUTCOME, "ok") for span in sent]
    assert {outcome: outcomes.count(outcome) for outcome in set(outcomes)} == run.expected.calls
    assert run.expected.tokens == tuple(sum(span.get(name, 0) for span in found) for name in semconv.TOKEN_ATTRIBUTES)
    cost_usd = sum(span.get(semconv.COST_USD, 0.0) for span in found)
    assert cost_usd == pytest.approx(run.expected.cost_usd, rel=0, abs=NANODOLLAR)
    assert sum(span.get(semconv.ATTEMPTS, 1) for span in sent) == run.expected.attempts
    marked = sum(1 for span in found if semconv.UNRECONCILED in span)
    results = [span for span in found if span[semconv.GEN_AI_OPERATION] in semconv.RESULT_OPERATIONS]
    assert (run.durations, marked) == (len(calls) - len(results), run.expected.unreconciled_calls)


def test_the_caller_sees_no_difference(run):
    """Results, their types, exceptions, where they were raised and the bytes on the wire are the same as without us."""
    assert run.seen_with == run.seen_without


def test_the_table_is_long_enough():
    """There are more than forty scenarios, each with a name of its own."""
    names = [scenario.name for scenario in possible()]
    assert len(set(names)) == len(names) > 40
