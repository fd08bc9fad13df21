"""Frameworks on google-genai, each in a virtual environment of its own: nothing is missing and nothing changes."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

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
"""What CI runs: the driver's name and what its environment needs."""

FURTHER = {}
"""What HYDROCHAT_TEST_FRAMEWORKS=all runs as well."""

pytestmark = [
    pytest.mark.skipif(
        WANTED not in {"1", "all"},
        reason="makes virtual environments of frameworks: set HYDROCHAT_TEST_FRAMEWORKS=1, or =all for the rarer ones",
    ),
    pytest.mark.timeout(1200),
]


def environment_of(name, folder):
    """Make a virtual environment with the framework and this package, and return its Python."""
    needed = [*(PACKAGES | FURTHER)[name], str(SOURCE) if (SOURCE / "pyproject.toml").exists() else "hydrochat-otel"]
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if uv := shutil.which("uv"):
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder / "venv"], check=True)
        subprocess.run([uv, "pip", "install", "-q", "-p", python, *needed], check=True)
    else:
        venv.create(folder / "venv", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *needed], check=True)
    return python


@pytest.fixture(params=[*PACKAGES, *(FURTHER if WANTED == "all" else ())])
def report(request, tmp_path):
    """What the framework's driver printed."""
    python = environment_of(request.param, tmp_path)
    done = subprocess.run(
        [python, DRIVERS / f"with_{request.param}.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_nothing_is_missing_and_nothing_changes(report):
    """Ledger, export and /metrics agree, each call lies below its caller, and results are as without the pipeline."""
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
