"""Promises of :mod:`hydrochat_otel.prices.reconcile.bill`: every shape is exact to the token and the cent."""

from datetime import date
from decimal import Decimal

import pytest
from prices.reconcile import bill_files
from prices.reconcile.bills import CHARGES, DAYS, SHAPES, metered, read_text

from hydrochat_otel.prices.reconcile.amounts import Amount, BillingError
from hydrochat_otel.prices.reconcile.bill import Span
from hydrochat_otel.prices.reconcile.comparison import Metered, compare, total


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_covers_the_ledger_exactly(name):
    """A file of each shape, made from the emulator's ledger, gives 100.00 % coverage and no difference, day by day."""
    text, shape = SHAPES[name]
    bill = read_text(text)
    rows = compare(metered(), bill)
    whole = total(rows)
    assert bill.shape == shape
    assert {(row.span.first, row.model): (row.coverage, row.difference_usd, row.reasons) for row in rows} == {
        (day, model): (1.0, Decimal(0), ())
        for day, model in (
            (DAYS[0], "gemini-2.0-flash"),
            (DAYS[0], "gemini-2.5-flash"),
            (DAYS[0], "gemini-2.5-pro"),
            (DAYS[1], "gemini-2.5-flash"),
            (DAYS[1], "gemini-2.5-flash-lite"),
            (DAYS[1], "gemini-embedding"),
        )
    }
    assert (f"{whole.coverage:.2%}", whole.difference_usd) == ("100.00%", Decimal(0))


def test_credits_taxes_and_rounding_stay_apart():
    """None of them changes tokens or the dollars of usage, and a credit that repeats the usage counts no token."""
    bill = read_text(SHAPES["cost table with credit and tax"][0])
    assert (bill.credits, bill.taxes) == (Decimal("-0.1"), Decimal("0.07"))
    assert read_text(SHAPES["reports with discount and tax"][0]).credits == Decimal("-0.2")
    assert read_text(SHAPES["bigquery detailed"][0]).credits == Decimal("-0.3")
    assert read_text(SHAPES["focus with credit"][0]).credits == Decimal("-0.1")
    without_type = "date,sku,tokens,cost\n2025-10-01,gemini-2.5-flash,100,0.5\n2025-10-01,gemini-2.5-flash,100,-0.5\n"
    bill = read_text(without_type)
    (charged,) = bill.charged.values()
    assert (charged.amount, bill.credits) == (Amount(100, Decimal("0.5")), Decimal("-0.5"))


@pytest.mark.parametrize("name", ["cost table", "reports"])
def test_a_file_that_was_cut_is_refused(name):
    """If lines above a stated total are missing, one sentence has both sums."""
    lines = SHAPES[name][0].splitlines()
    broken = [line for line in lines if "200,001" not in line]
    assert len(broken) == len(lines) - 1
    with pytest.raises(
        BillingError, match=r"^bill.csv, line \d+: the stated total is [\d.]+, its lines add up to [\d.]+; "
    ):
        read_text("\n".join(broken))


def test_days_are_in_the_zone_of_the_bill():
    """Five o'clock UTC is the day before in California: an option names the zone, BigQuery's own is UTC."""
    text = bill_files.bigquery(CHARGES[:1])
    assert [span.first for span, _ in read_text(text).charged] == [date(2025, 10, 1)]
    assert [span.first for span, _ in read_text(text, zone="America/Los_Angeles").charged] == [date(2025, 9, 30)]
    with pytest.raises(BillingError, match="is not a time zone"):
        read_text(text, zone="Mars/Olympus")


def test_lines_of_a_month_are_compared_as_a_month():
    """Overlapping spans become one, so that no metered day counts twice."""
    text = (
        "SKU description,Cost type,Usage start date,Usage end date,Usage amount,Usage unit,Unrounded Cost ($),"
        "Cost ($)\nGemini 2.5 Flash Text Input,Usage,2025-10-01,2025-10-31,100,count,1,1\n"
        "Gemini 2.5 Flash Text Output,Usage,2025-10-05,2025-10-20,50,count,2,2\n"
    )
    days = {(date(2025, 10, day), "gemini-2.5-flash"): Metered(Amount(5, Decimal("0.1"))) for day in range(1, 31)}
    (row,) = compare(days, read_text(text))
    assert row.span == Span(date(2025, 10, 1), date(2025, 10, 31))
    assert (row.metered, row.billed) == (Amount(150, Decimal("3.0")), Amount(150, Decimal(3)))


def test_a_report_without_dates_needs_a_period():
    """Its lines belong to the given period; without one there is a sentence."""
    text = "SKU,Usage,Usage unit,Cost ($),Subtotal ($)\nGemini 2.5 Flash Text Input,7,count,1,1\n"
    with pytest.raises(BillingError, match="--period"):
        read_text(text)
    period = Span(date(2025, 10, 1), date(2025, 10, 31))
    assert list(read_text(text, period=period).charged) == [(period, "gemini-2.5-flash")]


def test_another_currency_is_named_and_converted_only_with_a_rate():
    """A bill in Singapore dollars has a dollar sign, too; without a rate its money is not compared."""
    text = bill_files.cost_table(CHARGES).replace("Currency,USD", "Currency,SGD")
    bill = read_text(text)
    assert (bill.currency, bill.is_priced) == ("SGD", False)
    assert {row.difference_usd for row in compare(metered(), bill)} == {None}
    whole = total(compare(metered(), read_text(text, per_usd=Decimal(2))))
    assert whole.billed.cost_usd * 2 == whole.metered.cost_usd
    mixed = "date,sku,tokens,cost,currency\n2025-10-01,gemini-2.5-flash,1,1,USD\n2025-10-01,gemini-2.5-flash,1,1,EUR\n"
    with pytest.raises(BillingError, match="line 3: the currency is 'EUR', others differ"):
        read_text(mixed)


def test_other_units_count_no_tokens_and_are_named():
    """Token-hours of storage and search queries have dollars and no tokens; the reasons of the difference say so."""
    text = (
        "date,sku,usage,usage unit,cost\n"
        "2025-10-01,Gemini 2.5 Flash Text Input,1000,k,0.3\n"
        "2025-10-01,Gemini 2.5 Flash Input Text Caching Storage,70000,token-hours,0.07\n"
        "2025-10-01,Number of queries with search grounding,2,count,0.028\n"
        "2025-10-01,Gemini 2.5 Flash Text Input - Batch Predictions,5000,count,0.001\n"
        "2025-10-01,Cloud Run CPU,5,hour,3\n"
    )
    bill = read_text(text)
    flash = Metered(Amount(1_000_000, Decimal("0.3")), 7, 1, 2)
    grounding, model = compare({(DAYS[0], "gemini-2.5-flash"): flash}, bill)
    assert (model.billed, bill.left_out) == (Amount(1_005_000, Decimal("0.371")), Decimal(3))
    assert model.reasons == (
        "7 tokens were metered without a price",
        "1 calls had no usage that balances",
        "2 streams ended early",
        "5,000 tokens were billed as batch",
        "$0.070000 were billed for storage of cached content",
    )
    assert (grounding.model, grounding.billed) == ("(grounding)", Amount(None, Decimal("0.028")))
    assert grounding.reasons[-1] == "$0.028000 were billed for grounding"
