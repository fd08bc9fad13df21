"""Promises of the examination of a command from inside."""

import json
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
from doctor.examined import environment

from hydrochat_otel.doctor import examination, process

DEADLINE_S = 30.0


def of_command(tmp_path, *words):
    """Return the levels of what is found about a command, by check."""
    return {one.check: str(one.level) for one in examination.of_command(environment(tmp_path), list(words))}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((sys.executable, "-c", "import google.genai"), {"command": "ok", "command-gemini": "ok"}),
        ((sys.executable, "-c", "pass"), {"command": "ok", "command-gemini": "note"}),
        (("true",), {"command": "problem"}),
    ],
)
def test_a_command_is_examined_from_inside(tmp_path, words, expected):
    """The process that the command becomes reports what is installed in it; a program without Python cannot."""
    found = of_command(tmp_path, *words)
    assert {check: found.get(check) for check in expected} == expected


@pytest.mark.real
def test_a_worker_that_a_server_forks_reports(tmp_path):
    """Under gunicorn the worker reports, which imports the application, and not the arbiter, which never does."""
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    (tmp_path / "served.py").write_text("import google.genai\n\ndef app(environ, start):\n    return []\n")
    found = of_command(
        tmp_path, sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "--pythonpath", str(tmp_path), "served:app"
    )
    assert (found["command"], found["command-port"], found["command-gemini"]) == ("ok", "ok", "ok")


def wait_for(file):
    deadline_s = time.monotonic() + DEADLINE_S
    while not file.exists() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return json.loads(file.read_text())


def test_a_process_that_imports_has_not_settled(tmp_path, monkeypatch):
    """No report is left while an import is under way, however long it takes; it is left soon after the import ends."""
    file = tmp_path / "report.json"
    module = ModuleType("slow_module")
    module.__spec__ = ModuleSpec("slow_module", None)
    module.__spec__._initializing = True
    monkeypatch.setitem(sys.modules, "slow_module", module)
    process._watch(file, {"role": "x"}, DEADLINE_S, quiet_s=0.05)
    time.sleep(0.3)
    assert not file.exists()
    module.__spec__._initializing = False
    assert wait_for(file)["role"] == "x"


def test_a_process_that_never_settles_reports_in_the_end(tmp_path, monkeypatch):
    """An import that never ends, because it runs a server, delays the report to its time limit only."""
    monkeypatch.setattr(process, "_is_importing", lambda: True)
    file = tmp_path / "report.json"
    process._watch(file, {"role": "x"}, 0.1)
    assert wait_for(file)["role"] == "x"


def test_without_a_request_nothing_is_started(tmp_path, monkeypatch):
    """A process that is not examined pays one look into its environment."""
    monkeypatch.setattr(process, "_watch", lambda *_, **__: pytest.fail("started"))
    process.report_soon({}, {})
