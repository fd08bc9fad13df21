"""Migration: code for the original system runs after a change of the import root."""

import importlib
import inspect

import pytest
from google.genai import types

from hydrochat_otel.gemini_client_v2 import GeminiClientV2
from hydrochat_otel.hydrochat.client import client as client_module
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.testing.replies import Usage, answer

BEFORE = """
from datetime import datetime

from apps.hydrochat.agent_stats import agent_stats
from apps.hydrochat.enums import Intent
from apps.hydrochat.gemini_client_v2 import (
    classify_intent_fallback_v2,
    extract_fields_fallback_v2,
    get_gemini_metrics_v2,
)
from apps.hydrochat.metrics_store import get_global_metrics_store
from apps.hydrochat.performance import get_performance_metrics, get_performance_summary, track_response_time


@track_response_time("operation_name", threshold_seconds=2.0)
def my_operation():
    return "result"


async def run():
    assert my_operation() == "result"
    summary = get_performance_metrics().get_summary()
    assert summary == get_performance_summary()
    store = get_global_metrics_store()
    store.add_entry({"timestamp": datetime.now(), "operation": "test", "duration": 0.5, "success": True})
    stats = store.get_statistics()
    removed = store.cleanup_expired()
    intent = await classify_intent_fallback_v2("create patient John Doe")
    assert intent is Intent.CREATE_PATIENT
    fields = await extract_fields_fallback_v2(
        "patient John Smith S1234567A", ["first_name", "last_name", "nric"]
    )
    metrics = get_gemini_metrics_v2()
    found = agent_stats.generate_stats_summary(State())
    return [
        f"Operations: {summary['metrics_count']}",
        f"Avg response time: {summary['avg_response_time']:.0f}s",
        f"Violations: {summary['threshold_violations']}",
        f"Utilization: {stats['storage_utilization_percent']}%",
        f"Removed: {removed}",
        f"Fields: {fields}",
        f"API Calls: {metrics['successful_calls'] + metrics['failed_calls']}",
        f"Tokens Used: {metrics['total_tokens_used']:,}",
        f"Total Cost: ${metrics['total_cost_usd']:.4f}",
        f"LLM: {found['llm_api_metrics']['total_tokens_used']}, {found['performance_indicators']['overall_health']}",
    ]


class State:
    metrics = {"total_api_calls": 2, "successful_ops": 4, "aborted_ops": 1, "retries": 5}
"""

NAMES = {
    "performance": [
        "track_response_time",
        "get_performance_metrics",
        "PerformanceMetrics",
        "get_performance_summary",
        "reset_performance_metrics",
    ],
    "metrics_store": ["MetricsStore", "get_global_metrics_store", "reset_global_metrics_store"],
    "gemini_client_v2": [
        "GeminiClientV2",
        "classify_intent_fallback_v2",
        "extract_fields_fallback_v2",
        "get_gemini_metrics_v2",
        "reset_gemini_metrics_v2",
        "calculate_cost",
    ],
    "enums": ["Intent"],
    "agent_stats": ["agent_stats"],
}
SIGNATURES = {
    "track_response_time": ["operation_name", "threshold_seconds"],
    "PerformanceMetrics": ["max_entries", "ttl_hours"],
    "MetricsStore": ["max_entries", "ttl_hours", "auto_cleanup", "cleanup_interval_minutes"],
    "GeminiClientV2": ["api_key", "model"],
    "classify_intent_fallback_v2": ["message", "context", "conversation_summary"],
    "extract_fields_fallback_v2": ["message", "fields"],
    "calculate_cost": ["prompt_tokens", "completion_tokens", "model"],
}


async def test_only_the_import_root_changes(install, monkeypatch):
    """The original's own examples run with `apps.hydrochat` replaced, and give the expected output."""
    install(instrument_gemini=True)
    with GeminiEmulator() as emulator:
        emulator.script(
            answer('{"intent": "CREATE_PATIENT"}', usage=Usage(prompt=30_000, answer=4_000)),
            answer(
                '{"first_name": "John", "last_name": null, "nric": "S1234567A"}',
                usage=Usage(prompt=5_000, answer=6_000),
            ),
        )
        direct = {"trust_env": False}
        options = types.HttpOptions(base_url=emulator.base_url, client_args=direct, async_client_args=direct)
        client = GeminiClientV2("emulated", http_options=options)
        monkeypatch.setattr(client_module._default, "client", lambda: client)
        namespace = {}
        exec(BEFORE.replace("apps.hydrochat", "hydrochat_otel"), namespace)
        assert await namespace["run"]() == [
            "Operations: 1",
            "Avg response time: 0s",
            "Violations: 0",
            "Utilization: 0.2%",
            "Removed: 0",
            "Fields: {'first_name': 'John', 'nric': 'S1234567A'}",
            "API Calls: 2",
            "Tokens Used: 45,000",
            "Total Cost: $0.0065",
            "LLM: 45000, healthy",
        ]


@pytest.mark.parametrize("module", NAMES)
def test_every_name_exists(module):
    """Every name that the original exports exists, with its arguments first and in their order."""
    found = importlib.import_module(f"hydrochat_otel.{module}")
    for name in NAMES[module]:
        parameters = list(inspect.signature(getattr(found, name)).parameters) if name in SIGNATURES else []
        assert parameters[: len(SIGNATURES.get(name, []))] == SIGNATURES.get(name, [])
        assert hasattr(found, name)
