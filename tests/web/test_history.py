"""Promises of :mod:`hydrochat_otel.views.history`: its steps, and the history from the window."""

import time

import frozen
import pytest
from web.asking_history import EMPTY, SCHEMA, UNKNOWN, ask

from hydrochat_otel.views.history import Steps, from_window
from hydrochat_otel.window.days import DayCounts, DayKey
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Retention, Snapshot


@pytest.mark.parametrize(
    ("window_s", "step_s", "number", "length_s"),
    [
        (86_400, None, 96, 900),
        (3600, None, 60, 60),
        (3600, 7200, 1, 7200),
        (1, None, 1, 1),
        (100, 30, 4, 30),
        (86_400, 1, 994, 87),
        (99 * 604_800, None, 99, 604_800),
        (86_400_000, None, 143, 604_800),
    ],
)
def test_steps_cover_the_window(window_s, step_s, number, length_s):
    """Steps are as long as requested, or about a hundredth, and never more than a thousand."""
    steps = Steps.over(frozen.NOW_S, window_s, step_s)
    assert (steps.number, steps.step_s) == (number, length_s)
    assert steps.start_unix_s % length_s == 0
    assert steps.end_unix_s - length_s <= frozen.NOW_S < steps.end_unix_s
    assert steps.number * steps.step_s >= window_s


def test_a_moment_belongs_to_the_step_that_begins_with_it():
    """A step holds its first instant and not that of the next."""
    steps = Steps.over(1000.0, 60, 10)
    assert [steps.index(unix_s) for unix_s in (949.9, 950.0, 959.9, 960.0, 1009.9, 1010.0)] == [-1, 0, 0, 1, 5, 6]


def test_the_window_by_steps():
    """Each step has exactly what ended in it: response times, violations, failures, calls, tokens and cost."""
    entries = (
        Entry("operation", "a", 99.0, 39.0),
        Entry("operation", "a", 1.0, 1000.0),
        Entry("operation", "b", 3.0, 1004.0, exceeded_threshold=True, error="ValueError", outcome="error"),
        Entry("gemini", "generate_content", 0.5, 1004.0, tokens=(1, 2, 3, 4, 5), cost_usd=0.1),
        Entry("gemini", "embeddings", 0.5, 1005.0, tokens=(10, 0, 0, 0, 0), cost_usd=0.2),
        Entry("gemini", "count_tokens", 0.5, 1005.0),
        Entry("span", "GET /x", 0.5, 1005.0),
        Entry("gemini", "generate_content", 0.5, 995.0),
    )
    found = from_window(Snapshot(1007.0, {}, (), entries, Retention(10, 1, 8, 80)), Steps.over(1007.0, 30, 10))
    SCHEMA.validate(found)
    assert found == {
        "timestamp": "1970-01-01T00:16:47.000000+00:00",
        "source": "window",
        "window_s": 30,
        "step_s": 10,
        "complete_since": "1970-01-01T00:00:39.000000+00:00",
        "steps": [
            {"start": "1970-01-01T00:16:20+00:00", **EMPTY},
            {"start": "1970-01-01T00:16:30+00:00", **EMPTY, "llm_calls": 1, "unreconciled_calls": 1},
            {
                "start": "1970-01-01T00:16:40+00:00",
                **EMPTY,
                "count": 2,
                "avg_response_time": 2.0,
                "p50_response_time": 2.0,
                "p95_response_time": pytest.approx(2.9),
                "p99_response_time": pytest.approx(2.98),
                "threshold_violations": 1,
                "errors": 1,
                "error_rate": 0.5,
                "llm_calls": 2,
                "total_tokens": 25,
                "total_cost_usd": 0.3,
            },
        ],
    }


def test_an_unknown_step_is_null():
    """What ended before the window's oldest entry may have left it: its counts and costs are null, not zero."""
    entries = (Entry("operation", "a", 1.0, 1003.0), Entry("gemini", "generate_content", 1.0, 1005.0, cost_usd=0.1))
    found = from_window(Snapshot(1007.0, {}, (), entries, Retention(10, 1, 2, 20)), Steps.over(1007.0, 6, 2))
    assert [step["llm_calls"] for step in found["steps"]] == [None, 1, 0]
    assert [step["total_cost_usd"] for step in found["steps"]] == [None, 0.1, 0.0]
    SCHEMA.validate(found)


def test_whole_days_reach_back_beyond_the_window():
    """Steps of whole days have the calls, tokens and dollars of the days that are kept, and null before the first."""
    kept = {
        DayKey("UTC", "1970-01-03", "m", "ok"): DayCounts(2, 10, cost_usd=0.5),
        DayKey("UTC", "1970-01-03", "n", "error"): DayCounts(1, unpriced_calls=1, unpriced_tokens=7),
        DayKey("Asia/Tokyo", "1970-01-03", "m", "ok"): DayCounts(99),
    }
    snapshot = Snapshot(4 * 86_400 + 5.0, {}, (), (), Retention(10, 1, 0, 0), days=kept)
    steps = from_window(snapshot, Steps.over(snapshot.unix_s, 4 * 86_400, 86_400))["steps"]
    assert [
        (step["start"][:10], step["llm_calls"], step["total_tokens"], step["total_cost_usd"]) for step in steps
    ] == [
        ("1970-01-02", None, None, None),
        ("1970-01-03", 3, 10, 0.5),
        ("1970-01-04", 0, 0, 0.0),
        ("1970-01-05", 0, 0, 0.0),
    ]
    assert (steps[1]["unpriced_calls"], steps[1]["unpriced_tokens"], steps[1]["count"]) == (1, 7, None)


def test_an_empty_window_has_empty_steps(installed):
    """Steps that begin before the process counted are unknown; later ones are zero until something happens."""
    status, found = ask("window=10m&step=1s")
    assert (status, len(found["steps"])) == (200, 600)
    for step in found["steps"]:
        expected = EMPTY if step["start"] >= found["complete_since"][:19] + "~" else UNKNOWN
        assert {**step, "start": ""} == {"start": "", **expected}
    time.sleep(1.1)
    _, later = ask("window=10m&step=1s")
    assert {**later["steps"][-1], "start": ""} == {"start": "", **EMPTY}


@pytest.mark.parametrize("parameters", ["window=0h", "window=1y", "window=24", "step=-1m", "window=1h&window=2h", "x="])
def test_an_invalid_window_is_refused(installed, parameters):
    """An invalid window or step is 400."""
    assert ask(parameters)[0] == 400
