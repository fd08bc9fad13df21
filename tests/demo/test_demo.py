"""Promises of the demo: `hydrochat-otel demo` as a user runs it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from views.test_json_export import validate

COMMAND = [sys.executable, "-m", "hydrochat_otel", "demo"]


def run(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, **environment},
    )


def test_once_prints_the_export_and_ends():
    """--once runs the workload, prints a valid export with tokens and dollars, and exits 0."""
    result = run("--once", "--turns", "6", "--seed", "1")
    assert (result.returncode, result.stderr.count("Traceback")) == (0, 0), result.stderr
    export = json.loads(result.stdout)
    validate(export)
    assert export["performance_metrics"]["metrics_count"] >= 6
    llm = export["llm_api_metrics"]
    assert llm["total_tokens_used"] == llm["prompt_tokens"] + llm["completion_tokens"] > 0
    assert llm["total_cost_usd"] > 0


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["--turns", "0"], {}, "Invalid value for '--turns': 0 is not in the range 1<=x<=100000."),
        (["--port", "70000"], {}, "Invalid value for '--port': 70000 is not in the range 0<=x<=65535."),
        (["--nonsense"], {}, "No such option"),
        ([], {"METRICS_MAX_ENTRIES": "abc"}, "METRICS_MAX_ENTRIES='abc' is not allowed"),
        ([], {"HYDROCHAT_HOST": "192.0.2.1"}, "192.0.2.1 is not an address of this machine"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, environment, sentence):
    """A bad option, setting or address ends at once with a sentence and code 2."""
    result = run(*arguments, **environment)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_reported_before_anything_runs():
    """A port in use ends the demo before the workload, with a sentence and code 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("--port", str(port))
    assert result.returncode == 2
    assert f"Port {port} on 127.0.0.1 is taken by another program" in result.stderr


@pytest.fixture
def served():
    """A demo that has ended its workload and serves; yields the process and the printed addresses."""
    process = subprocess.Popen([*COMMAND, "--turns", "4", "--port", "0"], stderr=subprocess.PIPE, text=True)
    printed = {}
    for line in process.stderr:
        if match := re.search(r"(\d+) operations? over the threshold", line):
            printed["slow"] = int(match[1])
        assert "[PERFORMANCE]" not in line
        if match := re.match(r"  (page|metrics|export|health|token) +(\S+)", line):
            printed[match[1]] = match[2]
        if "Ctrl-C" in line:
            break
    yield process, printed
    process.kill()
    process.wait()
    process.stderr.close()


def fetch(url, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
        return response.status, response.read().decode()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_what_it_printed_and_ends_on_a_signal(served, how):
    """The printed addresses answer with the printed token, slow ones are a count; a signal ends it with 0."""
    process, printed = served
    assert printed.pop("slow") > 0
    assert printed.keys() == {"page", "metrics", "export", "health", "token"}
    token = printed["token"]
    validate(json.loads(fetch(printed["export"], token)[1]))
    assert "hydrochat_llm_tokens_total" in fetch(printed["metrics"], token)[1]
    assert fetch(printed["health"])[0] == 200
    assert "<table" in fetch(printed["page"].split("#")[0], token)[1]
    process.send_signal(how)
    assert process.wait(timeout=10) == 0


def test_an_interrupt_during_the_workload_ends_it():
    """Ctrl-C while turns are running ends the program with code 130, without a traceback."""
    process = subprocess.Popen([*COMMAND, "--port", "0"], stderr=subprocess.PIPE, text=True)
    first = process.stderr.readline()
    while "Running 60 conversation turns" not in first:
        first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=10)[1]
    assert (process.returncode, "Traceback" in rest) == (130, False)
