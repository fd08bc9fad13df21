"""Promises of :mod:`hydrochat_otel.hydrochat.agent_stats`."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from hydrochat_otel.hydrochat.agent_stats import agent_stats
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.views import json_export

HEALTHY = {"warnings": [], "overall_health": "healthy"}


@dataclass
class ConversationState:
    """A state as an application has it."""

    metrics: dict = field(default_factory=dict)


def state(**metrics):
    return ConversationState({"total_api_calls": 0, "successful_ops": 0, "aborted_ops": 0, "retries": 0, **metrics})


@pytest.mark.parametrize(
    ("metrics", "indicators"),
    [
        ({}, HEALTHY),
        ({"successful_ops": 8, "aborted_ops": 2, "retries": 5}, HEALTHY),
        (
            {"total_api_calls": 10, "successful_ops": 7, "aborted_ops": 3, "retries": 6},
            {
                "warnings": [
                    "High error rate: 30.0% of 10 operations were aborted.",
                    "Many retries: 6 retries in this conversation.",
                ],
                "overall_health": "needs_attention",
            },
        ),
    ],
)
def test_a_conversation_needs_attention_above_its_thresholds(installed, metrics, indicators):
    """More than 20 % aborted operations and more than five retries warn; exactly as many do not."""
    assert agent_stats.generate_stats_summary(state(**metrics))["performance_indicators"] == indicators


@pytest.mark.parametrize(
    "conversation",
    [
        ConversationState({"total_api_calls": 4, "successful_ops": 3, "aborted_ops": 1, "retries": 2}),
        {"metrics": {"total_api_calls": 4, "successful_ops": 3, "aborted_ops": 1, "retries": 2}},
        SimpleNamespace(metrics=SimpleNamespace(total_api_calls=4, successful_ops=3, aborted_ops=1, retries=2)),
    ],
    ids=["object with a dict", "dict", "objects"],
)
def test_any_form_of_state_is_read(installed, conversation):
    """States and metrics may be objects or mappings."""
    assert agent_stats.generate_stats_summary(conversation)["conversation_metrics"] == {
        "total_api_calls": 4,
        "successful_ops": 3,
        "aborted_ops": 1,
        "retries": 2,
        "error_rate": 0.25,
    }


@pytest.mark.parametrize("conversation", [None, {}, state(retries=None), state(retries="many"), state(retries=-1)])
def test_what_is_missing_counts_as_nothing(installed, conversation):
    """A state without metrics, or with a value that is not a number in them, is an empty conversation."""
    summary = agent_stats.generate_stats_summary(conversation)
    assert (summary["conversation_metrics"]["retries"], summary["performance_indicators"]) == (0, HEALTHY)


def test_the_process_is_shown_beside_the_conversation(install):
    """The export's own sections are included, and problems elsewhere do not affect this conversation."""
    installed = install(response_time_threshold_s=0.0)
    with track_response_time("chat.turn"):
        pass
    summary = agent_stats.generate_stats_summary(state(successful_ops=1))
    exported = json_export.document(installed.snapshot())
    assert summary == {
        "conversation_metrics": {**state(successful_ops=1).metrics, "error_rate": 0.0},
        "performance_indicators": HEALTHY,
        "llm_api_metrics": exported["llm_api_metrics"],
        "performance_metrics": exported["performance_metrics"],
        "system_indicators": {
            "warnings": ["Slow responses: operations in the window over their threshold: 1."],
            "overall_health": "needs_attention",
        },
    }
    assert json.loads(json.dumps(summary)) == summary


def test_without_a_pipeline_the_process_shows_zeros():
    """Without a pipeline the conversation is still evaluated, and the rest is zeros."""
    summary = agent_stats.generate_stats_summary(state(aborted_ops=1))
    assert summary["performance_indicators"]["overall_health"] == "needs_attention"
    unknown = {name for name, value in summary["llm_api_metrics"].items() if value is None}
    assert unknown == {"savings_usd", "retry_cost_usd"}
    assert {summary["llm_api_metrics"][name] for name in summary["llm_api_metrics"].keys() - unknown} == {0}
    assert summary["system_indicators"] == HEALTHY
