"""Requests a second of a metrics endpoint beside prometheus_client's server, and how it delays an event loop.

The server and its clients are processes of their own. A client keeps its connection if the server does. Both servers
show the same histogram series; ours also shows its own metrics. A third server answers with constant bytes of the same
size: what remains above it is the cost of our answers, and below it that of waitress.
"""

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.measuring import Row

_TOKEN = "token-of-the-benchmark-1234"
_RECORD = """
import asyncio, sys, time
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider

def record(series):
    histogram = metrics.get_meter("benchmark").create_histogram("work.duration", "s", "x",
        explicit_bucket_boundaries_advisory=[.01 * 2**n for n in range(14)])
    for number in range(series):
        for value in (.003, .03, .3):
            histogram.record(value, {"operation": f"operation-{number}", "model": "gemini-2.5-flash"})

async def lag(seconds):
    worst = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.monotonic()
        await asyncio.sleep(0.001)
        worst.append(time.monotonic() - before - 0.001)
    worst.sort()
    print(worst[int(len(worst) * 0.999)] * 1e3, flush=True)
"""
_OURS = """
import hydrochat_otel
from hydrochat_otel.server import Server
hydrochat_otel.install(instrument_gemini=False, state="memory", metrics_token=TOKEN)
record(int(sys.argv[1]))
server = Server("127.0.0.1", 0)
server.start()
print(server.port, flush=True)
"""
_THEIRS = """
from opentelemetry.exporter.prometheus import PrometheusMetricReader
import prometheus_client
for collector in list(prometheus_client.REGISTRY._collector_to_names):
    prometheus_client.REGISTRY.unregister(collector)
metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()]))
record(int(sys.argv[1]))
server, thread = prometheus_client.start_http_server(0, "127.0.0.1")
print(server.server_port, flush=True)
"""
_CONSTANT = """
from hydrochat_otel.server import Server
from hydrochat_otel.web import Response

body = b"x" * SIZE
response = Response(200, (("Content-Type", "text/plain"), ("Content-Length", str(len(body)))), body)
server = Server("127.0.0.1", 0, respond=lambda _: response)
server.start()
print(server.port, flush=True)
"""
_REQUEST = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {_TOKEN}\r\n\r\n".encode()


class Service:
    """One server in a process of its own."""

    def __init__(self, code: str, series: int) -> None:
        program = f"TOKEN = {_TOKEN!r}\n{_RECORD}{code}\nfor line in sys.stdin:\n    asyncio.run(lag(float(line)))\n"
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", program, str(series)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def lag_ms(self, seconds: float, clients: int) -> float:
        """Return the 99.9th percentile of an event loop's lag in the process while it is scraped."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        rate(self.port, clients, seconds)
        return float(self._process.stdout.readline())

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


class _Client:
    """One connection at a time, on which one request after the other is sent; nothing in it blocks."""

    def __init__(self, port: int, selector: selectors.BaseSelector) -> None:
        self._port = port
        self._selector = selector
        self.answers = 0
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.connect_ex(("127.0.0.1", self._port))
        self._selector.register(self._socket, selectors.EVENT_WRITE, self)

    def step(self) -> None:
        """Send the request on a new connection, or take what has arrived of the answer."""
        if self._selector.get_key(self._socket).events == selectors.EVENT_WRITE:
            self._selector.modify(self._socket, selectors.EVENT_READ, self)
            self._ask()
            return
        try:
            data = self._socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        self._received += data
        if not self._wanted and (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            assert b" 200 " in head.splitlines()[0], head
            begins = head.find(b"content-length: ")
            self._wanted = end + 4 + int(head[begins + 16 :].split(b"\r\n")[0])
            self._closes = head.startswith(b"http/1.0")
        is_whole = 0 < self._wanted <= len(self._received)
        self.answers += is_whole
        if not data or (is_whole and self._closes):
            self._selector.unregister(self._socket)
            self._socket.close()
            self._connect()
        elif is_whole:
            self._ask()

    def _ask(self) -> None:
        self._received, self._wanted, self._closes = bytearray(), 0, False
        self._socket.sendall(_REQUEST)


def rate(port: int, clients: int, seconds: float) -> float:
    """Return the answers a second to so many clients that ask all the time."""
    with selectors.DefaultSelector() as selector:
        every = [_Client(port, selector) for _ in range(clients)]
        started_s = time.monotonic()
        while (now_s := time.monotonic()) < started_s + seconds:
            for key, _ in selector.select(0.1):
                key.data.step()
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr] # sockets only
        return sum(client.answers for client in every) / (now_s - started_s)


def size(port: int) -> int:
    """Return the bytes of one answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(_REQUEST)
        head = connection.recv(1 << 16).lower()
    return int(head.split(b"content-length: ")[1].split(b"\r\n")[0])


def rows(seconds: float = 0.6, rounds: int = 3) -> Iterator[Row]:
    """Yield every row; the rates are medians of some rounds in which the servers take turns."""
    for series, target in ((10, 10.0), (100, 15.0)):
        ours, theirs = Service(_OURS, series), Service(_THEIRS, series)
        constant = Service(f"SIZE = {size(ours.port)}\n{_CONSTANT}", series)
        services = (theirs, ours, constant)
        try:
            for clients in (1, 8, 64):
                measured = [[rate(one.port, clients, seconds) for one in services] for _ in range(rounds)]
                of_theirs, of_ours, of_constant = (round(median(rates)) for rates in zip(*measured, strict=True))
                what = f"requests a second, {series} series, {clients} connections"
                yield Row(what, "start_http_server", of_ours, of_theirs, target, "/s", more_is_better=True)
                yield Row(
                    f"{what}: constant bytes by our server", "start_http_server",
                    of_constant, of_theirs, None, "/s", more_is_better=True,
                )  # fmt: skip
            if series == 100:
                lags = [service.lag_ms(5 * seconds, 1) for service in (theirs, ours)]
                yield Row(
                    "event-loop lag while scraped, p99.9", "start_http_server",
                    round(lags[1], 2), round(lags[0], 2), 0.25, "ms",
                )  # fmt: skip
        finally:
            for service in services:
                service.end()


def main() -> None:
    """Print the rows."""
    for row in rows():
        print(row.what, row.ours, row.theirs, row.ratio, row.is_reached)


if __name__ == "__main__":
    sys.path.insert(0, os.fspath(Path(__file__).parent.parent))
    main()
