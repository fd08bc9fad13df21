"""Promises of :mod:`hydrochat_otel.runtime.later`."""

import ast
import os
import sys
import threading
import tomllib
from pathlib import Path

import pytest

import hydrochat_otel
from hydrochat_otel.runtime import later as module_under_test
from hydrochat_otel.runtime.later import later

PACKAGE = Path(hydrochat_otel.__file__).parent
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """The name of a module that cannot be imported to its end before an event is set; and the event."""
    (tmp_path / "slow_module.py").write_text("import sys\nsys.slow_began.set()\nsys.slow_goes_on.wait(30)\nvalue = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "slow_began", threading.Event(), raising=False)
    monkeypatch.setattr(sys, "slow_goes_on", threading.Event(), raising=False)
    yield "slow_module"
    sys.modules.pop("slow_module", None)


def test_a_module_is_imported_when_a_name_is_read(tmp_path, monkeypatch):
    """Making the stand-in imports nothing; each name is the module's own of that moment."""
    (tmp_path / "plain_module.py").write_text("value = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    stand_in = later("plain_module")
    assert "plain_module" not in sys.modules
    assert stand_in.value == 7
    monkeypatch.setattr(sys.modules["plain_module"], "value", 8)
    assert stand_in.value == 8
    with pytest.raises(AttributeError):
        _ = stand_in.nothing


def test_an_import_that_failed_is_repeated(tmp_path, monkeypatch):
    """The exception reaches the caller, and the next read imports again."""
    monkeypatch.syspath_prepend(str(tmp_path))
    stand_in = later("late_module")
    with pytest.raises(ModuleNotFoundError):
        _ = stand_in.value
    (tmp_path / "late_module.py").write_text("value = 7\n")
    __import__("importlib").invalidate_caches()
    assert stand_in.value == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_fork_waits_for_an_import_of_another_thread(slow):
    """A child that is forked during an import reads the module's names, and does not wait forever."""
    stand_in = later(slow)
    reader = threading.Thread(target=lambda: stand_in.value, daemon=True)
    reader.start()
    assert sys.slow_began.wait(30)
    threading.Timer(0.1, sys.slow_goes_on.set).start()
    pid = os.fork()
    if pid == 0:
        os._exit(7 if stand_in.value == 7 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    reader.join(30)


def modules_imported_later():
    """Yield the file and the name of every stand-in of the package."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "later":
                yield file.relative_to(PACKAGE).parts[0].removesuffix(".py"), ast.literal_eval(node.args[0])


def test_stand_ins_keep_the_layers():
    """A module that is imported later lies in the same room or below it, as the import rules ask of every import."""
    rules = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [[room.strip() for room in layer.split("|")] for layer in rules["contracts"][0]["layers"]]
    depth = {room: number for number, layer in enumerate(layers) for part in layer for room in part.split(" : ")}
    found = list(modules_imported_later())
    assert ("fleet", "hydrochat_otel.fleet.member") in found
    for room, name in found:
        package, _, rest = name.partition(".")
        if package == "hydrochat_otel":
            other = rest.partition(".")[0]
            assert other == room or depth[other] > depth[room], (room, name)
    assert module_under_test.__name__ == "hydrochat_otel.runtime.later"
