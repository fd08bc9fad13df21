"""Promises of :mod:`hydrochat_otel.views.overview`."""

import json
from dataclasses import replace

from views.test_json_export import NOTHING_MISSES

from hydrochat_otel import semconv
from hydrochat_otel.views import overview, thresholds
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Family, NumberPoint, Retention, Sharing, Snapshot

NOW_S = 1_750_000_000.0
MODEL, OUTCOME, BUCKET = semconv.GEN_AI_REQUEST_MODEL, semconv.OUTCOME, semconv.TOKEN_BUCKET


def family(spec, *points):
    numbers = tuple(NumberPoint(attributes, value) for attributes, value in points)
    return Family(spec.name, "counter", spec.unit, spec.description, semconv.SCOPE, "", numbers)


def snapshot(entries=(), families=(), ttl_hours=24.0):
    return Snapshot(
        NOW_S, {"service.name": "ward"}, tuple(families), tuple(entries), Retention(10, ttl_hours, len(entries), 10.0)
    )


def shown(of):
    return json.loads(overview.render(of, thresholds.evaluate(of)))


def summary(count, *times_s, violations=0, errors=0):
    times = dict(zip(("avg_s", "p50_s", "p95_s", "p99_s", "max_s"), times_s, strict=True))
    return {"count": count, **times, "violations": violations, "errors": errors}


def tokens(total, **buckets):
    return {"total": total, **dict.fromkeys(semconv.TOKEN_BUCKETS, 0), **buckets}


def test_the_whole_document():
    """Totals, windows, models, points, newest and retention of a small window, value for value."""
    of = snapshot(
        [
            Entry("operation", "turn", 1.0, NOW_S - 7200, trace_id=1),
            Entry("gemini", "generate_content", 0.5, NOW_S - 30, error="429", outcome="error", model="gemini-2.5-pro"),
            Entry("operation", "turn", 3.0, NOW_S - 10, exceeded_threshold=True, trace_id=2),
        ],
        [
            family(semconv.LLM_CALLS, ({MODEL: "a", OUTCOME: "ok"}, 2), ({MODEL: "a", OUTCOME: "error"}, 1)),
            family(
                semconv.LLM_TOKENS, ({MODEL: "a", BUCKET: "input_fresh"}, 7), ({MODEL: "b", BUCKET: "input_tool"}, 2)
            ),
            family(semconv.LLM_COST, ({MODEL: "a"}, 0.25)),
            family(semconv.LLM_UNPRICED_TOKENS, ({MODEL: "b"}, 2)),
        ],
    )
    recent = summary(1, 3.0, 3.0, 3.0, 3.0, 3.0, violations=1)
    whole = summary(2, 2.0, 2.0, 2.9, 2.98, 3.0, violations=1)
    document = shown(of)
    assert document == {
        "taken_at": "2025-06-15T15:06:40.000000+00:00",
        "taken_unix_ms": 1_750_000_000_000,
        "service": "ward",
        "health": "needs_attention",
        "threshold_s": 2.0,
        "totals": {
            "operations": whole,
            "llm_calls": {"total": 3, "ok": 2, "error": 1, "cancelled": 0, "blocked": 0},
            "tokens": tokens(9, input_fresh=7, input_tool=2),
            "cost_usd": 0.25,
            "savings_usd": None,
            "retry_cost_usd": None,
            **NOTHING_MISSES,
            "unpriced_tokens": 2,
            "retries": 0,
            "telemetry_errors": 0,
        },
        "operations": [{"operation": "turn", **whole}],
        "windows": [
            {"hours": 1.0, "summary": recent, "operations": [{"operation": "turn", **recent}]},
            {"hours": 6.0, "summary": whole, "operations": [{"operation": "turn", **whole}]},
            {"hours": 24.0, "summary": whole, "operations": [{"operation": "turn", **whole}]},
        ],
        "models": [
            {
                "model": "a",
                "calls": 3,
                "failed": 1,
                "tokens": tokens(7, input_fresh=7),
                "cost_usd": 0.25,
                "unpriced_tokens": 0,
                "priced": True,
            },
            {
                "model": "b",
                "calls": 0,
                "failed": 0,
                "tokens": tokens(2, input_tool=2),
                "cost_usd": 0.0,
                "unpriced_tokens": 2,
                "priced": False,
            },
        ],
        "points": [
            [1_749_992_800_000, 1.0, "turn", False, None],
            [1_749_999_990_000, 3.0, "turn", True, None],
        ],
        "points_omitted": 0,
        "newest": [
            {
                "unix_ms": 1_749_999_990_000,
                "kind": "operation",
                "name": "turn",
                "model": None,
                "duration_s": 3.0,
                "exceeded": True,
                "error": None,
                "outcome": "ok",
                "trace_id": f"{2:032x}",
            },
            {
                "unix_ms": 1_749_999_970_000,
                "kind": "gemini",
                "name": "generate_content",
                "model": "gemini-2.5-pro",
                "duration_s": 0.5,
                "exceeded": False,
                "error": "429",
                "outcome": "error",
                "trace_id": None,
            },
        ],
        "retention": {"max_entries": 10, "ttl_hours": 24.0, "current_entries": 3, "utilization_percent": 10.0},
        "budget": [
            {"period": "day", "spent_usd": 0.0, "budget_usd": None, "missing": NOTHING_MISSES, "forecast": None},
            {"period": "month", "spent_usd": 0.0, "budget_usd": None, "missing": NOTHING_MISSES, "forecast": None},
        ],
        "state": {"kind": "memory", "workers": 1, "stale_s": 0.0, "problem": None, "notice": None},
        "refused_names": [],
        "alerts": document["alerts"],
    }
    assert [alert["name"] for alert in document["alerts"]] == ["response_time", "unpriced_tokens"]


def test_an_empty_process_has_a_whole_document():
    """Without measurements there are zeros and empty lists under the same keys."""
    document = shown(snapshot())
    assert (document["health"], document["points"], document["newest"], document["models"]) == ("healthy", [], [], [])
    assert set(document["totals"]["llm_calls"].values()) == {0}
    assert document["totals"]["operations"] == summary(0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_the_fleets_budget_and_state():
    """Spend is beside the budget, the state beside its problem; half of a budget does not affect health."""
    of = replace(snapshot(), budget=Budget(0.1 + 0.2, 150.0, 10.0, 300.0), sharing=Sharing("redis", 4))
    document = shown(of)
    assert document["budget"] == [
        {"period": "day", "spent_usd": 0.3, "budget_usd": 10.0, "missing": NOTHING_MISSES, "forecast": None},
        {"period": "month", "spent_usd": 150.0, "budget_usd": 300.0, "missing": NOTHING_MISSES, "forecast": None},
    ]
    assert document["state"] == {"kind": "redis", "workers": 4, "stale_s": 0.0, "problem": None, "notice": None}
    sentence = "Budget: $150.00 of $300.00 for this month are spent (50 %)."
    assert document["alerts"] == [{"name": "budget", "message": sentence, "needs_attention": False}]
    assert document["health"] == "healthy"
    unnamed = shown(replace(of, budget=Budget(), sharing=Sharing("redis", 4, notice="Set a name.")))
    notice = {"name": "service_name", "message": "Set a name.", "needs_attention": False}
    assert (unnamed["alerts"], unnamed["health"]) == ([notice], "healthy")
    away = replace(of, sharing=Sharing("redis", 1, 7.5, "Redis <b>does not answer</b>."))
    assert shown(away)["health"] == "needs_attention"


def test_points_and_newest_are_bounded():
    """At most a thousand points and fifty newest rows leave the process, and the number of omitted ones is stated."""
    many = [Entry("operation", "turn", 3.0, NOW_S, exceeded_threshold=True) for _ in range(1200)]
    document = shown(snapshot(many))
    assert (len(document["points"]), document["points_omitted"], len(document["newest"])) == (1000, 200, 50)
    assert document["totals"]["operations"]["count"] == 1200


def test_a_longer_time_to_live_is_a_window_of_its_own():
    """With a ttl beyond a day the page offers the whole of it."""
    assert [window["hours"] for window in shown(snapshot(ttl_hours=48.0))["windows"]] == [1.0, 6.0, 24.0, 48.0]
