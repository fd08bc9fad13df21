from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as PricedUsage, calc_price

from hydrochat_otel.testing.consumption import RATES, Buckets, Consumption, rate_for
from hydrochat_otel.testing.ledger import CallCounts, Ledger, Totals

MEASURED_ON = datetime(2025, 11, 1, tzinfo=UTC)
CONTRACT_MODEL = "gemini-2.0-flash-exp"


def open_line(ledger, *, model="gemini-2.5-flash", call="", status=200, outcome="ok", kind="generate", answered=None):
    """Open a line of the Gemini API."""
    return ledger.open(
        api="gemini",
        kind=kind,
        method="generateContent",
        model_requested=model,
        model_answered=answered or model,
        call=call,
        status=status,
        outcome=outcome,
    )


USES = {
    "plain": Consumption(buckets=Buckets(input_fresh=1_000, output_answer=500)),
    "cached": Consumption(buckets=Buckets(input_fresh=1_000, input_cached=7_000, output_answer=1)),
    "thinking": Consumption(buckets=Buckets(input_fresh=341, output_answer=15, output_thinking=3_347)),
    "tool": Consumption(buckets=Buckets(input_fresh=10, input_tool=250, output_answer=40)),
    "at the tier": Consumption(buckets=Buckets(input_fresh=100_000, input_cached=100_000, output_answer=9)),
    "over the tier": Consumption(buckets=Buckets(input_fresh=100_000, input_cached=100_001, output_answer=9)),
    "audio": Consumption(
        buckets=Buckets(input_fresh=900, input_cached=300, output_answer=20), fresh_audio=800, cached_audio=200
    ),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("model", sorted(RATES.keys() - {CONTRACT_MODEL, "gemini-embedding-001"}))
def test_the_hand_written_rates_are_those_of_the_price_book(model, use):
    """For every model and kind of token the ledger's own table equals genai-prices to the last digit."""
    used = USES[use]
    priced = calc_price(
        PricedUsage(
            input_tokens=used.buckets.input,
            cache_read_tokens=used.buckets.input_cached,
            input_audio_tokens=used.fresh_audio + used.cached_audio,
            cache_audio_read_tokens=used.cached_audio,
            output_tokens=used.buckets.output,
        ),
        model,
        provider_id="google",
        genai_request_timestamp=MEASURED_ON,
    )
    assert rate_for(model).cost_usd(used) == priced.total_price


def test_the_rate_of_embeddings_is_that_of_the_price_book():
    """An embedding costs its input and nothing else."""
    used = Consumption(buckets=Buckets(input_fresh=12_345))
    priced = calc_price(PricedUsage(input_tokens=12_345), "gemini-embedding-001", provider_id="google")
    assert rate_for("gemini-embedding-001").cost_usd(used) == priced.total_price


def test_the_contract_model_costs_what_the_contract_says():
    """35 000 input and 10 000 output tokens of gemini-2.0-flash-exp cost 0.0065 dollars, cached input or not."""
    rate = rate_for(CONTRACT_MODEL)
    for cached in (0, 30_000):
        buckets = Buckets(input_fresh=35_000 - cached, input_cached=cached, output_answer=9_000, output_thinking=1_000)
        assert rate.cost_usd(Consumption(buckets=buckets)) == Decimal("0.0065")


def test_a_release_suffix_does_not_change_the_price_and_an_unknown_model_has_none():
    """`-001` is the same model; a model outside the table is unpriced, not free."""
    assert rate_for("gemini-2.0-flash-001") is RATES["gemini-2.0-flash"]
    assert rate_for("wound-triage-preview") is None


def test_totals_of_an_empty_ledger_are_zeros():
    """An empty ledger has zeros and raises nothing."""
    assert Ledger().totals() == Totals(
        requests=0,
        requests_by_status={},
        retries=0,
        calls=CallCounts(),
        calls_by_kind=dict.fromkeys(("generate", "embed", "count", "other", "result"), CallCounts()),
        unreconciled_calls=0,
        tokens=Buckets(),
        tokens_by_model={},
        tokens_by_requested_model={},
        cost_usd=Decimal(0),
        cost_by_model={},
        unpriced_tokens={},
    )


def test_totals_add_up_calls_tokens_and_cost():
    """Attempts of one marked call are one call; tokens go to the answering model; unpriced ones are counted apart."""
    ledger = Ledger()
    open_line(ledger, call="a", status=429, outcome="error")
    first = open_line(ledger, call="a", model="gemini-flash-latest", answered="gemini-2.5-flash")
    ledger.bill(first, Consumption(buckets=Buckets(input_fresh=10), reported_total=10))
    ledger.bill(first, Consumption(buckets=Buckets(input_fresh=100, output_answer=10), reported_total=110))
    for _ in range(2):
        open_line(ledger, call="b", status=500, outcome="error")
    unpriced = open_line(ledger, model="wound-triage-preview")
    ledger.bill(unpriced, Consumption(buckets=Buckets(input_fresh=7), reported_total=9))
    counted = open_line(ledger, kind="count")
    ledger.bill(counted, Consumption(buckets=Buckets(input_fresh=99), reported_total=99))
    left = open_line(ledger, outcome="cancelled", kind="embed", model="gemini-embedding-001")
    ledger.settle(left, "blocked")

    assert ledger.totals() == Totals(
        requests=7,
        requests_by_status={429: 1, 500: 2, 200: 4},
        retries=2,
        calls=CallCounts(ok=2, error=1, blocked=1),
        calls_by_kind={
            "generate": CallCounts(ok=2, error=1),
            "embed": CallCounts(blocked=1),
            "count": CallCounts(ok=1),
            "other": CallCounts(),
            "result": CallCounts(),
        },
        unreconciled_calls=2,
        tokens=Buckets(input_fresh=107, output_answer=10),
        tokens_by_model={
            "gemini-2.5-flash": Buckets(input_fresh=100, output_answer=10),
            "wound-triage-preview": Buckets(input_fresh=7),
        },
        tokens_by_requested_model={
            "gemini-flash-latest": Buckets(input_fresh=100, output_answer=10),
            "wound-triage-preview": Buckets(input_fresh=7),
        },
        cost_usd=Decimal("0.000055"),
        cost_by_model={"gemini-2.5-flash": Decimal("0.000055")},
        unpriced_tokens={"wound-triage-preview": 7},
    )


def test_a_refused_request_cannot_be_billed():
    """Only an answer costs money: a bill for an error's line changes nothing."""
    ledger = Ledger()
    refused = open_line(ledger, status=503, outcome="error")
    before = ledger.lines
    ledger.bill(refused, Consumption(buckets=Buckets(input_fresh=1)))
    assert ledger.lines == before
