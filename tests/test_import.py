"""Promises of an import: it reads code, and does nothing else that the documentation does not state."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import hydrochat_otel

PROGRAM = Path(__file__).with_name("importing.py")
IN_DJANGO_ONLY = {"hydrochat_otel.django", "hydrochat_otel.django.rest", "hydrochat_otel.django.urls"}


def imported(*modules):
    """Import the modules in a new process; return what that did."""
    done = subprocess.run(
        [sys.executable, "-P", PROGRAM, *modules], capture_output=True, text=True, check=True, timeout=240
    )
    return json.loads(done.stdout)


def test_the_import_of_the_package_only_reads_code():
    """No file, socket, process or thread, also none of a library's, and no handler is changed."""
    did = imported("hydrochat_otel")
    assert (did["deeds"], did["threads"], did["changed"]) == ([], 1, False)


@pytest.mark.timeout(300)
def test_the_import_of_the_public_modules_starts_nothing():
    """Libraries that they need may read files of their own; our code opens nothing and starts nothing."""
    did = imported(*sorted(set(hydrochat_otel.PUBLIC_MODULES) - IN_DJANGO_ONLY))
    assert (did["ours"], did["threads"], did["changed"]) == ([], 1, False)


def test_the_check_sees_what_an_import_does(tmp_path):
    """A module that opens a file, a socket and a thread is found out: the tests above can fail."""
    package = tmp_path / "hydrochat_otel_like" / "hydrochat_otel"
    package.mkdir(parents=True)
    (package / "busy.py").write_text(
        "import signal, socket, threading, time\n"
        "open('/dev/null').close()\n"
        "socket.socket().close()\n"
        "threading.Thread(target=time.sleep, args=(1,), daemon=True).start()\n"
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
    )
    program = f"import sys; sys.path[:0] = [{str(package)!r}, {str(PROGRAM.parent)!r}]; import importing"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; importing.main('busy')"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    did = json.loads(done.stdout)
    assert {name for name, *_ in did["ours"]} >= {"open", "socket.__new__"}
    assert (did["threads"], did["changed"]) == (2, True)
