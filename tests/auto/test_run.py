"""Promises of ``hydrochat-otel run`` itself; the command's processes are tested in :mod:`test_programs`."""

import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner
from running_command import PROGRAMS, PROJECT, environment, eventually, service

from hydrochat_otel.cli.run import run
from hydrochat_otel.testing import GeminiEmulator, Usage, answer, rate_limited

CLOSED = (
    "hydrochat-otel: Access is closed because no token is configured: set HYDROCHAT_METRICS_TOKEN to at least 16 "
    "characters.\n"
)
ELSEWHERE = (
    "OTEL_METRICS_EXPORTER=console sends the metrics elsewhere, so the page, the export and /metrics of "
    "hydrochat_otel have no port; add hydrochat to it, or set HYDROCHAT_SERVE to always or never.\n"
)
BY_PROMETHEUS = ELSEWHERE.replace("=console", "=console,prometheus").replace(
    "add hydrochat to it", "set it to hydrochat"
)
NO_CALLS = "hydrochat-otel: 0 calls, 0 tokens, $0\n"
SHOW = "import os, sys; print([os.environ.get(name) for name in sys.argv[1:]]); sys.exit(3)"


def command(*arguments, **more):
    return subprocess.run(
        [PROGRAMS / "hydrochat-otel", "run", *arguments],
        env=environment(**more), cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "said"),
    [
        ([], {}, 2, "There is no command: hydrochat-otel run -- python manage.py runserver"),
        (["--", "no-such-program"], {}, 127, "no-such-program does not exist, or is not executable."),
        (
            ["--port", "70000", "--", "true"],
            {},
            2,
            "'--port': 70000 is not in the range 0<=x<=65535.",
        ),
        (["--state", "sqlite://x", "--", "true"], {}, 2, "(hidden) is not allowed: it must be "),
        (["--", "true"], {"METRICS_MAX_ENTRIES": "abc"}, 2, "METRICS_MAX_ENTRIES='abc' is not allowed: it must be "),
    ],
)
def test_a_command_that_cannot_be_run_is_one_sentence(arguments, environ, code, said):
    """A mistake gives one sentence before anything is started, with the usual exit code."""
    done = CliRunner().invoke(run, arguments, env=environ)
    assert (done.exit_code, said in done.output.splitlines()[-1]) == (code, True), done.output


def test_without_the_package_that_it_needs(monkeypatch):
    """Without opentelemetry-instrumentation the error names what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation", None)
    done = CliRunner().invoke(run, ["--", "true"])
    said = 'Error: This needs opentelemetry-instrumentation: pip install "hydrochat-otel[auto]"\n'
    assert (done.exit_code, done.output) == (2, said)


def test_a_file_that_is_not_a_program(tmp_path):
    """A file that the system cannot run gives one sentence, and the exit code is a shell's."""
    file = tmp_path / "program"
    file.write_bytes(b"\x00")
    file.chmod(0o755)
    done = command("--", str(file))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (126, f"Error: Running {file} failed: Exec format error.")


def test_options_are_the_environment_of_the_command():
    """Host, port and state, the distro and the configurator reach the command, and its exit code is returned."""
    names = ("HYDROCHAT_HOST", "HYDROCHAT_PORT", "HYDROCHAT_STATE", "OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR")
    options = ("--host", "::1", "--port", "9999", "--state", "memory")
    done = command(*options, "--", "python", "-c", SHOW, *names, "--", "-x")
    shown = ["::1", "9999", "memory", "hydrochat", "hydrochat", None, None]
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{shown}\n", NO_CALLS)


def test_the_users_choices_are_kept():
    """A named distro and configurator are kept."""
    done = command("python", "-c", SHOW, "OTEL_PYTHON_DISTRO", OTEL_PYTHON_DISTRO="none", OTEL_SDK_DISABLED="true")
    assert (done.returncode, done.stdout) == (3, "['none']\n")


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("python", "script.py"), {}),
        (("bash", "-c", "python script.py"), {}),
        (("python", "script.py"), {"HYDROCHAT_METRICS_TOKEN": ""}),
    ],
)
def test_the_address_is_printed_by_the_process_that_has_it(tmp_path, words, environ):
    """The address, or why it is closed, is printed once the port is open, also behind a shell."""
    with service(tmp_path, *words, **environ) as running:
        where = f"hydrochat-otel: http://127.0.0.1:{running.own_port}, / for the page, /metrics for Prometheus.\n"
        expected = where + (CLOSED if environ else "")
        eventually(lambda: expected in running.output, "the address is printed")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"HYDROCHAT_SERVE": "never"}, ""),
        ({"OTEL_SDK_DISABLED": "true"}, ""),
        ({"OTEL_METRICS_EXPORTER": "console"}, ELSEWHERE),
        ({"OTEL_METRICS_EXPORTER": "console,prometheus"}, BY_PROMETHEUS),
        ({"OTEL_METRICS_EXPORTER": "console", "HYDROCHAT_SERVE": "never"}, ""),
    ],
)
def test_no_address_is_printed_without_endpoints(environ, said):
    """A process without endpoints prints no address, and says why unless the operator chose that."""
    done = command("--", "python", "script.py", **environ)
    ended = "" if "OTEL_SDK_DISABLED" in environ else NO_CALLS
    assert (done.returncode, done.stderr) == (0, said + ended)


def test_no_address_is_printed_for_a_port_that_is_taken(tmp_path):
    """A port of another program is named in one sentence, and no address is printed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with service(tmp_path, "python", "script.py", own_port=port) as running:
            eventually(lambda: f"Port {port} on 127.0.0.1 is taken" in running.output, "the sentence is there")
            assert "for the page" not in running.output


def test_the_last_line_is_what_was_counted():
    """When the command ends, calls, failures, tokens and dollars are one line, which a worker does not repeat."""
    with GeminiEmulator() as emulator:
        usage = Usage(prompt=1000, answer=200)
        emulator.script(answer("Hello", usage=usage), rate_limited(), answer("Hello", usage=usage))
        done = command("--", "python", "calls.py", emulator.base_url, HYDROCHAT_SERVE="never")
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr.splitlines()[-1:] == ["hydrochat-otel: 3 calls, 1 failed, 2 400 tokens, $0.000320"]


def test_signals_are_the_commands_own(tmp_path):
    """The command replaces this process, so that signals end it as usual."""
    with service(tmp_path, "python", "script.py") as running:
        eventually(lambda: "ready" in running.output, "the script runs")
        running.child.send_signal(signal.SIGTERM)
        assert running.child.wait(20) == -signal.SIGTERM
