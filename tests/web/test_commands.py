"""Promises of ``hydrochat-otel serve`` and ``hydrochat-otel export``."""

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time

import frozen
import pytest
from click.testing import CliRunner
from conftest import TOKEN
from misbehaving import listening, says
from ports import free_port
from rich.console import Console
from rich.text import Text
from servers import PROJECT, Host, running

from hydrochat_otel import web
from hydrochat_otel.cli import export_tables
from hydrochat_otel.cli.export import Source, export
from hydrochat_otel.cli.serve import serve
from hydrochat_otel.runtime.deadline_fetch import FetchError
from hydrochat_otel.serve.server import Server

ENVIRON = {**os.environ, "PYTHONPATH": str(PROJECT), "HYDROCHAT_METRICS_TOKEN": TOKEN, "COLUMNS": "100"}


def command(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "hydrochat_otel", *arguments],
        env=ENVIRON, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60, **more,
    )  # fmt: skip


@pytest.fixture
def served(frozen_here):
    with Server("127.0.0.1", 0) as server:
        yield server


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return str(path)


def run(*arguments):
    return CliRunner().invoke(export, [str(argument) for argument in arguments], env={"COLUMNS": "100"})


# -- export -------------------------------------------------------------------------------------------------------


def test_the_export_as_tables(served, token_file):
    """The three sections are tables with words and units; on request the newest entries are a fourth."""
    done = run("--url", served.url, "--token-file", token_file, "--limit", "2")
    lines = [" ".join(line.replace("│", " ").split()) for line in done.output.splitlines()]
    assert done.exit_code == 0
    for line in (
        "Operations, in the window",
        "Metrics count 60",
        "Max response time, s 2.650",
        "Threshold violations 13",
        "Gemini, since the start",
        "Total calls 21",
        "Total cost, USD 0.000420",
        "Time to live, h 24.0",
        "Newest 2 of 80",
        "2025-10-09 08:52:50 operation classify_intent 0.350 ok",
        "as of 2025-10-09T08:53:20.000000+00:00",
    ):
        assert line in lines


def test_the_export_as_json(served, token_file):
    """With --json the body is printed unchanged, with the filters applied."""
    done = run(
        "--url", served.url, "--token-file", token_file, "--json", "--operation", "classify_intent", "--limit", 3
    )
    found = json.loads(done.output)
    assert (found["performance_metrics"]["metrics_count"], len(found["entries"])) == (30, 3)


@pytest.mark.parametrize(
    "url", ["{url}/", "{bare}", "{url}/api/hydrochat/metrics/export", "{url}/api/hydrochat/metrics/export/"]
)
def test_the_address_may_be_that_of_the_service_or_the_export(served, token_file, url):
    """The path of the export is added if it is missing."""
    done = run(
        "--url",
        url.format(url=served.url, bare=served.url.removeprefix("http://")),
        "--token-file",
        token_file,
        "--json",
    )
    assert json.loads(done.output)["timestamp"] == "2025-10-09T08:53:20.000000+00:00"


def test_the_token_may_come_from_the_environment(served):
    """Without a file the variable that the service itself reads is used."""
    done = command("export", "--url", served.url, "--json")
    assert json.loads(done.stdout)["performance_metrics"]["metrics_count"] == 60


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--url", "http://127.0.0.1:1"], 1, "Error: 127.0.0.1:1 is unreachable (ConnectionRefusedError).\n"),
        (["--url", "ftp://x"], 2, "Error: --url must be the address of a service, for instance http://127.0.0.1:9464.\n"),
        (["--url", "http://u:p@127.0.0.1:1"], 1, "Error: 127.0.0.1:1 is unreachable (ConnectionRefusedError).\n"),
        (["--token-file", "/no/such/file"], 2, "'--token-file': File '/no/such/file' does not exist.\n"),
        (["--limit", "2000"], 2, "Error: Invalid value for '--limit': 2000 is not in the range 0<=x<=1000.\n"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_one_sentence(arguments, code, said):
    """No service, no address, no file: one sentence, and an exit code that distinguishes usage from failure."""
    done = run(*arguments)
    assert (done.exit_code, done.output.endswith(said)) == (code, True), done.output


def test_a_wrong_token_and_a_bad_filter_show_the_services_sentence(served, tmp_path, token_file):
    """The service's own sentence is shown; another server's page is not."""
    (tmp_path / "wrong").write_text("wrong")
    done = run("--url", served.url, "--token-file", tmp_path / "wrong")
    assert (done.exit_code, "answers with status 401: Send the token of HYDROCHAT_METRICS_TOKEN" in done.output) == (
        1,
        True,
    )
    done = run("--url", served.url, "--token-file", token_file, "--since", "soon")
    assert (done.exit_code, "'soon' is not a period: it must be such as 90s" in done.output) == (2, True)


@pytest.mark.parametrize("since", ["1h", "yesterday", "2025-01-01", "2025-10-09T08:00+00:00"])
def test_periods_are_said_as_in_a_report(served, token_file, since):
    """A length, a day and a date are understood as well as a moment; a filter that matches nothing says so."""
    done = run("--url", served.url, "--token-file", token_file, "--since", since)
    matches = since.startswith("2025")
    assert (done.exit_code, "No entry matches." in done.output) == (0, not matches)
    assert ("Models, in the window" in done.output) == matches


def test_no_value_is_cut(served, token_file, monkeypatch):
    """A pipe gets each value on one line; a narrow terminal wraps, and no value loses a sign to an ellipsis."""
    arguments = ("--url", served.url, "--token-file", token_file, "--limit", "50")
    assert "classify_intent" in run(*arguments).output
    monkeypatch.setattr(export_tables, "console", lambda: Console(width=60, force_terminal=True))
    narrow = run(*arguments).output
    assert "…" not in narrow
    assert max(len(Text.from_ansi(line).plain) for line in narrow.splitlines()) <= 60


def test_something_other_than_an_export():
    """A server that answers with anything else is refused."""
    for body in (b"<html>", b"[1]", b'{"performance_metrics": 1}'):
        with listening(says(body)) as url, pytest.raises(FetchError, match="something other than an export"):
            Source(f"{url}/", None).body()
    redirect = says(b"", "302 Found", b"Location: http://127.0.0.1:1/\r\n")
    with listening(redirect) as url, pytest.raises(FetchError, match="status 302: no reason is given"):
        Source(f"{url}/", "token").body()


def test_watching_prints_each_change_once(served, token_file, monkeypatch):
    """While watching with --json, an export is one line, and a second one follows when something has changed."""
    watching = subprocess.Popen(
        [sys.executable, "-m", "hydrochat_otel", "export", "--url", served.url, "--token-file", token_file, "--json",
         "--watch", "--interval", "0.2"],
        stdout=subprocess.PIPE, text=True, env=ENVIRON,
    )  # fmt: skip
    first = json.loads(watching.stdout.readline())
    later = frozen.SNAPSHOT.__class__(frozen.NOW_S + 60, {}, (), (), frozen.SNAPSHOT.retention)
    monkeypatch.setattr(type(web.routes.data.pipeline.current()), "snapshot", lambda _: later)
    second = json.loads(watching.stdout.readline())
    watching.send_signal(signal.SIGINT)
    rest = watching.stdout.read()
    assert (first["performance_metrics"]["metrics_count"], second["performance_metrics"]["metrics_count"]) == (60, 0)
    assert (watching.wait(20), rest) == (0, "")


def test_watching_continues_without_the_service(token_file):
    """An unreachable service is reported on the standard error, and watched until it answers."""
    port = free_port()
    watching = subprocess.Popen(
        [sys.executable, "-m", "hydrochat_otel", "export", "--url", f"http://127.0.0.1:{port}", "--token-file",
         token_file, "--json", "--watch", "--interval", "0.2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRON,
    )  # fmt: skip
    assert watching.stderr.readline() == f"127.0.0.1:{port} is unreachable (ConnectionRefusedError).\n"
    web_side = subprocess.Popen(
        [sys.executable, "-m", "hydrochat_otel", "serve", "--port", str(port), "plain_hosts"],
        env=ENVIRON, cwd=PROJECT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert json.loads(watching.stdout.readline())["performance_metrics"]["metrics_count"] == 60
    for child in (watching, web_side):
        child.terminate()
        child.communicate(timeout=20)


def test_a_table_that_is_watched(served, token_file):
    """In a terminal the table is redrawn in its place; Ctrl-C ends it with 0 and no traceback."""
    ours, theirs = pty.openpty()
    watching = subprocess.Popen(
        [sys.executable, "-m", "hydrochat_otel", "export", "--url", served.url, "--token-file", token_file, "--watch",
         "--interval", "0.2"],
        stdout=theirs, stderr=theirs, env={**ENVIRON, "TERM": "xterm", "LINES": "60"},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while seen.count(b"Total calls") < 2:
        seen += os.read(ours, 65_536)
    watching.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # the other end is closed
        while True:
            seen += os.read(ours, 65_536)
    assert (watching.wait(20), b"Traceback" in seen, b"Total cost, USD" in seen) == (0, False, True)


def test_a_table_in_a_file(served, token_file):
    """If the output is not a terminal, each change is printed once below the last."""
    watching = subprocess.Popen(
        [sys.executable, "-m", "hydrochat_otel", "export", "--url", served.url, "--token-file", token_file, "--watch",
         "--interval", "0.2"],
        stdout=subprocess.PIPE, text=True, env={**ENVIRON, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    while not watching.stdout.readline().startswith("as of"):
        pass
    watching.send_signal(signal.SIGINT)
    assert (watching.communicate(timeout=20)[0].count("Total calls"), watching.returncode) == (0, 0)


# -- serve --------------------------------------------------------------------------------------------------------


def test_serve_runs_a_worker_beside_the_endpoints(hosts):
    """The named function runs and is measured while the endpoints answer."""
    worker = hosts("live")
    bearer = {"authorization": f"Bearer {TOKEN}"}
    deadline_s = time.monotonic() + 20
    while json.loads(worker.ask(web.EXPORT_PATH, bearer).body)["performance_metrics"]["metrics_count"] == 0:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_serve_stops_gracefully(stop):
    """SIGTERM and Ctrl-C end the work, finish the current responses, close the port and end with 0."""
    port = free_port()
    serving = subprocess.Popen(
        [sys.executable, "-m", "hydrochat_otel", "serve", "--port", str(port), "live:work"],
        env=ENVIRON, cwd=PROJECT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    host = Host(port)
    while True:
        with contextlib.suppress(OSError):
            host.ask()
            break
        time.sleep(0.05)
    serving.send_signal(stop)
    said = serving.communicate(timeout=20)[1]
    assert (serving.returncode, said.splitlines()[-1], "Traceback" in said) == (0, "Stopping.", False)
    with pytest.raises(OSError):
        host.ask()


def test_serve_ends_with_the_function():
    """A coroutine function is run to its end, and with it the server stops."""
    done = command("serve", "--port", "0", "live:finished")
    assert (done.returncode, done.stderr.splitlines()[0].startswith("Serving http://127.0.0.1:")) == (0, True)


def test_serve_without_a_module_says_what_there_is_to_see():
    """A process that measures nothing says so, and still answers."""
    with running("-m", "hydrochat_otel", "serve", "--port", "PORT", HYDROCHAT_METRICS_TOKEN=TOKEN) as host:
        found = json.loads(host.ask(web.EXPORT_PATH, {"authorization": f"Bearer {TOKEN}"}).body)
        assert found["performance_metrics"]["metrics_count"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no_such_module"], "There is no module no_such_module here."),
        (["json.no_such"], "There is no module json.no_such here."),
        (["json:nothing"], "json has no function nothing."),
        (["json:__name__"], "json has no function __name__."),
    ],
)
def test_serve_refuses_what_it_cannot_run(arguments, sentence):
    """A missing module or function gives one sentence and exit code 2."""
    done = CliRunner().invoke(serve, ["--port", "0", *arguments])
    assert (done.exit_code, done.output.splitlines()[-1]) == (2, f"Error: {sentence}")


def test_serve_refuses_a_port_that_is_taken():
    """The sentence says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(serve, ["--port", str(port)])
    assert (done.exit_code, f"Port {port} on 127.0.0.1 is taken" in done.output) == (2, True)
