"""Commands under ``hydrochat-otel run``, observed from outside."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from conftest import TOKEN
from ports import free_port

PROJECT = Path(__file__).parent / "project"
PROGRAMS = Path(sys.executable).parent
WITHIN_S = 40.0


def eventually(check, what):
    """Return the first true result of the check; fail after the time limit."""
    deadline_s = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline_s:
        with contextlib.suppress(OSError):
            if result := check():
                return result
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {WITHIN_S:g} s")


def get(port, path="/", token=None):
    """Return status and body over a connection of its own."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def listeners(port):
    """Return the ids of all processes that hold a socket listening on the port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) in sockets:
                found.add(int(link.parts[2]))
    return found


def threads(pid):
    """Return how many threads a process has."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


class Service:
    """A running command; `port` is where it should serve, `own_port` where the endpoints should be."""

    def __init__(self, child, port, own_port, log):
        self.child = child
        self.port = port
        self.own_port = own_port
        self._log = log

    @property
    def output(self):
        return self._log.read_text()

    def turns(self, count):
        """Send this many requests to the application, and return the ids of the processes that answered."""
        eventually(lambda: get(self.port)[0] == 200, "the application answers")
        return {int(get(self.port)[1]) for _ in range(count - 1)}

    def holder(self):
        """Return the one process that has our port."""
        eventually(lambda: get(self.own_port, "/healthz") == (200, '{"status":"ok"}\n'), "the endpoints are open")
        found = listeners(self.own_port)
        assert len(found) == 1, found
        return found.pop()

    def operations(self):
        """Return how often each operation was counted."""
        status, text = get(self.own_port, "/metrics", TOKEN)
        assert status == 200, text
        pairs = re.findall(r'^\w+_operation_duration_seconds_count{.*?operation="(\w+)".*} (\d+)', text, re.MULTILINE)
        return {name: int(count) for name, count in pairs}

    def exported(self):
        """Return the export's part about operations."""
        return json.loads(get(self.own_port, "/api/hydrochat/metrics/export/", TOKEN)[1])["performance_metrics"]


def environment(**more):
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HYDROCHAT_", "OTEL_"))},
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
        "HYDROCHAT_METRICS_TOKEN": TOKEN,
        **more,
    }


@contextlib.contextmanager
def service(tmp_path, *command, own_port=None, **more):
    """Run `hydrochat-otel run -- command` until the block ends, where PORT is the application's port."""
    port, own_port = free_port(), own_port or free_port()
    log = tmp_path / "output.log"
    with log.open("w") as output:
        child = subprocess.Popen(
            [PROGRAMS / "hydrochat-otel", "run", "--port", str(own_port), "--",
             *(word.replace("PORT", str(port)) for word in command)],
            cwd=PROJECT, env=environment(XDG_RUNTIME_DIR=str(tmp_path), **more), start_new_session=True,
            stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    running = Service(child, port, own_port, log)
    try:
        yield running
    except BaseException:
        print(running.output)
        raise
    finally:
        child.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(20)
