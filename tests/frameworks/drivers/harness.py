"""Runs a framework's scenarios against an emulator, without and with the pipeline, and prints the results as JSON.

A driver runs in a virtual environment of its own, as a program: it imports this module from its own folder.
"""

import asyncio
import inspect
import json
import os
import sys
import urllib.request
from contextlib import nullcontext
from importlib.metadata import version

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import hydrochat_otel
from hydrochat_otel.server import Server
from hydrochat_otel.testing import GeminiEmulator, Measured, made_up_reply

TOKEN = "token-of-the-tests-1234"


def play(scenarios, around=nullcontext):
    """Run each scenario within a context of its name; return its result as text, so that two runs can be compared."""
    results = {}
    for name, scenario in scenarios.items():
        with around(name):
            outcome = scenario()
            results[name] = repr(asyncio.run(outcome) if inspect.iscoroutine(outcome) else outcome)
    return results


def scraped(url):
    """Return the sums of all series by name, as a scrape gives them, and the export."""
    sums = {}
    for line in fetch(f"{url}/metrics").decode().splitlines():
        if not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name = series.partition("{")[0]
            sums[name] = sums.get(name, 0) + float(value)
    return sums, json.loads(fetch(f"{url}/api/hydrochat/metrics/export/"))


def fetch(url):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read()


def providers_of_its_own(exporter):
    """Return the arguments of `install()` that give it providers which export to `exporter`."""
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    return {"tracer_provider": tracer_provider, "meter_provider": MeterProvider()}


def main(scenarios, providers=providers_of_its_own):
    """Run the scenarios without and with the pipeline, on the given providers, and print the report."""
    with GeminiEmulator(made_up_reply) as emulator:
        os.environ |= {
            "GOOGLE_GEMINI_BASE_URL": emulator.base_url,
            "GEMINI_API_KEY": "any",
        }
        plain = play(scenarios)
        emulator.wait_until_idle()
        emulator.reset()
        spans = InMemorySpanExporter()
        pipeline = hydrochat_otel.install(metrics_token=TOKEN, state="memory", **providers(spans))
        watched = play(scenarios, around=hydrochat_otel.track_response_time)
        emulator.wait_until_idle()
        measured = Measured(pipeline)
        differences = measured.differences(emulator.ledger)
        with Server("127.0.0.1", 0) as server:
            metrics, export = scraped(server.url)
    billed = emulator.ledger.totals()
    report = {
        "google_genai": version("google-genai"),
        "plain": plain,
        "watched": watched,
        "differences": differences,
        "ledger": {"calls": billed.calls.total, "tokens": billed.tokens.total, "cost_usd": float(billed.cost_usd)},
        "buckets": {name: getattr(billed.tokens, name) for name in billed.tokens.__slots__},
        "export": export["llm_api_metrics"],
        "metrics": {name: metrics.get(f"hydrochat_llm_{name}_total", 0) for name in ("calls", "tokens", "cost")},
        "telemetry_errors": metrics.get("hydrochat_telemetry_errors_total", 0),
        "calls_by_scenario": calls_by_scenario(spans.get_finished_spans(), scenarios),
    }
    sys.stdout.write("\n" + json.dumps(report) + "\n")
    sys.stdout.flush()
    os._exit(0)  # some frameworks leave threads that no longer end


def calls_by_scenario(spans, scenarios):
    """Return how many spans of calls are below each scenario's span, at any depth; '' counts those below none."""
    by_id = {span.context.span_id: span for span in spans}
    counts = dict.fromkeys([*scenarios, ""], 0)
    for span in spans:
        is_call = span.attributes.get("gen_ai.operation.name") not in {None, "execute_tool", "count_tokens"}
        if not is_call or span.instrumentation_scope.name != "hydrochat_otel":
            continue
        above = span
        while above is not None and above.name not in scenarios:
            above = by_id.get(above.parent.span_id) if above.parent else None
        counts[above.name if above else ""] += 1
    return counts
