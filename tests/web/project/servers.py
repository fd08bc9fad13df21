"""Servers in processes of their own, and a client that returns exactly the bytes on the wire."""

import contextlib
import http.client
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ports import free_port

PROJECT = Path(__file__).parent


@dataclass(frozen=True)
class Answer:
    """The response on the wire; header names in lower case."""

    status: int
    headers: dict
    body: bytes


@dataclass(frozen=True)
class Host:
    """A server that listens: its port and the prefix of the site."""

    port: int
    prefix: str = ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def ask(self, path="/healthz", headers=None, method="GET", body=b"", query=""):
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.putrequest(
                method, self.prefix + path + (f"?{query}" if query else ""), skip_accept_encoding=True
            )
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body or method == "POST":
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )


@contextlib.contextmanager
def running(*command, prefix="", **environ):
    """Run `python command`, where PORT is the port to listen on, until the block ends; it must stop on request."""
    port = free_port()
    arguments = [word.replace("PORT", str(port)) for word in command]
    # Into a file: a pipe that nothing reads is full after some hundred lines of an access log, and blocks the server.
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", **environ},
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _listening(child, Host(port, prefix), output)
        finally:
            child.terminate()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                raise


def _listening(child, host, output):
    """Return the host once it answers; fail with what the child wrote if it does not."""
    deadline_s = time.monotonic() + 60
    while True:
        try:
            host.ask()
        except OSError:
            if child.poll() is None and time.monotonic() < deadline_s:
                time.sleep(0.05)
                continue
            child.kill()
            child.wait()
            output.seek(0)
            raise AssertionError(f"{child.args} did not listen:\n{output.read().decode()}") from None
        return host
