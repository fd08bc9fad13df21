"""End to end: real calls against the emulator, this process's days, and a bill made from the emulator's ledger."""

from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest
from google import genai
from google.genai import types
from prices.reconcile import bill_files
from prices.reconcile.bills import read_text

from hydrochat_otel.prices.reconcile import metered
from hydrochat_otel.prices.reconcile.comparison import compare, total
from hydrochat_otel.testing import GeminiEmulator
from hydrochat_otel.testing.replies import answer
from hydrochat_otel.views import json_export
from hydrochat_otel.views.entry_page import Filter

MODELS = ("gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.0-flash")
SHAPES = {
    "cost table": (bill_files.cost_table, "America/Los_Angeles"),
    "reports": (bill_files.reports, "America/Los_Angeles"),
    "bigquery": (bill_files.bigquery, "UTC"),
    "focus": (bill_files.focus, "UTC"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_bill_of_this_process_is_covered_to_the_cent(install, name):
    """For each shape the days that this process exports cover the bill by 100.00 % without a difference."""
    installed = install(instrument_gemini=True, state="memory")
    with GeminiEmulator() as emulator:
        options = types.HttpOptions(base_url=emulator.base_url)
        client = genai.Client(api_key="k", http_options=options)
        for model in MODELS:
            emulator.script(answer("Yes."))
            client.models.generate_content(model=model, contents="Is it healing?")
        lines = emulator.ledger.lines
    export = orjson.loads(json_export.render(installed.snapshot(), Filter(days=True)))
    make, zone = SHAPES[name]
    days, found = metered.of_export(export, zone)
    (today,) = {day for day, _ in days} or {datetime.now(UTC).date()}
    rows = compare(days, read_text(make(bill_files.charges(lines, today))))
    whole = total(rows)
    assert (found, [row.model for row in rows]) == (zone, sorted(MODELS))
    assert f"{whole.coverage:.2%}" == "100.00%"
    assert abs(whole.difference_usd) < Decimal("1e-12")
    assert {row.reasons for row in rows} == {()}
