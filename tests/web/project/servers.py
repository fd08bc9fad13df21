"""Servers in processes of their own, and a client that returns exactly the bytes on the wire."""

import contextlib
import http.client
import os
import subprocess
import sys
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
    child = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", **environ},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    host = Host(port, prefix)
    try:
        deadline_s = time.monotonic() + 60
        while True:
            try:
                host.ask()
                break
            except OSError:
                if child.poll() is not None or time.monotonic() > deadline_s:
                    child.kill()
                    raise AssertionError(f"{arguments} did not listen:\n{child.communicate()[0].decode()}") from None
                time.sleep(0.05)
        yield host
    finally:
        child.terminate()
        try:
            child.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise
