"""An emulator's ledger over two days, the files of all shapes made from it, and the same numbers as a metered side."""

import io
from datetime import date
from decimal import Decimal

from prices.reconcile import bill_files

from hydrochat_otel.prices.reconcile.amounts import Amount
from hydrochat_otel.prices.reconcile.bill import read
from hydrochat_otel.prices.reconcile.comparison import Metered
from hydrochat_otel.prices.reconcile.lines import open_bill
from hydrochat_otel.testing.consumption import RATES, Buckets, Consumption
from hydrochat_otel.testing.ledger import Ledger

DAYS = date(2025, 10, 1), date(2025, 10, 2)
MODELS = [*RATES, "gemini-3-pro-preview"]


def read_text(text, *, zone=None, **options):
    """Return the bill in a text."""
    return read(open_bill(io.StringIO(text), "bill.csv", zone), MODELS, **options)


def ledger_of(*used):
    """An emulator's ledger that billed these (model, buckets)."""
    ledger = Ledger()
    for model, buckets in used:
        names = {"model_requested": model, "model_answered": model, "method": "generateContent"}
        number = ledger.open(api="gemini", kind="generate", call="", status=200, outcome="ok", **names)
        ledger.bill(number, Consumption(buckets=buckets, reported_total=buckets.total))
    return ledger


FIRST = ledger_of(
    ("gemini-2.5-flash", Buckets(input_fresh=1234, input_cached=500, output_answer=77, output_thinking=1001)),
    ("gemini-2.0-flash-001", Buckets(input_fresh=9, output_answer=3)),
    ("gemini-2.5-pro", Buckets(input_fresh=200_001, output_answer=10)),
)
SECOND = ledger_of(
    ("gemini-2.5-flash", Buckets(input_fresh=50, input_tool=5, output_answer=1)),
    ("gemini-2.5-flash-lite", Buckets(input_fresh=1_000_000, input_cached=1, output_answer=2)),
    ("gemini-embedding-001", Buckets(input_fresh=33)),
)
LEDGERS = dict(zip(DAYS, (FIRST, SECOND), strict=True))
CHARGES = [one for day, ledger in LEDGERS.items() for one in bill_files.charges(ledger.lines, day)]


def metered():
    """Return what the ledgers billed, as a metered side."""
    days = {}
    for day, ledger in LEDGERS.items():
        for line in ledger.lines:
            key = day, line.model_answered
            one = Metered(Amount(line.tokens.total, line.cost_usd))
            days[key] = days[key].plus(one) if key in days else one
    return days


SHAPES = {
    "cost table": (bill_files.cost_table(CHARGES), "cost_table"),
    "cost table with credit and tax": (
        bill_files.cost_table(CHARGES, credit=Decimal("-0.1"), tax=Decimal("0.07")),
        "cost_table",
    ),
    "reports": (bill_files.reports(CHARGES), "reports"),
    "reports with discount and tax": (
        bill_files.reports(CHARGES, discount=Decimal("-0.2"), tax=Decimal(1)),
        "reports",
    ),
    "bigquery standard": (bill_files.bigquery(CHARGES), "bigquery"),
    "bigquery detailed": (bill_files.bigquery(CHARGES, dots=False, credit=Decimal("-0.3")), "bigquery"),
    "bigquery in euros": (bill_files.bigquery(CHARGES, currency="EUR", per_usd=Decimal("0.5")), "bigquery"),
    "focus": (bill_files.focus(CHARGES), "focus"),
    "focus with credit": (bill_files.focus(CHARGES, credit=Decimal("-0.1")), "focus"),
}
