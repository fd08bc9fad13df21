"""A real Prometheus that scrapes a service whose workers answer in turn, as behind a load balancer."""

import http.client
import math
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import dropwhile, pairwise
from pathlib import Path
from typing import Any, Final, Self

from stack.servers import Prometheus, eventually

from fleet_runs.services import TOKEN

SCRAPE_INTERVAL_S: Final = 0.5
_COUNTER_ENDINGS: Final = ("_total", "_count", "_sum", "_bucket")
_PASSED_ON: Final = ("Accept", "Accept-Encoding", "Authorization")


class Relay:
    """Forwards each scrape over a new connection: Prometheus would keep its own one, to one worker, forever.

    Attributes:
        answered_by: Scrapes by the worker that answered.
        failures: Failed scrapes, by status or class of the exception; Prometheus may have cancelled others.
        slowest_s: The longest that one took.
    """

    def __init__(self, target_port: int) -> None:
        relay = self
        self.answered_by: Counter[int] = Counter()
        self.failures: Counter[str] = Counter()
        self.slowest_s = 0.0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
                status, answer_headers, body = relay.fetch(target_port, self.path, headers)
                with suppress(ConnectionError):  # Prometheus did not wait, or ends
                    self.send_response(status)
                    for name, value in answer_headers:
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    def fetch(self, port: int, path: str, headers: dict[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        started_s = time.monotonic()
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                connection.request("GET", path, headers=headers)
                response = connection.getresponse()
                body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.failures[type(error).__name__] += 1
            return 502, [], b""
        self.slowest_s = max(self.slowest_s, time.monotonic() - started_s)
        if response.status == 200:
            self.answered_by[int(response.headers["X-Pid"])] += 1
        else:
            self.failures[str(response.status)] += 1
        kept = ("content-type", "content-encoding")
        return response.status, [(name, value) for name, value in response.getheaders() if name.lower() in kept], body

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True)
class Seen:
    """What Prometheus collected in the whole run.

    Attributes:
        last: The newest value of each metric, summed over its series.
        scrapes: How many there were.
        failed_scrapes: How many of them failed.
        faults: Sentences about counters that fell, or were missing at times.
    """

    last: dict[str, float]
    scrapes: int
    failed_scrapes: int
    faults: tuple[str, ...]


class Observer(Prometheus):
    """The Prometheus; it is started before the load and queried after it."""

    def __init__(self, directory: Path, program: str, port: int, scrape_interval_s: float = SCRAPE_INTERVAL_S) -> None:
        job = {
            "job_name": "fleet",
            "metrics_path": "/telemetry/metrics",
            "authorization": {"credentials": TOKEN},
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
        interval = f"{scrape_interval_s * 1000:g}ms"
        scraping = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": "10s"}
        super().__init__(directory, program, {"global": scraping, "scrape_configs": [job]})
        self._started_s = time.monotonic()

    def wait_for_a_scrape(self) -> None:
        """Return when the first one has succeeded."""
        eventually(lambda: any(float(row["value"][1]) for row in self.instant("up")), "Prometheus has scraped")

    def seen(self) -> Seen:
        """Return the collected data; scrapes before the service had started do not count."""
        ups = [(at_s, float(value) == 1) for at_s, value in self._raw("up")[0]["values"]]
        ups = list(dropwhile(lambda up: not up[1], ups))
        scraped_at = {at_s for at_s, good in ups if good}
        last: dict[str, float] = {}
        faults: list[str] = []
        for name in self.api("label/__name__/values"):
            if name.endswith(_COUNTER_ENDINGS):
                every = [[(at_s, float(value)) for at_s, value in series["values"]] for series in self._raw(name)]
                last[name] = sum(values[-1][1] for values in every)
                resets = sum(float(row["value"][1]) for row in self.instant(f"resets({name}[{self._window()}])"))
                faults += _faults(name, every, scraped_at, resets)
        return Seen(last, len(ups), len(ups) - len(scraped_at), tuple(faults))

    def _window(self) -> str:
        return f"{math.ceil(time.monotonic() - self._started_s) + 5}s"

    def _raw(self, name: str) -> list[dict[str, Any]]:
        return self.instant(f'{name}{{job="fleet"}}[{self._window()}]')


def _faults(name: str, every: list[list[tuple[float, float]]], scraped_at: set[float], resets: float) -> list[str]:
    """Return where a series of a counter fell, or was missing in a successful scrape after its first one."""
    fallen = [
        f"{before:.17g} to {value:.17g}"
        for values in every
        for (_, before), (_, value) in pairwise(values)
        if value < before
    ]
    missing = [at_s for values in every for at_s in scraped_at - {at_s for at_s, _ in values} if at_s > values[0][0]]
    return [
        *([f"{name} fell {len(fallen)} times (resets() = {resets:g}), once from {fallen[0]}"] if fallen else []),
        *([f"resets({name}) = {resets:g}"] if resets and not fallen else []),
        *([f"{name} is missing in {len(set(missing))} good scrapes"] if missing else []),
    ]
