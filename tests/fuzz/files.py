"""Fuzz targets of the operator's files: prices and bills."""

import csv
import io
import json
import math
import tempfile
from datetime import date
from pathlib import Path

from fuzz import mutations
from fuzz.target import Target, expect

from hydrochat_otel.prices.book import PriceBook
from hydrochat_otel.prices.price_file import PriceFileError
from hydrochat_otel.prices.reconcile import bill, comparison, metered
from hydrochat_otel.prices.reconcile.amounts import BillingError
from hydrochat_otel.prices.reconcile.bill import Span
from hydrochat_otel.prices.reconcile.lines import open_bill, opened
from hydrochat_otel.prices.usage import Tokens

MODELS = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.0-flash")
AUGUST_2025 = 1_755_000_000.0
_FOLDER = Path(tempfile.mkdtemp(prefix="hydrochat-fuzz-"))

TOML = b"""as_of = 2025-10-01
[models."gemini-2.5-pro"]
input = 1.25
cached = 0.125
output = 10
thinking = 10
input_audio = 1.25
[[models."gemini-2.5-pro".tiers]]
above_input_tokens = 200000
input = 2.50
output = 15
[models."gemini-2.5-pro".service_tiers.flex]
input = 0.625
output = 5
[models."gemini-2.5-pro".charges]
cache_storage = 4.50
[models."gemma-3-27b-it"]
free = true
[charges]
grounding_search = 14
image = 0.04
[factors]
flex = 0.5
"""
JSON = json.dumps(
    {
        "as_of": "2025-10-01",
        "models": {"gemini-2.5-pro": {"input": 1.25, "output": "10", "tiers": [{"above_input_tokens": 5, "input": 1}]}},
        "charges": {"grounding_search": 14},
        "factors": {"batch": 0.5},
    }
).encode()


def _prices(suffix):
    file = _FOLDER / f"prices{suffix}"

    def run(data):
        file.write_bytes(data)
        try:
            book = PriceBook(file)
        except PriceFileError as error:
            expect(str(error).isprintable(), f"the sentence is not printable: {error!s:.80}")
            return "refused"
        for model in (*MODELS, "gemma-3-27b-it"):
            usd = book.cost_usd(model, Tokens(1000, 100, 10, 500, 50, reconciled=True), AUGUST_2025)
            expect(usd is None or (math.isfinite(usd) and usd >= 0), f"{model} costs {usd}")
        return "read"

    return run


def _table(*rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


BILLS = (
    _table(
        ("Billing account name", "Project name", "Service description", "SKU description", "Usage start date",
         "Usage end date", "Usage amount", "Usage unit", "Cost ($)", "Credits ($)"),
        ("a", "p", "Gemini API", "Gemini 2.5 Pro Input Text Tokens", "2025-08-01", "2025-08-01", "1,000", "count",
         "1.25", "-0.25"),
        ("", "", "", "Tax", "", "", "", "", "0.10", ""),
        ("", "", "", "Total", "", "", "", "", "1.10", ""),
    ),
    _table(
        ("sku.description", "usage_start_time", "usage_end_time", "usage.amount", "usage.unit", "cost", "currency",
         "currency_conversion_rate", "credits"),
        ("Gemini 2.5 Flash Output Tokens", "2025-08-01 00:00:00 UTC", "2025-08-01 01:00:00 UTC", "5e3", "count",
         "0.0125", "EUR", "0.9", '[{"amount": -0.01}]'),
        ("Vertex AI Batch Gemini 2.0 Flash Input", "2025-08-02T00:00:00Z", "2025-08-02T01:00:00Z", "7", "count", "1",
         "EUR", "0.9", "[]"),
    ),
    _table(
        ("date", "model", "tokens", "cost"),
        ("2025-08-01", "gemini-2.5-pro", "1000", "$1.25"),
        ("2025-08-02", "gemini-2.0-flash", "2000000", "(0,50)"),
    ),
    _table(("sku", "usage", "cost"), ("Gemini 2.5 Pro output", "1", "2"), ("Rounding error", "", "0.001")),
)  # fmt: skip


def _billing(data):
    file = _FOLDER / "bill.csv"
    file.write_bytes(data)
    period = Span(date(2025, 8, 1), date(2025, 8, 31))
    try:
        with opened(file) as text:
            found = bill.read(open_bill(text, "bill.csv"), MODELS, period=period)
        rows = comparison.compare(metered.of_table(found), found)
        comparison.total(rows)
        json.dumps(comparison.document(found, rows, ()), allow_nan=False)
    except BillingError as error:
        expect(str(error).isprintable(), f"the sentence is not printable: {error!s:.80}")
        return "refused"
    return "read"


TARGETS = (
    Target("prices-toml", _prices(".toml"), (TOML,)),
    Target("prices-json", _prices(".json"), (JSON,), mutations.changed_json),
    Target("billing", _billing, BILLS),
)
