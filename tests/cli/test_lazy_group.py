"""Promises of the command line as a whole: what is listed, what is imported, and how a command exits."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from hydrochat_otel.cli import COMMANDS
from hydrochat_otel.cli.command_line import command_line
from hydrochat_otel.cli.exit_codes import ExitCode

HEAVY = (
    "opentelemetry.sdk.trace",
    "opentelemetry.sdk.metrics",
    "google.genai",
    "rich",
    "waitress",
    "orjson",
    "prometheus_client",
    "genai_prices",
)
LOADED = """
import json, os, sys
sys.argv[1:] = {arguments!r}
os.execl = lambda *words: sys.exit(0)
from hydrochat_otel.cli import main
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv[1:] = ["prices"]
from hydrochat_otel.cli import main
main()
"""


def loaded(*arguments):
    """Return the heavy packages that are imported when the command is about to end."""
    code = LOADED.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    modules = json.loads(done.stderr.splitlines()[-1])
    return {heavy for heavy in HEAVY for module in modules if module == heavy or module.startswith(f"{heavy}.")}


def test_help_lists_every_command_with_its_own_first_line():
    """The list is written without importing a command, and has each command's own first line."""
    shown = CliRunner().invoke(command_line, ["--help"]).output
    for name, line in COMMANDS.items():
        command = command_line.get_command(None, name)
        assert (command.get_short_help_str(200), f"{name} " in shown) == (line, True)


def test_help_imports_no_command():
    """``--help`` imports neither the SDK nor anything else that a command needs."""
    assert loaded("--help") == set()


def test_run_imports_no_sdk():
    """Before ``run`` starts the program it imports neither the SDK nor the endpoints."""
    assert loaded("run", "--", "true") == set()


@pytest.mark.parametrize("name", ["dashboards", "rules"])
def test_a_command_imports_only_what_it_needs(name):
    """A command that only copies files imports no SDK and no price book."""
    assert loaded(name, "--help") == set()


def test_an_unknown_command_is_one_sentence():
    """The exit code is that of every mistake in the input."""
    done = CliRunner().invoke(command_line, ["nonsense"])
    assert (done.exit_code, done.output.splitlines()[-1]) == (ExitCode.MISTAKE, "Error: No such command 'nonsense'.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("export",),
        ("prices",),
        ("run", "--", "true"),
        ("serve",),
        ("demo", "--once"),
    ],
)
def test_a_bad_setting_ends_every_command_alike(arguments):
    """One mistake has one sentence and one exit code, whatever the command is."""
    done = CliRunner().invoke(command_line, arguments, env={"METRICS_MAX_ENTRIES": "abc"})
    said = "Error: METRICS_MAX_ENTRIES='abc' is not allowed: it must be a whole number of at least 1.\n"
    assert (done.exit_code, done.stdout, done.stderr) == (ExitCode.MISTAKE, "", said)


@pytest.mark.parametrize("module", ["click", "hydrochat_otel.cli.lazy_group", "hydrochat_otel.cli.prices", "rich"])
def test_ctrl_c_while_it_imports_is_silent(module):
    """From the first line of ours on, Ctrl-C ends a command without a traceback, with the shells' exit code."""
    code = INTERRUPTED.format(module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", "")
