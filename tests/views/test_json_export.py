"""Promises of :mod:`hydrochat_otel.views.json_export` and :mod:`hydrochat_otel.window.summary`."""

import json
from dataclasses import replace

import jsonschema
import pytest

from hydrochat_otel import semconv
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.views import formats, json_export
from hydrochat_otel.views.entry_page import Filter
from hydrochat_otel.window.days import DayCounts, DayKey, Missing
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Family, Forecast, NumberPoint, Retention, Sharing, Snapshot
from hydrochat_otel.window.summary import headline, percentile, summarise, summarise_by_operation

SCHEMA = json.loads(json_export.schema())


NOTHING_MISSES = {
    "unpriced_calls": 0, "unpriced_tokens": 0, "unreconciled_calls": 0, "incomplete_calls": 0, "incomplete_tokens": 0,
}  # fmt: skip


def validate(export):
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER).validate(
        export
    )


def family(spec, *points):
    return Family(
        spec.name, "counter", spec.unit, spec.description, semconv.SCOPE, "",
        tuple(NumberPoint(attributes, value) for attributes, value in points),
    )  # fmt: skip


def example():
    """The numbers of the original system's sample."""
    outcomes = {"ok": 123, "error": 2, "blocked": 3, "cancelled": 4}
    buckets = {"input_fresh": 30_000, "input_cached": 4000, "input_tool": 1000, "output_answer": 9000}
    entries = [Entry("operation", "turn", duration, 0.0, duration > 2) for duration in (1.5, 0.1, 2.5)]
    entries.append(Entry("gemini", "generate_content", 9.0, 0.0))
    return Snapshot(
        unix_s=1_750_000_000.0,
        resource={},
        families=(
            family(semconv.LLM_CALLS, *(({semconv.OUTCOME: name}, count) for name, count in outcomes.items())),
            family(
                semconv.LLM_TOKENS,
                *(({semconv.TOKEN_BUCKET: name}, count) for name, count in buckets.items()),
                ({semconv.TOKEN_BUCKET: "output_thinking"}, 1000),
            ),
            family(semconv.LLM_COST, ({semconv.GEN_AI_REQUEST_MODEL: "a"}, 0.0035), ({}, 0.003)),
        ),
        entries=tuple(entries),
        retention=Retention(1000, 24.0, 4, 0.4),
        budget=Budget(0.1 + 0.2, 4.5, 10.0, 300.0, Missing(1), forecast=Forecast(9.5, 8.0, 11.0)),
        sharing=Sharing("redis", 3, 1.23456, "Redis does not answer."),
    )


def test_the_export_is_the_contracts():
    """Keys and numbers are those of the contract, with the cost computed and not copied."""
    export = json.loads(json_export.render(example()))
    assert export == {
        "timestamp": "2025-06-15T15:06:40.000000+00:00",
        "performance_metrics": {
            "metrics_count": 3,
            "max_response_time": 2.5,
            "avg_response_time": pytest.approx(4.1 / 3),
            "threshold_violations": 1,
        },
        "llm_api_metrics": {
            "total_calls": 132,
            "successful_calls": 123,
            "failed_calls": 2,
            "cancelled_calls": 4,
            "blocked_calls": 3,
            "total_tokens_used": 45_000,
            "prompt_tokens": 35_000,
            "completion_tokens": 10_000,
            "total_cost_usd": 0.0065,
            "savings_usd": None,
            "retry_cost_usd": None,
            **NOTHING_MISSES,
        },
        "retention_policy": {
            "max_entries": 1000,
            "ttl_hours": 24.0,
            "current_entries": 4,
            "storage_utilization_percent": 0.4,
        },
        "budget": {
            "spent_today_usd": 0.3,
            "spent_this_month_usd": 4.5,
            "budget_today_usd": 10.0,
            "budget_this_month_usd": 300.0,
            "missing_today": {**NOTHING_MISSES, "unpriced_calls": 1},
            "missing_this_month": NOTHING_MISSES,
            "forecast": {"month_usd": 9.5, "low_usd": 8.0, "high_usd": 11.0, "spent_on": None},
        },
        "state": {
            "kind": "redis",
            "workers": 3,
            "stale_seconds": 1.235,
            "problem": "Redis does not answer.",
            "notice": None,
        },
        "refused_names": [],
    }
    validate(export)


def test_an_empty_process_exports_zeros(installed):
    """Before the first call every number is present and zero, and the schema accepts it."""
    export = json.loads(json_export.render(installed.snapshot()))
    validate(export)
    assert set(export["performance_metrics"].values()) == {0}
    assert set(export["llm_api_metrics"].values()) == {0, None}  # no dollars were saved, and retries cost none
    assert list(export["budget"].values()) == [0, 0, None, None, NOTHING_MISSES, NOTHING_MISSES, None]
    assert export["state"] == {"kind": "memory", "workers": 1, "stale_seconds": 0, "problem": None, "notice": None}


def test_every_total_states_what_it_misses():
    """Three of four calls without a price are shown beside the dollars of the fourth, in totals and entries."""
    kept = {
        DayKey("UTC", "2025-06-15", "a", "ok"): DayCounts(1, 100, cost_usd=0.0008),
        DayKey("UTC", "2025-06-15", "b", "ok"): DayCounts(3, 30, unpriced_calls=3, unpriced_tokens=30),
        DayKey("America/Los_Angeles", "2025-06-15", "b", "ok"): DayCounts(3, 30, unpriced_calls=3),
    }
    entries = tuple(Entry("gemini", "generate_content", 1.0, 5.0, model="b", tokens=(10, 0, 0, 0, 0)) for _ in range(3))
    families = (
        family(semconv.LLM_UNPRICED_TOKENS, ({}, 30)),
        family(semconv.LLM_INCOMPLETE_CALLS, ({}, 2)),
        family(semconv.LLM_INCOMPLETE_TOKENS, ({}, 12)),
        family(semconv.LLM_UNRECONCILED_CALLS, ({}, 1)),
    )
    of = replace(example(), families=families, entries=entries, days=kept)
    export = json.loads(json_export.render(of, Filter(entries=True, days=True)))
    validate(export)
    assert {name: export["llm_api_metrics"][name] for name in NOTHING_MISSES} == {
        "unpriced_calls": 3, "unpriced_tokens": 30, "unreconciled_calls": 1, "incomplete_calls": 2,
        "incomplete_tokens": 12,
    }  # fmt: skip
    assert [entry["cost_usd"] for entry in export["entries"]] == [None] * 3
    assert [(row["model"], row["calls"], row["unpriced_calls"]) for row in export["days"]["zones"]["UTC"]] == [
        ("a", 1, 0),
        ("b", 3, 3),
    ]


@pytest.mark.parametrize(
    "entry",
    [
        Entry("gemini", "generate_content", 1.0, 5.0, model="\ud800", tokens=(2**64, 0, 0, 0, 0)),
        Entry("gemini", "generate_content", 1.0, 1e300, tokens=(1,)),
    ],
)
def test_a_broken_entry_costs_itself_only(entry):
    """One entry that cannot be rendered changes neither the export nor the other entries."""
    of = replace(example(), entries=(Entry("gemini", "embeddings", 1.0, 5.0), entry))
    listed = json.loads(json_export.render(of, Filter(entries=True, operation="embeddings")))
    assert [one["operation"] for one in listed["entries"]] == ["embeddings"]
    validate(json.loads(json_export.render(of, Filter(entries=True))))


def test_getting_older_is_not_a_change():
    """The entity tag excludes the time stamp and how stale the others' numbers are, and nothing else of the state."""
    document = json_export.document(example())
    older = {
        **document,
        "timestamp": "2025-06-15T15:06:50.000000+00:00",
        "state": {**document["state"], "stale_seconds": 11.2},
    }
    fewer = {**document, "state": {**document["state"], "workers": 2}}
    spent = {**document, "budget": {**document["budget"], "spent_today_usd": 0.4}}
    tags = [json_export.entity_tag(formats.encoded(one)) for one in (document, older, fewer, spent)]
    assert tags[0] == tags[1]
    assert len(set(tags)) == 3


def test_a_running_process_exports_its_operations(installed):
    """A tracked operation is in the export at once."""
    for _ in range(3):
        with track_response_time("turn"):
            pass
    export = json.loads(json_export.render(installed.snapshot()))
    validate(export)
    assert export["performance_metrics"]["metrics_count"] == 3
    assert export["retention_policy"]["current_entries"] == 3
    assert export["retention_policy"]["storage_utilization_percent"] == 0.3


@pytest.mark.parametrize("section", ["performance_metrics", "llm_api_metrics", "retention_policy", "budget", "state"])
def test_the_schema_misses_no_key(section):
    """The schema requires exactly the keys that the export has, so neither can change alone."""
    export = json_export.document(example())
    assert set(SCHEMA["properties"][section]["required"]) == set(export[section])
    assert set(SCHEMA["properties"][section]["properties"]) == set(export[section])
    assert set(SCHEMA["required"]) == set(export)


def test_a_headline_is_the_summarys():
    """Count, mean, maximum and violations are those of the whole summary to the last digit, in any order."""
    durations = [0.1 * number for number in range(1, 200)]
    entries = [Entry("operation", "a", one, 0.0, exceeded_threshold=one > 2) for one in durations]
    whole = summarise(entries)
    for part in (headline(entries), headline(entries[::-1])):
        assert part == (
            whole.metrics_count,
            whole.avg_response_time,
            whole.max_response_time,
            whole.threshold_violations,
        )
    assert headline([]) == (0, 0.0, 0.0, 0)


def test_percentiles_interpolate_between_ranks():
    """One value is every percentile; of 1 to 5 the median is 3 and the 95th is a fifth below the top."""
    assert [percentile([7.0], fraction) for fraction in (0.5, 0.99)] == [7.0, 7.0]
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 0.5) == 3.0
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 0.95) == pytest.approx(4.8)


def test_operations_are_summarised_by_name():
    """Each name has its own summary, in alphabetical order."""
    entries = [Entry("operation", name, duration, 0.0) for name, duration in (("b", 1.0), ("a", 2.0), ("b", 3.0))]
    summaries = summarise_by_operation(entries)
    assert [(name, one.metrics_count, one.avg_response_time) for name, one in summaries.items()] == [
        ("a", 1, 2.0),
        ("b", 2, 2.0),
    ]


@pytest.mark.parametrize("begin", [1_750_000_000.0, 1_763_856_000.999999])
def test_entries_of_the_same_moment_are_listed_in_the_order_of_their_dates(begin):
    """Newest first by the timestamps shown, compared as text, however close: two roundings would be two orders."""
    ends = [begin + number * 2.4e-7 for number in range(300)]
    close = tuple(Entry("gemini", "ask", 0.1, end, span_id=number * 7919 % 997) for number, end in enumerate(ends))
    shown = Filter(entries=True, limit=300)
    times = [
        row["timestamp"] for row in json.loads(json_export.render(replace(example(), entries=close), shown))["entries"]
    ]
    assert times == sorted(times, reverse=True)
    assert len(times) == 300
