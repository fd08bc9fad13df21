"""Promises of ``hydrochat_otel.report()`` and ``hydrochat-otel report``."""

import csv
import io
import json
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from conftest import TOKEN
from google import genai
from google.genai.types import HttpOptions
from opentelemetry import trace
from opentelemetry.util._once import Once

import hydrochat_otel
from hydrochat_otel.cli.report import report as command
from hydrochat_otel.reporting.report import ReportError
from hydrochat_otel.serve.server import Server
from hydrochat_otel.testing import GeminiEmulator, Usage, answer, failure
from hydrochat_otel.views import usage_table
from hydrochat_otel.window.entry import Entry

MODEL = "gemini-2.0-flash-exp"
USAGE = Usage(prompt=1_000_000, answer=100_000)
COST = 0.13


@pytest.fixture
def used(install):
    """Two calls in one operation, of which one fails, a call outside of all, and one of a model without a price."""
    running = install(instrument_gemini=True)
    with GeminiEmulator() as emulator:
        client = genai.Client(api_key="any", http_options=HttpOptions(base_url=emulator.base_url))
        emulator.script(answer("a", usage=USAGE), failure(400), answer("b", usage=USAGE), answer("c", usage=USAGE))
        with hydrochat_otel.track_response_time("turn"):
            client.models.generate_content(model=MODEL, contents="x")
            with pytest.raises(genai.errors.ClientError):
                client.models.generate_content(model=MODEL, contents="x")
        client.models.generate_content(model=MODEL, contents="x")
        client.models.generate_content(model="gemini-9-ultra", contents="x")
    return running


def shown(found):
    return {row["name"]: (row["calls"], row["failed"], row["tokens"], row["cost_usd"]) for row in found.rows}


EVERYWHERE = {"turn": (2, 1, 1_100_000, COST), "none": (2, 0, 2_200_000, COST)}


@pytest.mark.parametrize("since", [None, "1h"])
def test_what_each_operation_cost(used, since):
    """Counters and entries give the same rows, the total is their sum, and unpriced calls are stated."""
    found = hydrochat_otel.report(since=since)
    assert shown(found) == EVERYWHERE
    assert (found.total["calls"], found.total["cost_usd"], found.total["unpriced_tokens"]) == (4, 2 * COST, 1_100_000)
    assert "Lower bound: 1,100,000 tokens have no known price." in found.notes


def test_a_model_without_a_price_has_no_dollars(used):
    """Unknown is None, never 0."""
    rows = {row["name"]: row["cost_usd"] for row in hydrochat_otel.report(by="model", since="1h").rows}
    assert rows == {MODEL: 2 * COST, "gemini-9-ultra": None}


@pytest.mark.parametrize("since", [None, "1h"])
def test_a_running_service_reports_the_same(used, since):
    """A service at an address gives the same rows as the process itself."""
    with Server("127.0.0.1", 0) as server:
        assert shown(hydrochat_otel.report(url=server.url, token=TOKEN, since=since)) == EVERYWHERE


def test_it_prints_in_terminals_and_notebooks(used):
    """The text is a table with a line for all, and a notebook gets HTML."""
    found = hydrochat_otel.report(by="model")
    lines = str(found).splitlines()
    assert lines[0] == "Gemini, since the start"
    assert lines[1].split() == ["model", "calls", "failed", "tokens", "$", "p95,", "s"]
    assert any(line.split() == ["all", "4", "1", "3,300,000", "0.260000"] for line in lines)
    assert found._repr_html_().startswith("<table><caption>Gemini, since the start</caption>")
    assert json.loads(json.dumps(found.as_dict()))["rows"] == found.rows


@pytest.mark.parametrize(
    ("by", "rows"),
    [("failed", [("turn", "400", None)]), ("dear", [("turn", "ok", COST), ("generate_content", "ok", COST)])],
)
@pytest.mark.parametrize("asked", ["here", "service"])
def test_single_pieces_of_work_are_listed(used, by, rows, asked):
    """The failed and the dear are rows of their own, the newest or the dearest first, here and of a service."""
    if asked == "here":
        found = hydrochat_otel.report(by=by)
    else:
        with Server("127.0.0.1", 0) as server:
            found = hydrochat_otel.report(by=by, url=server.url, token=TOKEN)
    listed = sorted((row["name"], row["outcome"], row["cost_usd"]) for row in found.rows if row["model"] == MODEL)
    assert listed == sorted(rows)
    assert str(found).splitlines()[1].split()[:2] == ["when", "name"]
    assert "<th>when</th>" in found._repr_html_()


def test_what_has_no_price_and_what_is_slow_are_listed(used):
    """A call without a price is listed with its tokens; without slow work the report says that there is none."""
    [row] = hydrochat_otel.report(by="unpriced").rows
    assert (row["model"], row["tokens"], row["cost_usd"]) == ("gemini-9-ultra", 1_100_000, None)
    assert hydrochat_otel.report(by="slow").notes == ["Nothing in this period."]


def test_a_slow_turn_is_listed_with_what_its_calls_cost(install):
    """The row of a turn has the tokens and dollars of the calls inside it; a turn without calls costs nothing."""
    install(instrument_gemini=True)
    with GeminiEmulator() as emulator:
        client = genai.Client(api_key="any", http_options=HttpOptions(base_url=emulator.base_url))
        emulator.script(answer("a", usage=USAGE), answer("b", usage=USAGE))
        with hydrochat_otel.track_response_time("turn", 1e-9), hydrochat_otel.track_response_time("step"):
            client.models.generate_content(model=MODEL, contents="x")
            client.models.generate_content(model=MODEL, contents="x")
    with hydrochat_otel.track_response_time("idle", 1e-9):
        time.sleep(0.001)
    rows = {row["name"]: (row["tokens"], row["cost_usd"]) for row in hydrochat_otel.report(by="slow").rows}
    assert rows == {"turn": (2_200_000, 2 * COST), "idle": (None, 0.0)}


@pytest.mark.parametrize("asked", ["here", "service"])
def test_a_day_is_exact_beyond_the_window(install, asked):
    """When the window has lost entries, whole days still say all, by model or as a row of its own, here and remote."""
    running = install(max_entries=1, instrument_gemini=True)
    with GeminiEmulator() as emulator:
        client = genai.Client(api_key="any", http_options=HttpOptions(base_url=emulator.base_url))
        emulator.script(*[answer("a", usage=USAGE)] * 3)
        for _ in range(3):
            client.models.generate_content(model=MODEL, contents="x")
    assert running.snapshot().retention.current_entries == 1
    with Server("127.0.0.1", 0) as server:
        where = {} if asked == "here" else {"url": server.url, "token": TOKEN}
        for period in ({"day": "today"}, {"since": "30d"}):
            [row] = hydrochat_otel.report(by="model", **period, **where).rows
            assert (row["name"], row["calls"], row["tokens"], row["cost_usd"]) == (MODEL, 3, 3_300_000, 3 * COST)
        found = hydrochat_otel.report(by="operation", day="today", **where)
    assert shown(found) == {
        "none": (1, 0, 1_100_000, COST),
        usage_table.LEFT: (2, 0, 2_200_000, pytest.approx(2 * COST)),
    }
    assert (found.total["calls"], found.total["cost_usd"]) == (3, pytest.approx(3 * COST))
    assert "2 of 3 calls of this day left the window." in found.notes


def test_charges_count_once_however_they_are_read():
    """The counter of dollars holds the charges beside tokens; a scrape that shows both adds neither twice."""
    labels = {"hydrochat_operation": "turn"}
    found = [
        ("hydrochat_llm_calls_total", labels, 1.0),
        ("hydrochat_llm_cost_total", labels, 0.5),
        ("hydrochat_llm_charges_total", {"hydrochat_charge": "grounding_search"}, 0.4),
    ]
    table = usage_table.of_counters(found, "hydrochat_operation")
    assert {name: usage.cost_usd for name, usage in table.items()} == {"turn": 0.5}


def test_a_window_that_does_not_reach_back_says_so(install):
    """A period that begins before the oldest entry of a full window is incomplete."""
    running = install(max_entries=2)
    for _ in range(3):
        running.store.append(Entry("gemini", "generate_content", 1.0, time.time(), model="x", operation_name="turn"))
    assert [note for note in hydrochat_otel.report(since="1h").notes if note.startswith("Incomplete: ")]
    assert hydrochat_otel.report(since="2099-01-01").notes == ["No call to Gemini in this period."]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"since": "soon"}, "is not a period"),
        ({"day": "soon"}, "is not a day"),
        ({"day": "today", "since": "1h"}, "Give a period or a day"),
        ({"state": "memory", "url": "http://x"}, "Give a state or a url"),
        ({"since": "1h", "by": "tier"}, "needs the counters"),
        ({"state": "sqlite:///no/such/state.db"}, "has a pipeline of its own"),
    ],
)
def test_a_mistake_is_one_sentence(installed, arguments, sentence):
    """Mistakes have different sentences, and none is a traceback of ours."""
    with pytest.raises(ReportError, match=sentence):
        hydrochat_otel.report(**arguments)


def test_entries_of_calls_only():
    """Operations are not calls, and a call without tokens has no unknown cost."""
    entries = [
        Entry("operation", "turn", 9.0, 1.0),
        Entry("gemini", "generate_content", 2.0, 1.0, outcome="error", operation_name="turn"),
        Entry("gemini", "generate_content", 1.0, 1.0, tokens=(1, 0, 0, 2, 0), cost_usd=0.5, incomplete=True),
    ]
    table = usage_table.of_entries(entries, lambda entry: entry.operation_name)
    assert table["turn"].as_row("turn")["cost_usd"] == 0.0
    row = usage_table.total(table).as_row("all")
    assert (row["calls"], row["failed"], row["tokens"], row["p95_s"], row["incomplete_calls"]) == (2, 1, 3, 2.0, 1)
    assert row["unreconciled_calls"] is None


PROGRAM = """
import sys, hydrochat_otel
from google import genai
from google.genai.types import HttpOptions
hydrochat_otel.install(state=sys.argv[2])
client = genai.Client(api_key="any", http_options=HttpOptions(base_url=sys.argv[1]))
with hydrochat_otel.track_response_time("turn"):
    client.models.generate_content(model="gemini-2.0-flash-exp", contents="x")
"""


@pytest.mark.timeout(300)
def test_a_durable_state_is_read_without_a_token(tmp_path, monkeypatch):
    """After the service has ended, its state still says what it cost, as table, CSV and JSON."""
    # The command sets the global tracer provider, which would stay for all later tests of this process.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    state = f"sqlite://{tmp_path}/state.db"
    with GeminiEmulator() as emulator:
        emulator.script(answer("a", usage=USAGE))
        subprocess.run([sys.executable, "-c", PROGRAM, emulator.base_url, state], check=True, timeout=150)
    done = CliRunner().invoke(command, ["--state", state, "--format", "csv"])
    [row] = csv.DictReader(io.StringIO(done.stdout))
    assert (row["name"], row["calls"], row["tokens"]) == ("turn", "1", "1100000")
    assert float(row["cost_usd"]) == pytest.approx(COST, abs=1e-9)
    done = CliRunner().invoke(command, ["--state", state, "--day", "today", "--by", "model", "--format", "json"])
    assert json.loads(done.stdout)["total"]["cost_usd"] == COST
    done = CliRunner().invoke(command, ["--state", state])
    assert (done.exit_code, "turn" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "There is nothing to read"),
        (["--state", "sqlite:///no/such/state.db"], 2, "There is no state at /no/such/state.db."),
        (["--state", "nonsense"], 2, "is not allowed"),
        (["--url", "http://u:secret@127.0.0.1:1"], 1, "127.0.0.1:1 is unreachable"),
    ],
)
def test_the_command_exits_like_all_others(arguments, code, sentence):
    """A mistake and an unreachable service have different exit codes, each with one sentence without secrets."""
    done = CliRunner().invoke(command, arguments)
    assert (done.exit_code, done.stdout, sentence in done.stderr) == (code, "", True), done.stderr
    assert "secret" not in done.stderr
