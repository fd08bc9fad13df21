"""Many scrapers and exporters at once under write load: are their answers whole, valid and monotonic? Prints JSON.

    python tests/benchmarks/concurrency.py [waitress|uvicorn] [clients] [seconds]

The service runs in a process of its own with threads that record operations all the time. Half of the clients scrape
(Prometheus text and OpenMetrics in turn, with and without gzip), the other half fetch the export. A client compares
each answer with its own one before: no counter may have fallen.
"""

import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from statistics import median
from typing import Any, Final

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed_text

TOKEN: Final = "token-of-the-benchmark-1234"
EXPORT: Final = "/api/hydrochat/metrics/export/"
OPENMETRICS: Final = "application/openmetrics-text;version=1.0.0"

SERVICE: Final = """
import sys, threading, time
import hydrochat_otel
from hydrochat_otel import track_response_time
hydrochat_otel.install(instrument_gemini=False)

def write(name):
    operations = [track_response_time(f"{name}_{number}") for number in range(5)]
    while True:
        for operation in operations:
            with operation:
                pass
        time.sleep(0.001)

for number in range(int(sys.argv[3])):
    threading.Thread(target=write, args=(f"writer_{'abcdefgh'[number % 8]}",), daemon=True).start()
if sys.argv[1] == "waitress":
    from hydrochat_otel.server import Server
    Server("127.0.0.1", int(sys.argv[2])).start()
    threading.Event().wait()
else:
    import uvicorn
    uvicorn.run("hydrochat_otel.web:asgi_app", port=int(sys.argv[2]), log_level="error")
"""


class Client:
    """One client that sends requests repeatedly on its own connection, and records what was wrong."""

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._number = number
        self._counters: dict[Any, float] = {}
        self.latencies_s: list[float] = []
        self.faults: list[str] = []
        self.bytes = 0

    def run(self, until_s: float) -> None:
        """Send requests until the time; never raises."""
        turn = self._number
        while time.monotonic() < until_s:
            turn += 1
            try:
                counters = self._export() if self._number % 2 else self._scrape(turn)
                fallen = [name for name, value in self._counters.items() if counters.get(name, -1.0) < value]
                if fallen:
                    self.faults.append(f"fell: {fallen[:3]}")
                self._counters.update(counters)
            except Exception as error:
                self.faults.append(f"{type(error).__name__}: {error}"[:200])

    def _get(self, path: str, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        started_s = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}", **headers})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        self.latencies_s.append(time.perf_counter() - started_s)
        self.bytes += len(body)
        found = {name.lower(): value for name, value in response.getheaders()}
        if response.status != 200 or int(found["content-length"]) != len(body):
            raise ValueError(f"status {response.status}, {len(body)} of {found.get('content-length')} bytes")
        return (gzip.decompress(body) if "content-encoding" in found else body), found

    def _scrape(self, turn: int) -> dict[Any, float]:
        headers = {
            "Accept": OPENMETRICS if turn % 4 < 2 else "text/plain",
            "Accept-Encoding": "gzip" if turn % 2 else "",
        }
        body, found = self._get("/metrics", headers)
        text = body.decode()
        openmetrics = found["content-type"].startswith("application/openmetrics-text")
        families = list((parsed_openmetrics if openmetrics else parsed_text)(text))
        counters: dict[Any, float] = {}
        for family in families:
            if family.type not in {"counter", "histogram"}:
                continue
            for sample in family.samples:
                if sample.name.endswith(("_total", "_count", "_bucket", "_sum")):
                    key = (sample.name, *sorted((name, _edge(name, value)) for name, value in sample.labels.items()))
                    if key in counters:
                        raise ValueError(f"twice: {key}")
                    counters[key] = sample.value
        if not any(name[0] == "hydrochat_operation_duration_seconds_count" for name in counters):
            raise ValueError("no operations in the scrape")
        return counters

    def _export(self) -> dict[Any, float]:
        body, _ = self._get(EXPORT, {})
        export = json.loads(body)
        retention, performance = export["retention_policy"], export["performance_metrics"]
        if retention["current_entries"] > retention["max_entries"]:
            raise ValueError("more entries than may be kept")
        if performance["metrics_count"] != retention["current_entries"]:
            raise ValueError("the sections are of two moments")
        # Time passes, and the window only fills.
        return {"timestamp": time.mktime(time.strptime(export["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")),
                "entries": retention["current_entries"]}  # fmt: skip


def _edge(name: str, value: str) -> object:
    return float(value) if name == "le" else value


def run(server: str = "waitress", *, clients: int = 64, seconds: float = 30, writers: int = 2) -> dict[str, Any]:
    """Run the load and return what was found; `faults` must be empty."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, server, str(port), str(writers)],
        env={**os.environ, "HYDROCHAT_METRICS_TOKEN": TOKEN},
    )
    try:
        _wait_for(port, service)
        asking = [Client(port, number) for number in range(clients)]
        until_s = time.monotonic() + seconds
        threads = [threading.Thread(target=client.run, args=(until_s,)) for client in asking]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        recorded = max(
            sum(
                value
                for name, value in client._counters.items()
                if name[0] == "hydrochat_operation_duration_seconds_count"
            )
            for client in asking[::2]
        )
    finally:
        service.terminate()
        service.wait(30)
    latencies_s = sorted(latency_s for client in asking for latency_s in client.latencies_s)
    return {
        "server": server,
        "clients": clients,
        "seconds": seconds,
        "answers": len(latencies_s),
        "megabytes": round(sum(client.bytes for client in asking) / 1e6, 1),
        "recorded": round(recorded),
        "median_ms": round(median(latencies_s) * 1000, 1),
        "p99_ms": round(latencies_s[int(len(latencies_s) * 0.99)] * 1000, 1),
        "faults": [fault for client in asking for fault in client.faults][:20],
    }


def _wait_for(port: int, service: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if service.poll() is not None:
                raise SystemExit("The service ended before it listened.") from None
            time.sleep(0.05)
        else:
            # The first operations must exist before the first scrape.
            time.sleep(0.3)
            return


def main() -> None:
    """Run it as the command line says."""
    server, clients, seconds = (*sys.argv[1:], *("waitress", "64", "30")[len(sys.argv) - 1 :])
    found = run(server, clients=int(clients), seconds=float(seconds))
    print(json.dumps(found))
    if found["faults"]:
        raise SystemExit("Not every answer was whole, valid and monotonic.")


if __name__ == "__main__":
    main()
