"""The numbers agree: the emulator's ledger, the export, /metrics and a real Prometheus, to the last token."""

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from decimal import Decimal

import pytest
from conftest import TOKEN, require_program
from prometheus_client.parser import text_string_to_metric_families

from hydrochat_otel import semconv
from hydrochat_otel.demo.scenario import ConversationBrain
from hydrochat_otel.demo.workload import run_workload
from hydrochat_otel.serve.server import Server
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.views import json_export, prometheus


@pytest.fixture
def books(install):
    """A pipeline and the emulator's totals after the demo's sixty turns, without their waits."""
    installed = install(instrument_gemini=True)
    with GeminiEmulator(ConversationBrain()) as emulator:
        run_workload(emulator.base_url, turns=60, seed=17, time_scale=0.01)
        assert emulator.wait_until_idle()
        return installed, emulator.ledger.totals()


def test_the_export_equals_the_ledger(books):
    """Every call by outcome, every token and every cent of the workload is in the export, exactly."""
    installed, billed = books
    llm = json_export.document(installed.snapshot())["llm_api_metrics"]
    tokens = billed.tokens
    input_tokens = tokens.input_fresh + tokens.input_cached + tokens.input_tool
    output_tokens = tokens.output_answer + tokens.output_thinking
    expected = {
        "total_calls": billed.calls.ok + billed.calls.error + billed.calls.blocked + billed.calls.cancelled,
        "successful_calls": billed.calls.ok,
        "failed_calls": billed.calls.error,
        "cancelled_calls": billed.calls.cancelled,
        "blocked_calls": billed.calls.blocked,
        "total_tokens_used": input_tokens + output_tokens,
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "unpriced_tokens": sum(billed.unpriced_tokens.values()),
        "unreconciled_calls": billed.unreconciled_calls,
    }
    assert {key: llm[key] for key in expected} == expected
    assert abs(Decimal(repr(llm["total_cost_usd"])) - billed.cost_usd) < Decimal("1e-9")


def test_the_counters_equal_the_ledger_bucket_by_bucket(books):
    """Buckets, retries, unpriced tokens and unreconciled calls agree as well."""
    installed, billed = books
    snapshot = installed.snapshot()
    by_bucket = {
        bucket: value for (bucket,), value in snapshot.sums_by(semconv.LLM_TOKENS, semconv.TOKEN_BUCKET).items()
    }
    assert by_bucket == {bucket: getattr(billed.tokens, bucket) for bucket in semconv.TOKEN_BUCKETS}
    assert snapshot.total(semconv.LLM_RETRIES) == billed.retries
    assert snapshot.total(semconv.LLM_UNPRICED_TOKENS) == sum(billed.unpriced_tokens.values())
    assert snapshot.total(semconv.LLM_UNRECONCILED_CALLS) == billed.unreconciled_calls


def test_metrics_equal_the_export(books):
    """One snapshot rendered both ways gives the same totals."""
    snapshot = books[0].snapshot()
    exposition = prometheus.negotiate(None)
    text = prometheus.render(snapshot, exposition).decode()
    sums = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    llm = json_export.document(snapshot)["llm_api_metrics"]
    assert sums["hydrochat_llm_tokens_total"] == llm["total_tokens_used"]
    assert sums["hydrochat_llm_calls_total"] == llm["total_calls"]
    assert sums["hydrochat_llm_cost_total"] == pytest.approx(llm["total_cost_usd"], abs=1e-9)


@pytest.mark.real
def test_promtool_finds_no_fault(books):
    """`promtool check metrics` prints nothing about the demo's metrics."""
    promtool = require_program("promtool", "prometheus")
    body = prometheus.render(books[0].snapshot(), prometheus.negotiate(None))
    checked = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.real
def test_a_real_prometheus_agrees(books, tmp_path):
    """Prometheus, scraping with the token from a file, returns by PromQL the numbers of the export."""
    program = require_program("prometheus", "prometheus")
    llm = json_export.document(books[0].snapshot())["llm_api_metrics"]
    (tmp_path / "token").write_text(TOKEN)
    with Server("127.0.0.1", 0) as server, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        (tmp_path / "prometheus.yml").write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s"},
                    "scrape_configs": [
                        {
                            "job_name": "demo",
                            "authorization": {"credentials_file": str(tmp_path / "token")},
                            "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}],
                        }
                    ],
                }
            )
        )
        process = subprocess.Popen(
            [
                program,
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stderr=subprocess.PIPE,
        )
        try:
            queries = {
                "total_tokens_used": "sum(hydrochat_llm_tokens_total)",
                "prompt_tokens": 'sum(hydrochat_llm_tokens_total{hydrochat_token_bucket=~"input_.*"})',
                "completion_tokens": 'sum(hydrochat_llm_tokens_total{hydrochat_token_bucket=~"output_.*"})',
                "total_calls": "sum(hydrochat_llm_calls_total)",
                "failed_calls": 'sum(hydrochat_llm_calls_total{hydrochat_outcome="error"})',
                "total_cost_usd": "sum(hydrochat_llm_cost_total)",
            }
            answers = {key: ask(port, query) for key, query in queries.items()}
            assert ask(port, 'up{job="demo"}') == 1
        finally:
            process.terminate()
            process.communicate(timeout=30)
            shutil.rmtree(tmp_path / "data", ignore_errors=True)
    assert answers == {key: pytest.approx(llm[key], abs=1e-9) for key in queries}


def ask(port, query, patience_s=60):
    """Return the value of a query, waiting until the first scrape has arrived."""
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                rows = json.load(response)["data"]["result"]
        except OSError:
            rows = []
        if rows and float(rows[0]["value"][1]) > 0:
            return float(rows[0]["value"][1])
        time.sleep(0.2)
    pytest.fail(f"Prometheus did not answer {query} within {patience_s} s")
