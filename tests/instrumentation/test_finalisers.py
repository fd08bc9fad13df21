"""Promise: unfinished work that is collected in a reference cycle crashes no process and is counted."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("finalisers.py")
ROOT = PROGRAM.parents[2]
ROUNDS = 400

ENDED = {
    "generator": "cancelled",
    "async_generator": "cancelled",
    "coroutine": "cancelled",
    "block": "cancelled",
    "finaliser of the host": "ok",
    "stream": "cancelled",
}


@pytest.fixture(scope="session", params=["3.11", "3.12", "3.13"])
def interpreter(request, tmp_path_factory):
    """A Python of the version with the package; the running one, or an environment that uv makes for it."""
    version = request.param
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    found = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
    python = str(found[-1]) if found else shutil.which(f"python{version}")
    uv = shutil.which("uv")
    if python is None or uv is None:
        pytest.skip(f"no Python {version}, or no uv that makes an environment for it")
    environment = tmp_path_factory.mktemp("environment") / version
    try:
        subprocess.run([uv, "venv", "-q", "-p", python, environment], check=True)
        made = str(environment / "bin" / "python")
        subprocess.run([uv, "pip", "install", "-q", "-p", made, ROOT], check=True, timeout=100)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"no environment for Python {version}: {type(error).__name__}")
    return made


@pytest.mark.real
@pytest.mark.parametrize("kind", ENDED)
def test_collected_work_crashes_nothing_and_is_counted(interpreter, kind):
    """Collections at any allocation of ours end unfinished work: no crash, no failure, each counted once everywhere."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [interpreter, PROGRAM, kind, str(ROUNDS)], env=environ, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # A generator of the host that holds a `with` block leaves its context where it began, with us or without.
    assert told.pop("nothing is current") or kind == "block"
    assert told == {"outcomes": [ENDED[kind]], "counted": ROUNDS, "failures": {}, "spans": ROUNDS}
