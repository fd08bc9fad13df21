"""Promises of the export's filters, its pages of entries and its entity tags."""

import json
from urllib.parse import quote

import frozen
import jsonschema
import pytest
from conftest import TOKEN

from hydrochat_otel import web
from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.pipeline.assembly import Pipeline
from hydrochat_otel.views import formats, json_export
from hydrochat_otel.web import Request, respond
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Snapshot

BEARER = {"authorization": f"Bearer {TOKEN}"}
SCHEMA = jsonschema.Draft202012Validator(
    json.loads(json_export.schema()), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)


def ask(query="", headers=None):
    return respond(Request("GET", web.EXPORT_PATH, {**BEARER, **(headers or {})}, query=query))


def export(query=""):
    response = ask(query)
    assert response.status == 200, response.body
    found = json.loads(response.body)
    SCHEMA.validate(found)
    return found


def show(monkeypatch, *entries, unix_s=frozen.NOW_S):
    shown = Snapshot(unix_s, {}, frozen.SNAPSHOT.families, entries, frozen.SNAPSHOT.retention)
    monkeypatch.setattr(Pipeline, "snapshot", lambda _: shown)


OPERATIONS = frozen.SNAPSHOT.operations()


def test_without_parameters_there_are_no_entries(frozen_here):
    """The plain export has the contract's sections, budget, state and refused names, and nothing else."""
    contract = ["timestamp", "performance_metrics", "llm_api_metrics", "retention_policy"]
    assert list(export()) == [*contract, "budget", "state", "refused_names"]


def test_since_and_operation_filter_what_is_summarised(frozen_here):
    """The window's numbers cover what matches; no filter applies to the totals of the calls to Gemini."""
    some = [
        entry for entry in OPERATIONS if entry.end_unix_s >= frozen.NOW_S - 600 and entry.operation == "classify_intent"
    ]
    found = export("since=2025-10-09T08:43:20Z&operation=classify_intent")
    assert found["performance_metrics"] == {
        "metrics_count": len(some),
        "max_response_time": max(entry.duration_s for entry in some),
        "avg_response_time": pytest.approx(sum(entry.duration_s for entry in some) / len(some)),
        "threshold_violations": sum(entry.exceeded_threshold for entry in some),
    }
    assert found["llm_api_metrics"] == export()["llm_api_metrics"]


@pytest.mark.parametrize(
    ("since", "count"),
    [
        ("2025-10-09T08:53:20Z", 0),
        ("2025-10-09T08:52:50Z", 1),
        ("2025-10-09T10:52:50+02:00", 1),
        ("2025-10-09t08:52:49.999999z", 1),
        ("2025-10-09 08:52:50.000001Z", 0),
        ("2025-10-09T08:51:60Z", 2),
        ("0000-01-01T00:00:00Z", 60),
        ("9999-12-31T23:59:59-23:59", 0),
    ],
)
def test_since_is_a_time_of_rfc_3339(frozen_here, since, count):
    """Offsets, fractions, lower case, leap seconds and the first and last year are read; since is inclusive."""
    assert export(f"since={quote(since)}")["performance_metrics"]["metrics_count"] == count
    assert export(f"since={since.replace('+', ' ')}")["performance_metrics"]["metrics_count"] == count


NO_TIME = "since must be a time with its offset (RFC 3339), for instance 2025-10-06T08:00:00Z."


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=", NO_TIME),
        ("since=2025-02-30T00:00:00Z", NO_TIME),
        ("since=2025-02-03T00:00:00", NO_TIME),
        ("since=2025-02-03T00:00:00%2B24:00", NO_TIME),
        ("limit=1001", "limit must be a whole number from 1 to 1000."),
        ("limit=-1", "limit must be a whole number from 1 to 1000."),
        ("limit=1e2", "limit must be a whole number from 1 to 1000."),
        ("limit=%D9%A3", "limit must be a whole number from 1 to 1000."),
        ("entries=1", "entries must be true or false."),
        ("cursor=00", "cursor must be the next_cursor of an earlier answer."),
        ("operation=a&operation=b", "operation is given twice."),
        ("S1234567D=1", "An unknown parameter is given; there are since, operation, entries, limit, cursor, days."),
        ("operation=" + "a" * 3000, "The query is longer than 2048 characters."),
    ],
)  # fmt: skip
def test_an_invalid_parameter_is_one_sentence(frozen_here, query, sentence):
    """A parameter that is unknown, repeated or out of its bounds: 400, and nothing that was sent is returned."""
    response = ask(query)
    assert (response.status, json.loads(response.body)) == (400, {"error": sentence})


def test_entries_have_the_allowed_fields(frozen_here):
    """An entry shows names, numbers and ids, newest first, times in UTC."""
    found = export("limit=2&operation=generate_content")
    assert found["entries"][0] == {
        "kind": "gemini",
        "operation": "generate_content",
        "duration": 0.4,
        "timestamp": "2025-10-09T08:51:50.000000+00:00",
        "exceeded_threshold": False,
        "error": None,
        "outcome": "ok",
        "trace_id": f"{64:032x}",
        "span_id": f"{457:016x}",
        "parent_span_id": f"{147:016x}",
        "model": "gemini-2.0-flash-exp",
        "tokens": {"input_fresh": 100, "input_cached": 10, "input_tool": 0, "output_answer": 30, "output_thinking": 5},
        "cost_usd": 0.000_021,
    }
    assert (len(found["entries"]), found["page"]["limit"], found["page"]["matching"]) == (2, 2, 20)


@pytest.mark.parametrize(
    ("query", "listed"),
    [("entries=true", 80), ("entries=false", None), ("entries=false&limit=3", None), ("limit=3", 3), ("", None)],
)
def test_entries_come_on_request(frozen_here, query, listed):
    """Entries are listed on request, by their own switch or by a limit."""
    found = export(query)
    assert (len(found["entries"]) if "entries" in found else None) == listed


@pytest.mark.parametrize("limit", [1, 7, 80, 81])
def test_pages_hold_every_entry_once(frozen_here, limit):
    """Following next_cursor gives the same as one long answer."""
    whole, walked, query = export("limit=1000")["entries"], [], f"limit={limit}"
    while True:
        found = export(query)
        walked += found["entries"]
        if found["page"]["next_cursor"] is None:
            break
        query = f"limit={limit}&cursor={found['page']['next_cursor']}"
    assert walked == whole


def test_pages_stay_while_new_entries_arrive(monkeypatch, frozen_here):
    """An arrival between two pages neither repeats nor hides an entry."""
    cursor = export("limit=10")["page"]["next_cursor"]
    second = export(f"limit=10&cursor={cursor}")["entries"]
    show(monkeypatch, *frozen.SNAPSHOT.entries, *(Entry("operation", "new", 1.0, frozen.NOW_S + n) for n in range(5)))
    assert export(f"limit=10&cursor={cursor}")["entries"] == second


def test_pages_hold_indistinguishable_entries(monkeypatch, frozen_here):
    """Entries with the same end and no span are all shown, each once."""
    show(monkeypatch, *(Entry("operation", f"n{number}", 1.0, 50.0) for number in range(10)))
    names, query = [], "limit=3"
    for _ in range(4):
        found = export(query)
        names += [entry["operation"] for entry in found["entries"]]
        query = f"limit=3&cursor={found['page']['next_cursor']}"
    assert (sorted(names), found["page"]["next_cursor"]) == (sorted(f"n{number}" for number in range(10)), None)


def test_no_number_is_nan_or_infinite(monkeypatch, frozen_here):
    """A duration or cost that is NaN or infinite is null in its entry and is left out of the summary."""
    nan, inf = float("nan"), float("inf")
    show(monkeypatch, Entry("operation", "a", nan, 5.0), Entry("gemini", "generate_content", inf, 5.0, cost_usd=nan))
    found = export("entries=true")
    assert found["performance_metrics"]["avg_response_time"] == 0
    assert [entry["duration"] for entry in found["entries"]] == [None, None]


def test_the_entity_tag_shows_whether_something_changed(installed):
    """A request with the tag gets 304 without a body until an operation ends, though time passes; then another tag."""
    first = ask()
    tag = first.header("ETag")
    again = ask(headers={"if-none-match": f'"other", {tag}'})
    assert (again.status, again.body, again.header("ETag"), again.header("Content-Length")) == (304, b"", tag, None)
    assert again.header("Vary") == first.header("Vary")
    with track_response_time("turn"):
        pass
    changed = ask(headers={"if-none-match": tag})
    assert (changed.status, changed.header("ETag") == tag) == (200, False)


def test_the_tag_depends_on_the_query(frozen_here):
    """Two filters that show different things have different tags."""
    assert ask("limit=1").header("ETag") != ask("limit=2").header("ETag")


def test_an_answer_is_encoded_once(installed, monkeypatch):
    """The entity tag is that of the text which is sent."""
    encoded = formats.encoded
    times = []
    monkeypatch.setattr(formats, "encoded", lambda *of, **how: times.append(of) or encoded(*of, **how))
    assert ask().status == 200
    assert len(times) == 1
