"""Promises of :mod:`hydrochat_otel.views.history`: from the window and from Prometheus, whatever Prometheus answers."""

import contextlib
import json
import socket
import subprocess
import threading
import time
from itertools import pairwise

import frozen
import jsonschema
import pytest
from conftest import TOKEN, require_program
from misbehaving import listening, says

from hydrochat_otel import web
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.views import history
from hydrochat_otel.views.history import Steps, from_prometheus, from_window
from hydrochat_otel.views.history.prometheus_api import query
from hydrochat_otel.views.prometheus_server import PrometheusError
from hydrochat_otel.web import Request, respond
from hydrochat_otel.window.days import DayCounts, DayKey
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Retention, Snapshot

SCHEMA = jsonschema.Draft202012Validator(
    json.loads(history.schema()), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)
BEARER = {"authorization": f"Bearer {TOKEN}"}
EMPTY = {
    "count": 0, "avg_response_time": None, "p50_response_time": None, "p95_response_time": None,
    "p99_response_time": None, "threshold_violations": 0, "errors": 0, "error_rate": 0.0, "llm_calls": 0,
    "total_tokens": 0, "total_cost_usd": 0.0, "unpriced_calls": 0, "unpriced_tokens": 0, "unreconciled_calls": 0,
    "incomplete_calls": 0, "incomplete_tokens": 0,
}  # fmt: skip
UNKNOWN = dict.fromkeys(EMPTY)
SCRAPED = EMPTY | {"unpriced_calls": None}  # no metric counts it


def ask(parameters=""):
    response = respond(Request("GET", web.HISTORY_PATH, BEARER, query=parameters))
    found = json.loads(response.body)
    if response.status == 200:
        SCHEMA.validate(found)
    return response.status, found


# -- steps --------------------------------------------------------------------------------------------------------


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


# -- the window ---------------------------------------------------------------------------------------------------


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


# -- a Prometheus that misbehaves ---------------------------------------------------------------------------------


def matrix(*series):
    return {"status": "success", "data": {"resultType": "matrix", "result": list(series)}}


def column(name, *values):
    return {"metric": {"column": name}, "values": [list(pair) for pair in values]}


STEPS = Steps.over(1007.0, 30, 10)


def test_an_answer_of_prometheus_becomes_the_same_shape():
    """Columns become rows: whole counts, no percentile in an empty step, a value covers the step before it."""
    answer = matrix(
        column("count", [990, "0"], [1000, "0.3"], [1010, "3.9"]),
        column("seconds", [1000, "0.1"], [1010, "7.8"]),
        column("p50", [990, "NaN"], [1000, "0.2"], [1010, "1.5"]),
        column("p95", [1010, "2.5"]),
        column("p99", [1010, "+Inf"]),
        column("errors", [1010, "1.3"]),
        column("tokens", [1000, "10.2"]),
        column("cost_usd", [1000, "0.00012"]),
    )
    with listening(says(answer)) as url:
        found = from_prometheus(url, STEPS)
    SCHEMA.validate(found)
    assert (found["source"], found["complete_since"], found["step_s"]) == ("prometheus", None, 10)
    assert found["steps"] == [
        {"start": "1970-01-01T00:16:20+00:00", **SCRAPED},
        {"start": "1970-01-01T00:16:30+00:00", **SCRAPED, "total_tokens": 10, "total_cost_usd": 0.00012},
        {
            "start": "1970-01-01T00:16:40+00:00",
            **SCRAPED,
            "count": 4,
            "avg_response_time": pytest.approx(2.0),
            "p50_response_time": 1.5,
            "p95_response_time": 2.5,
            "errors": 1,
            "error_rate": pytest.approx(1 / 3),
        },
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>", b"[]", b"null", b'"success"', b"\xff\xfe", b'{"status":"success"}',
        b'{"status":"success","data":null}',
        {"status": "error", "errorType": "bad_data"},
        {"status": "success", "data": {"resultType": "vector", "result": []}},
        matrix({"metric": {}, "values": []}),
        matrix(column("S1234567D", [1000, "1"])),
        matrix(column("count", [1000, "1"]), column("count", [1000, "1"])),
        matrix(column("count", [1000, "-1"])),
        matrix(column("count", [1000, "NaN"])),
        matrix(column("count", [1000, "+Inf"])),
        matrix(column("count", [1000, 1])),
        matrix(column("count", [1000, "one"])),
        matrix(column("count", [5000, "1"])),
        matrix(column("count", [10, "1"])),
        matrix(column("count", ["NaN", "1"])),
        matrix(column("count", [1e999, "1"])),
        matrix(column("count", [1000])),
        matrix({"metric": {"column": "count"}, "values": 7}),
        matrix({"metric": {"column": ["count"]}, "values": []}),
        matrix("count"),
    ],
)  # fmt: skip
def test_a_wrong_answer_of_prometheus_is_502(answer):
    """An answer that does not fit the query is refused whole; no part of it is shown."""
    with listening(says(answer)) as url, pytest.raises(PrometheusError) as caught:
        from_prometheus(url, STEPS)
    assert caught.value.status == 502
    assert str(caught.value).startswith("Prometheus at HYDROCHAT_PROMETHEUS_URL ")
    assert "S1234567D" not in str(caught.value)


def hang_up(connection):
    connection.recv(10)


def babble(connection):
    connection.sendall(b"220 mail.example ESMTP\r\n")
    time.sleep(0.2)


def endless_body(connection):
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 1_000_000)


def endless_headers(connection):
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: of the same\r\n" * 1000)


@pytest.mark.parametrize(
    ("behave", "status"),
    [
        (hang_up, 502),
        (babble, 502),
        (endless_body, 502),
        (endless_headers, 502),
        (says(b"", "301 Moved", b"Location: http://127.0.0.1:1/\r\n"), 502),
        (says(b"", "401 Unauthorized"), 502),
        (says(b'{"status":"error","errorType":"timeout"}', "503 Service Unavailable"), 504),
        (says(b"", "504 Gateway Timeout"), 504),
        (says(b"", "999 ?"), 502),
    ],
)
def test_a_broken_and_a_late_prometheus_have_different_statuses(behave, status):
    """No HTTP, too much data, a redirect, a refusal: 502; a timeout of its own: 504."""
    with listening(behave) as url, pytest.raises(PrometheusError) as caught:
        from_prometheus(url, STEPS)
    assert caught.value.status == status


def silent(connection):
    connection.recv(65_536)
    threading.Event().wait(20)


def one_byte_at_a_time(connection):
    connection.recv(65_536)
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.01)


def slow_body(connection):
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.01)


@pytest.mark.parametrize("behave", [silent, one_byte_at_a_time, slow_body])
def test_a_prometheus_that_is_slow_is_504(behave):
    """A Prometheus that sends nothing, or a byte now and then, is late at the deadline, and blocks no longer."""
    with listening(behave) as url, pytest.raises(PrometheusError) as caught:
        from_prometheus(url, STEPS, deadline_s=0.3)
    assert (caught.value.status, str(caught.value)) == (
        504,
        "Prometheus at HYDROCHAT_PROMETHEUS_URL did not answer within 0.3 s.",
    )


def test_only_a_few_queries_run_at_once():
    """If Prometheus hangs, later requests get 503 at once and hold no thread of the server."""
    arrived, statuses = threading.Barrier(5), []

    def behave(connection):
        arrived.wait(10)
        silent(connection)

    def question(url):
        try:
            from_prometheus(url, STEPS, deadline_s=1.5)
        except PrometheusError as error:
            statuses.append(error.status)

    with listening(behave) as url:
        threads = [threading.Thread(target=question, args=(url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        arrived.wait(10)
        question(url)
        assert statuses == [503]
        for thread in threads:
            thread.join()
    assert statuses == [503] + [504] * 4


def test_no_prometheus_is_502_with_a_sentence(install):
    """An address where nothing listens gives one sentence, without the address and the password in it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    install(prometheus_url=f"http://reader:secret-of-the-tests@127.0.0.1:{port}/sub")
    assert ask() == (
        502,
        {"error": "Prometheus at HYDROCHAT_PROMETHEUS_URL is unreachable (ConnectionRefusedError)."},
    )


def test_the_address_may_carry_a_path_and_a_password():
    """User, password and path of the address are used; the query is sent as a form."""
    received = []

    def behave(connection):
        received.append(connection.recv(65_536))
        says(matrix())(connection)

    with listening(behave) as url, contextlib.suppress(PrometheusError):
        from_prometheus(url.replace("//", "//me:p%40ss@") + "/prometheus/", STEPS, deadline_s=0.5)
    head = received[0].decode().split("\r\n")
    assert head[0] == "POST /prometheus/api/v1/query_range HTTP/1.1"
    assert "Authorization: Basic bWU6cEBzcw==" in head


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("prometheus_url", "prometheus:9090"),
        ("prometheus_url", "ftp://prometheus"),
        ("prometheus_url", "http://"),
        ("prometheus_url", "http://prometheus:port"),
        ("prometheus_url", "http://prometheus/?x=1"),
        ("prometheus_url", "http://prome theus"),
        ("prometheus_matchers", "chat"),
        ("prometheus_matchers", 'job="chat"}) or vector(1) #'),
        ("prometheus_matchers", 'job="a" or "b"'),
        ("prometheus_matchers", '{job="chat"}'),
    ],
)
def test_invalid_settings(setting, value):
    """An invalid address, and matchers that are more than matchers, stop the start."""
    with pytest.raises(SettingsError, match=f"^{setting}=.* is not allowed: it must be "):
        Settings.load(**{setting: value})


def test_a_password_in_the_address_is_not_shown():
    """The address of Prometheus may hold a password, so neither the record nor the error shows it."""
    assert "of-the-tests" not in repr(Settings.load(prometheus_url="http://me:of-the-tests@prometheus:9090/"))
    with pytest.raises(SettingsError) as caught:
        Settings.load(prometheus_url="http://me:of-the-tests@/")
    assert "of-the-tests" not in str(caught.value)


# -- a real Prometheus --------------------------------------------------------------------------------------------


@pytest.mark.real
def test_the_query_is_promql(tmp_path):
    """Promtool finds no fault in the query, with and without matchers."""
    promtool = require_program("promtool", "prometheus")
    for matchers in ("", 'job="chat",env=~"a|b"'):
        rule = {"groups": [{"name": "g", "rules": [{"record": "r", "expr": query(900, matchers)}]}]}
        (tmp_path / "rules.yml").write_text(json.dumps(rule))
        subprocess.run([promtool, "check", "rules", str(tmp_path / "rules.yml")], check=True, capture_output=True)


@pytest.mark.real
def test_the_same_history_from_a_real_prometheus(prometheus, install):
    """What Prometheus scraped of a live worker and what the worker's window holds agree within the estimate."""
    worker, prometheus_url = prometheus("live")
    install(prometheus_url=prometheus_url, prometheus_matchers='job="live"')
    deadline_s = time.monotonic() + 60
    while True:
        status, theirs = ask("window=2m&step=2s")
        assert status == 200
        own = json.loads(worker.ask(web.HISTORY_PATH, BEARER, query="window=2m&step=2s").body)
        SCHEMA.validate(own)
        assert [list(step) for step in own["steps"]] == [list(step) for step in theirs["steps"]]
        # The newest is in progress, and the previous one may miss its last scrape.
        both = {step["start"]: [step] for step in own["steps"][:-2]}
        for step in theirs["steps"][:-2]:
            both.get(step["start"], []).append(step)
        full = [
            pair
            for _, pair in sorted(both.items())
            if len(pair) == 2 and all((step["count"] or 0) > 60 for step in pair)
        ]
        if len(full) >= 3:
            break
        assert time.monotonic() < deadline_s, theirs
        time.sleep(0.5)
    for mine, its in full[1:-1]:
        for name in ("count", "threshold_violations", "errors"):
            assert its[name] == pytest.approx(mine[name], rel=0.35, abs=3), name
        assert its["error_rate"] == pytest.approx(mine["error_rate"], abs=0.05)
        assert its["p50_response_time"] <= 0.005
    assert all(later["start"] > earlier["start"] for earlier, later in pairwise(theirs["steps"]))
