"""Runs a framework's driver in an environment of its own, and compares what was billed, counted and shown."""

import json
import subprocess
from pathlib import Path

import environments

import hydrochat_otel

DRIVERS = Path(__file__).parent / "drivers"
SOURCE = Path(hydrochat_otel.__file__).parent.parent

IN_CI = {
    "adk": ["google-adk"],
    "langchain": ["langchain", "langchain-google-genai", "langgraph"],
    "logfire": ["logfire"],
    "pydantic_ai": ["pydantic-ai-slim[google]"],
}
"""The frameworks that CI runs: the driver's name and the packages that its environment needs."""

FURTHER = {
    "agno": ["agno", "google-genai"],
    "crewai": ["crewai[google-genai]"],
    "haystack": ["google-genai-haystack"],
    "instructor": ["instructor[google-genai]", "jsonref"],
    "llama_index": ["llama-index-llms-google-genai", "llama-index-embeddings-google-genai"],
    "mem0": ["mem0ai", "google-genai"],
}
"""The frameworks that `python -m tests.frameworks` runs besides."""

ALL = IN_CI | FURTHER
AGREE_TO_USD = 1e-9


class DriverError(RuntimeError):
    """A driver failed; the message is the end of what it wrote."""


def report_of(name, folder):
    """Return what a framework's driver reports, from an environment in the folder.

    Raises:
        DriverError: The driver ended with an error.
    """
    own = str(SOURCE) if (SOURCE / "pyproject.toml").exists() else "hydrochat-otel"
    python = environments.make(folder, [*ALL[name], own])
    done = subprocess.run(
        [python, DRIVERS / f"with_{name}.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        raise DriverError(done.stderr[-4000:])
    return json.loads(done.stdout.splitlines()[-1])


def disagreements(report):
    """Return a sentence for each promise that a report does not hold."""
    billed, exported, metrics = report["ledger"], report["export"], report["metrics"]
    below = {name: count for name, count in report["calls_by_scenario"].items() if name}
    held = {
        "the scenarios' results are those without the pipeline": report["watched"] == report["plain"],
        "nothing of ours failed": report["telemetry_errors"] == 0,
        "something was called": billed["calls"] > 0,
        "ledger, export and /metrics have the same calls": (
            billed["calls"] == exported["total_calls"] == metrics["calls"]
        ),
        "ledger, export, /metrics and the buckets have the same tokens": (
            billed["tokens"] == exported["total_tokens_used"] == metrics["tokens"] == sum(report["buckets"].values())
        ),
        "ledger, export and /metrics have the same dollars": all(
            abs(usd - billed["cost_usd"]) < AGREE_TO_USD for usd in (exported["total_cost_usd"], metrics["cost"])
        ),
        "each call is below its caller": sum(below.values()) == billed["calls"] and min(below.values()) >= 1,
    }
    return [*report["differences"], *(f"not held: {promise}" for promise, is_held in held.items() if not is_held)]
