"""Promise: unfinished work that is collected in a reference cycle crashes no process and is counted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import environments
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
    """A Python of the version with the package; the running one, or an environment with it."""
    python = environments.interpreter(request.param)
    if python is None:
        pytest.skip(f"Python {request.param} is missing: pyenv install {request.param}")
    if python == sys.executable:
        return python
    return environments.make(tmp_path_factory.mktemp("environment"), [str(ROOT)], python)


@pytest.mark.real
@pytest.mark.parametrize("kind", ENDED)
def test_collected_work_crashes_nothing_and_is_counted(interpreter, kind):
    """Collections at any allocation of ours end unfinished work: no crash, no failure, each counted once everywhere."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [interpreter, PROGRAM, kind, str(ROUNDS)], env=environ, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    recorded = json.loads(done.stdout)
    # A generator of the host that holds a `with` block leaves its context where it began, with us or without.
    assert recorded.pop("nothing is current") or kind == "block"
    assert recorded == {"outcomes": [ENDED[kind]], "counted": ROUNDS, "failures": {}, "spans": ROUNDS}
