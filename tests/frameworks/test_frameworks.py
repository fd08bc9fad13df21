"""Frameworks on google-genai, each in a virtual environment of its own: everything is counted and nothing changes."""

import json
import os
import subprocess
from pathlib import Path

import environments
import pytest

import hydrochat_otel

DRIVERS = Path(__file__).parent / "drivers"
SOURCE = Path(hydrochat_otel.__file__).parent.parent
WANTED = os.environ.get("HYDROCHAT_TEST_FRAMEWORKS")

PACKAGES = {
    "adk": ["google-adk"],
    "langchain": ["langchain", "langchain-google-genai", "langgraph"],
    "logfire": ["logfire"],
    "pydantic_ai": ["pydantic-ai-slim[google]"],
}
"""The frameworks that CI runs: the driver's name and the packages that its environment needs."""

FURTHER = {}
"""The further frameworks that HYDROCHAT_TEST_FRAMEWORKS=all runs."""

pytestmark = [
    pytest.mark.skipif(
        WANTED not in {"1", "all"},
        reason="makes virtual environments of frameworks: set HYDROCHAT_TEST_FRAMEWORKS=1, or =all for the rarer ones",
    ),
    pytest.mark.timeout(1200),
]


@pytest.fixture(params=[*PACKAGES, *(FURTHER if WANTED == "all" else ())])
def report(request, tmp_path):
    """The output of the framework's driver."""
    own = str(SOURCE) if (SOURCE / "pyproject.toml").exists() else "hydrochat-otel"
    python = environments.make(tmp_path, [*(PACKAGES | FURTHER)[request.param], own])
    done = subprocess.run(
        [python, DRIVERS / f"with_{request.param}.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_everything_is_counted_and_nothing_changes(report):
    """Ledger, export and /metrics agree, each call is below its caller, and results are unchanged."""
    assert report["differences"] == []
    assert report["watched"] == report["plain"]
    assert report["telemetry_errors"] == 0
    billed, exported, metrics = report["ledger"], report["export"], report["metrics"]
    assert billed["calls"] == exported["total_calls"] == metrics["calls"] > 0
    assert billed["tokens"] == exported["total_tokens_used"] == metrics["tokens"] == sum(report["buckets"].values())
    assert exported["total_cost_usd"] == pytest.approx(billed["cost_usd"], abs=1e-9)
    assert metrics["cost"] == pytest.approx(billed["cost_usd"], abs=1e-9)
    counts = report["calls_by_scenario"]
    assert counts.pop("") == 0
    assert sum(counts.values()) == billed["calls"]
    assert min(counts.values()) >= 1
