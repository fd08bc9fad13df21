"""Promises of ``hydrochat-otel doctor`` and ``manage.py hydrochat_doctor``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import TOKEN

from hydrochat_otel.cli.doctor import doctor
from hydrochat_otel.django.management.commands.hydrochat_doctor import Command
from hydrochat_otel.doctor.request import OPTIONS

HEALTHY = {"HYDROCHAT_METRICS_TOKEN": TOKEN, "OTEL_SERVICE_NAME": "chat", "HYDROCHAT_PORT": "0"}
SITE = Path(__file__).parent.parent / "auto" / "project"


@pytest.mark.parametrize(
    ("arguments", "environ", "code"),
    [
        ((), {}, 0),
        ((), {"HYDROCHAT_METRICS_TOKEN": ""}, 1),
        (("--strict",), {"HYDROCHAT_HOST": "0.0.0.0"}, 1),
        ((), {"HYDROCHAT_HOST": "0.0.0.0"}, 0),
        (("--url", "http://127.0.0.1:1"), {}, 1),
        (("--url", "http://127.0.0.1:1", "--", "true"), {}, 2),
    ],
)
def test_the_exit_code_is_for_scripts(arguments, environ, code):
    """0 without a problem, 1 with one, 2 for a wrong argument; warnings count if requested."""
    done = CliRunner().invoke(doctor, ["--no-calls", *arguments], env={**HEALTHY, **environ})
    assert done.exit_code == code, done.output


def test_a_finding_is_one_line_with_its_remedy_below():
    """Level, check and sentence are one line, and what to do is the next one."""
    done = CliRunner().invoke(doctor, ["--no-calls"], env={**HEALTHY, "HYDROCHAT_METRICS_TOKEN": ""})
    lines = done.output.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("problem  token "))
    assert lines[at + 1].strip().startswith("→ Set HYDROCHAT_METRICS_TOKEN")
    assert done.stderr == "Error: 1 problem found.\n"


def test_both_commands_have_the_same_options():
    """The management command takes every option of `hydrochat-otel doctor`, with the same help."""
    parser = Command().create_parser("manage.py", "hydrochat_doctor")
    there = {action.dest: action.help for action in parser._actions}
    here = {option.name: option.help for option in doctor.params if option.name != "command"}
    assert here.keys() == {option.name for option in OPTIONS}
    assert {name: there[name] for name in here} == here
    chosen = parser.parse_args(["--strict", "--no-calls", "--url", "here", "--", "serve", "--port", "0"])
    assert (chosen.strict, chosen.calls, chosen.url) == (True, False, "here")
    assert chosen.command == ["serve", "--port", "0"]


def test_json_has_every_finding():
    """With --json the findings are a list of objects, and nothing else is on the standard output."""
    done = CliRunner().invoke(doctor, ["--no-calls", "--json"], env=HEALTHY)
    found = json.loads(done.stdout)
    assert {"versions", "settings", "token", "state", "prices", "dashboards"} <= {one["check"] for one in found}
    assert {frozenset(one) for one in found} == {frozenset({"check", "level", "sentence", "cure"})}


@pytest.mark.parametrize(("token", "code"), [("token-of-the-settings-5678", 0), ("", 1)])
def test_the_django_command_reads_the_projects_settings(tmp_path, token, code):
    """The management command examines the settings of the project."""
    (tmp_path / "doctored.py").write_text(f"from own_settings import *\nHYDROCHAT_METRICS_TOKEN = {token!r} or None\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HYDROCHAT_", "OTEL_"))}
    environ |= {"DJANGO_SETTINGS_MODULE": "doctored", "PYTHONPATH": f"{SITE}{os.pathsep}{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "-m", "django", "hydrochat_doctor", "--json", "--no-calls"],
        env={**environ, "HYDROCHAT_PORT": "0"}, cwd=SITE, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    levels = {one["check"]: one["level"] for one in json.loads(done.stdout[done.stdout.index("[\n") :])}
    assert (levels["token"], done.returncode) == ("problem" if code else "ok", code), done.stderr
