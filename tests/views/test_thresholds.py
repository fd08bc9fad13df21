"""Promises of :mod:`hydrochat_otel.views.thresholds`."""

import pytest
from factories import snapshot

from hydrochat_otel.views.thresholds import (
    Alert,
    Counts,
    Thresholds,
    evaluate,
    evaluate_conversation,
    performance_indicators,
)
from hydrochat_otel.window.snapshot import Budget, Sharing

QUIET = {
    "nothing happened": {},
    "an error rate of exactly 20 %": {"ok": 4, "error": 1},
    "one failure of one call": {"error": 1},
    "four failures of four calls": {"error": 4},
    "blocked and cancelled calls": {"blocked": 10, "cancelled": 10},
    "exactly five retries": {"ok": 9, "retries": 5},
    "operations within their threshold": {"ended": [(999.0, False)]},
    "storage just below 80 %": {"full": 79.9},
    "just below half of the budgets": {"budget": Budget(4.9999, 139.99, 10.0, 280.0)},
    "spending without a budget": {"budget": Budget(4000.0, 90000.0)},
    "a state that can be read": {"sharing": Sharing("redis", 4)},
}
FIRING = {
    "error_rate": (
        {"ok": 3, "error": 2, "blocked": 1},
        Alert("error_rate", "High error rate: 33.3% of 6 calls to Gemini failed.", 2 / 6, 0.2),
    ),
    "retries": ({"retries": 6}, Alert("retries", "Many retries: requests had to be repeated 6 times.", 6, 5)),
    "response_time": (
        {"ended": [(998.0, True), (999.0, False)]},
        Alert("response_time", "Slow responses: operations in the window over their threshold: 1.", 1, 0),
    ),
    "storage": (
        {"full": 80.0},
        Alert("storage", "Storage is 80 % full; the oldest entries leave first.", 80.0, 80.0),
    ),
    "unpriced_tokens": (
        {"unpriced": 12},
        Alert("unpriced_tokens", "Unpriced: tokens without a known price, missing from the cost: 12.", 12, 0),
    ),
    "unreconciled_calls": (
        {"unreconciled": 2},
        Alert("unreconciled_calls", "Unreconciled: calls without a usage record that balances: 2.", 2, 0),
    ),
    "budget": (
        {"budget": Budget(8.12, 20.0, 10.0, 280.0)},
        Alert("budget", "Budget: $8.12 of $10.00 for today are spent (81 %).", 81.2, 80.0, "day"),
    ),
    "state": (
        {"sharing": Sharing("redis", 1, 7.5, "Redis does not answer.")},
        Alert("state", "Redis does not answer.", 7.5, 0.0),
    ),
}


@pytest.mark.parametrize("happened", QUIET.values(), ids=QUIET)
def test_no_alert_fires(happened):
    """Nothing fires at a threshold, below the minimum of calls, or for what is not an error."""
    assert evaluate(snapshot(**happened)) == []


@pytest.mark.parametrize(("happened", "alert"), FIRING.values(), ids=FIRING)
def test_one_alert_fires(happened, alert):
    """Above each threshold exactly its own alert fires, with the two numbers that were compared."""
    assert evaluate(snapshot(**happened)) == [alert]


@pytest.mark.parametrize(
    ("spent", "threshold", "period", "message", "needs_attention"),
    [
        ((5.0, 0.0), 50, "day", "Budget: $5.00 of $10.00 for today are spent (50 %).", False),
        ((7.9999, 0.0), 50, "day", "Budget: $8.00 of $10.00 for today are spent (79 %).", False),
        ((8.0 - 1e-13, 0.0), 80, "day", "Budget: $8.00 of $10.00 for today are spent (80 %).", True),
        ((10.0, 0.0), 100, "day", "Budget: $10.00 of $10.00 for today are spent (100 %).", True),
        ((25.0, 200.0), 100, "day", "Budget: $25.00 of $10.00 for today are spent (250 %).", True),
        ((6.0, 224.0), 80, "month", "Budget: $224.00 of $280.00 for this month are spent (80 %).", True),
        ((9.0, 230.0), 80, "month", "Budget: $230.00 of $280.00 for this month are spent (82 %).", True),
        ((0.0, 1280.5), 100, "month", "Budget: $1,280.50 of $280.00 for this month are spent (457 %).", True),
    ],
)
def test_the_highest_threshold_of_the_budget_is_reported(spent, threshold, period, message, needs_attention):
    """A threshold is reached exactly at its value; the month comes first if both are; half is for information only."""
    (alert,) = evaluate(snapshot(budget=Budget(*spent, 10.0, 280.0)))
    assert (alert.name, alert.threshold, alert.period, alert.message, alert.needs_attention) == (
        "budget", threshold, period, message, needs_attention,
    )  # fmt: skip


def test_a_budget_of_cents_is_shown_in_cents():
    """Below a dollar the sentence has four digits, and the reported shares can be configured."""
    small = snapshot(budget=Budget(0.0123, 0.1, 0.05, 1.4))
    (alert,) = evaluate(small, Thresholds(budget_percents=(20, 90)))
    assert alert == Alert(
        "budget", "Budget: $0.0123 of $0.0500 for today are spent (24 %).", 24.6, 20, "day", needs_attention=False
    )
    assert evaluate(small, Thresholds(budget_percents=())) == []


def test_information_does_not_affect_health():
    """Half of a budget is an alert and no warning; four fifths of it is both."""
    half, most = (evaluate(snapshot(budget=Budget(usd, 0.0, 10.0, 280.0))) for usd in (5.0, 8.0))
    assert performance_indicators(half) == {"warnings": [], "overall_health": "healthy"}
    assert performance_indicators(most) == {
        "warnings": ["Budget: $8.00 of $10.00 for today are spent (80 %)."],
        "overall_health": "needs_attention",
    }


def test_one_failure_fires_if_configured():
    """With a minimum of one call the first failure fires, and every threshold can be changed."""
    asked = Thresholds(min_calls_for_error_rate=1, max_retries=0, max_storage_percent=10)
    found = evaluate(snapshot(error=1, retries=1, full=10.0), asked)
    assert [alert.name for alert in found] == ["error_rate", "retries", "storage"]
    lenient = Thresholds(max_error_rate=0.5, max_retries=6, max_slow_operations=1, max_unpriced_tokens=12)
    happened = {"ok": 1, "error": 1, "retries": 6, "ended": [(999.0, True)], "unpriced": 12}
    assert evaluate(snapshot(**happened), lenient) == []


def test_only_later_changes_are_evaluated():
    """What was counted and had ended by an earlier moment no longer fires; the same again does."""
    trouble = {"ok": 5, "error": 5, "retries": 6, "unpriced": 1, "unreconciled": 1, "ended": [(999.0, True)]}
    before = snapshot(**trouble)
    assert len(evaluate(before)) == 5
    assert evaluate(snapshot(**trouble, unix_s=1010.0), since=Counts.of(before)) == []
    doubled = {"ok": 10, "error": 10, "retries": 12, "unpriced": 2, "unreconciled": 2, "ended": [(1005.0, True)]}
    again = evaluate(snapshot(**doubled, unix_s=1010.0), since=Counts.of(before))
    assert [(alert.name, alert.value) for alert in again] == [
        ("error_rate", 0.5),
        ("retries", 6),
        ("response_time", 1),
        ("unpriced_tokens", 1),
        ("unreconciled_calls", 1),
    ]


@pytest.mark.parametrize(
    ("successful", "aborted", "retries", "warnings"),
    [
        (0, 0, 0, []),
        (8, 2, 5, []),
        (79, 21, 0, ["High error rate: 21.0% of 100 operations were aborted."]),
        (0, 1, 0, ["High error rate: 100.0% of 1 operations were aborted."]),
        (1, 0, 6, ["Many retries: 6 retries in this conversation."]),
    ],
)
def test_a_conversation_is_evaluated_by_its_own_counts(successful, aborted, retries, warnings):
    """More than 20 % aborted operations or more than five retries warn; exactly as many do not."""
    found = evaluate_conversation(successful, aborted, retries)
    health = "needs_attention" if warnings else "healthy"
    assert performance_indicators(found) == {"warnings": warnings, "overall_health": health}
