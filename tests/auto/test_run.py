"""Promises of ``hydrochat-otel run`` itself; what becomes of the command is in :mod:`test_programs`."""

import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from running_command import PROGRAMS, PROJECT, environment, eventually, service

from hydrochat_otel.cli.run import run

CLOSED = (
    "hydrochat-otel: Access is closed because no token is configured: set HYDROCHAT_METRICS_TOKEN to at least 16 "
    "characters.\n"
)
WHERE = "hydrochat-otel: http://127.0.0.1:9464, / for the page, /metrics for Prometheus.\n"
SHOW = "import os, sys; print([os.environ.get(name) for name in sys.argv[1:]]); sys.exit(3)"


def command(*arguments, **more):
    return subprocess.run(
        [PROGRAMS / "hydrochat-otel", "run", *arguments],
        env=environment(**more), cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "said"),
    [
        ([], {}, 2, "There is no command: hydrochat-otel run -- python manage.py runserver"),
        (["--", "no-such-program"], {}, 127, "no-such-program is not found, or not executable."),
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
def test_what_cannot_be_run_is_one_sentence(arguments, environ, code, said):
    """A mistake is told in one sentence before anything is started, with the exit code that it has elsewhere."""
    done = CliRunner().invoke(run, arguments, env=environ)
    assert (done.exit_code, said in done.output.splitlines()[-1]) == (code, True), done.output


def test_without_the_package_that_it_needs(monkeypatch):
    """Where opentelemetry-instrumentation is not installed, it says what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation", None)
    done = CliRunner().invoke(run, ["--", "true"])
    said = 'Error: This needs opentelemetry-instrumentation: pip install "hydrochat-otel[auto]"\n'
    assert (done.exit_code, done.output) == (1, said)


def test_a_file_that_is_no_program(tmp_path):
    """What the system cannot run is one sentence, and the exit code is a shell's."""
    file = tmp_path / "program"
    file.write_bytes(b"\x00")
    file.chmod(0o755)
    done = command("--", str(file))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (126, f"Error: {file} cannot be run: Exec format error.")


def test_options_are_the_environment_of_the_command():
    """Host, port and state, the distro and the configurator reach the command, and its exit code comes back."""
    names = ("HYDROCHAT_HOST", "HYDROCHAT_PORT", "HYDROCHAT_STATE", "OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR")
    options = ("--host", "::1", "--port", "9999", "--state", "memory")
    done = command(*options, "--", "python", "-c", SHOW, *names, "--", "-x")
    shown = ["::1", "9999", "memory", "hydrochat", "hydrochat", None, None]
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{shown}\n", "")


def test_what_the_user_chose_stays():
    """A distro and a configurator that are named are kept."""
    done = command("python", "-c", SHOW, "OTEL_PYTHON_DISTRO", OTEL_PYTHON_DISTRO="none", OTEL_SDK_DISABLED="true")
    assert (done.returncode, done.stdout) == (3, "['none']\n")


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        ((), {}, WHERE),
        ((), {"HYDROCHAT_METRICS_TOKEN": ""}, WHERE + CLOSED),
        (("--host", "::1", "--port", "1"), {}, WHERE.replace("127.0.0.1:9464", "[::1]:1")),
        (("--port", "0"), {}, WHERE.replace("http://127.0.0.1:9464", "a free port")),
        ((), {"HYDROCHAT_SERVE": "never"}, ""),
        ((), {"OTEL_METRICS_EXPORTER": "otlp"}, ""),
        ((), {"OTEL_METRICS_EXPORTER": "otlp,hydrochat"}, WHERE),
    ],
)
def test_it_says_where_the_endpoints_are(monkeypatch, arguments, environ, said):
    """The address is told where there will be one, and what keeps it closed."""
    monkeypatch.setattr("opentelemetry.instrumentation.auto_instrumentation.run", lambda: None)
    variables = {"HYDROCHAT_METRICS_TOKEN": "token-of-the-tests-1234", **environ}
    done = CliRunner().invoke(run, [*arguments, "--", "true"], env=variables)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", said)


def test_signals_are_the_commands_own(tmp_path):
    """The command takes the place of this process, so that a signal ends it as it does elsewhere."""
    with service(tmp_path, "python", "script.py") as running:
        eventually(lambda: "ready" in running.output, "the script runs")
        running.child.send_signal(signal.SIGTERM)
        assert running.child.wait(20) == -signal.SIGTERM
