"""One amount is one number: whatever surface shows what calls cost, and whatever state keeps it, no digit differs."""

import re

import pytest
from google import genai
from google.genai.types import HttpOptions

import hydrochat_otel
from hydrochat_otel.hydrochat.client.metrics import get_gemini_metrics_v2
from hydrochat_otel.testing import GeminiEmulator, Usage, answer
from hydrochat_otel.views import history, json_export, money, overview, prometheus
from hydrochat_otel.views.entry_page import Filter
from hydrochat_otel.views.history import Steps

CALLS = 13
USAGE = Usage(prompt=70_000, answer=10_000)
AMOUNT = 0.13
"""Thirteen times a cent, which doubles add up to 0.12999999999999998."""


@pytest.mark.parametrize("state", ["memory", "sqlite"])
def test_every_surface_shows_the_same_number(install, state, tmp_path):
    """Counter, scrape, export, page, money, history, days, budget, report and HydroChat's own dictionary agree."""
    running = install(instrument_gemini=True, state="memory" if state == "memory" else f"sqlite://{tmp_path}/state.db")
    with GeminiEmulator() as emulator:
        client = genai.Client(api_key="any", http_options=HttpOptions(base_url=emulator.base_url))
        emulator.script(*[answer("a", usage=USAGE)] * CALLS)
        for _ in range(CALLS):
            client.models.generate_content(model="gemini-2.0-flash-exp", contents="x")
    snapshot = running.snapshot()
    scrape = prometheus.render(snapshot, prometheus.negotiate(None)).decode()
    export = json_export.document(snapshot, Filter(days=True))
    page = overview.document(snapshot, ())
    steps = history.from_window(snapshot, Steps.over(snapshot.unix_s, 86_400 * 7, 86_400))["steps"]
    shown = {
        "scrape": sum(map(float, re.findall(r"^hydrochat_llm_cost_total\{.*?\} (\S+)", scrape, re.MULTILINE))),
        "spend": {float(one) for one in re.findall(r"^hydrochat_llm_spend\{.*?\} (\S+)", scrape, re.MULTILINE)},
        "export": export["llm_api_metrics"]["total_cost_usd"],
        "budget": export["budget"]["spent_today_usd"],
        "days": {row["cost_usd"] for rows in export["days"]["zones"].values() for row in rows},
        "page": page["totals"]["cost_usd"],
        "model": page["models"][0]["cost_usd"],
        "money": money.document(snapshot)["cost_usd"],
        "history": steps[-1]["total_cost_usd"],
        "report": hydrochat_otel.report(by="model").total["cost_usd"],
        "report of the hour": hydrochat_otel.report(by="model", since="1h").total["cost_usd"],
        "report of the day": hydrochat_otel.report(by="model", day="today").total["cost_usd"],
        "dictionary": get_gemini_metrics_v2()["total_cost_usd"],
    }
    assert {name: value for name, value in shown.items() if value not in (AMOUNT, {AMOUNT})} == {}
