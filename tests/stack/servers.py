"""Real programs on free ports of loopback, and the demo that they read."""

import json
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from conftest import TOKEN
from ports import free_port

from hydrochat_otel.demo.workload import run_workload

START_WITHIN_S = 30.0

TIME_SCALE = 0.02
"""The factor on all waiting of the demo."""


def get(url: str, accept: str = "*/*", **parameters: Any) -> bytes:
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url + query, headers={"Accept": accept}), timeout=10) as answer:
        return answer.read()


def eventually(check, what: str, within_s: float = START_WITHIN_S) -> Any:
    """Return the first true result of the check; fail after the time limit."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        with suppress(OSError, urllib.error.URLError):
            if result := check():
                return result
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {within_s:g} s")


class Program:
    """A program that runs until the `with` ends; its output goes to a file, which a failure quotes."""

    def __init__(self, directory: Path, *command: str, ready_url: str, **environment: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._log = directory / "output.log"
        self._command = command
        self._directory = directory
        self._environment = environment or None
        self._ready_url = ready_url

    def __enter__(self):
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._directory, stdout=log, stderr=log, env=self._environment
            )
        try:
            eventually(self._is_ready, f"{self._command[0]} is ready")
        except AssertionError as error:
            self.__exit__()
            raise AssertionError(f"{error}\n{self.output()}") from None
        return self

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, f"{self._command[0]} ended: {self.output()}"
        return bool(get(self._ready_url) or True)

    def output(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Prometheus(Program):
    """A Prometheus with the given configuration, which scrapes and evaluates every second."""

    def __init__(self, directory: Path, program: str, config: dict[str, Any]) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        directory.mkdir(parents=True, exist_ok=True)
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}, **config}
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        super().__init__(
            directory,
            program,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
            ready_url=f"{self.url}/-/ready",
        )

    def api(self, path: str, **parameters: Any) -> Any:
        try:
            answer = json.loads(get(f"{self.url}/api/v1/{path}", **parameters))
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None
        assert answer["status"] == "success"
        return answer["data"]

    def instant(self, query: str) -> list[dict[str, Any]]:
        return self.api("query", query=query)["result"]

    def over_time(self, query: str, seconds: int) -> list[dict[str, Any]]:
        now_s = time.time()
        return self.api("query_range", query=query, start=now_s - seconds, end=now_s, step="1s")["result"]

    def sums(self, query: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return the values of an instant query by labels."""
        return {
            tuple(series["metric"].get(name, "") for name in labels): float(series["value"][1])
            for series in self.instant(query)
        }


def scrape_app(port: int, job: str = "hydrochat") -> dict[str, Any]:
    """Return the scrape job of an application on loopback."""
    return {
        "job_name": job,
        "authorization": {"credentials": TOKEN},
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
    }


class Webhook:
    """A receiver of Alertmanager's notifications."""

    def __init__(self) -> None:
        received: list[dict[str, Any]] = []
        self.received = received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def alerts(self, name: str, status: str) -> list[dict[str, Any]]:
        """Return the received alerts with that name and status."""
        return [
            alert
            for message in list(self.received)
            for alert in message["alerts"]
            if alert["labels"]["alertname"] == name and alert["status"] == status
        ]


class Talking:
    """The demo's workload, repeated with other seeds, until the `with` ends."""

    def __init__(self, base_url: str, *, turns: int = 24, time_scale: float = TIME_SCALE) -> None:
        self._base_url = base_url
        self._turns = turns
        self._time_scale = time_scale
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def _talk(self) -> None:
        seed = 1
        try:
            while not self._stop.wait(0.2):
                run_workload(self._base_url, turns=self._turns, seed=seed, time_scale=self._time_scale)
                seed += 1
        except BaseException as error:
            self._failure = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)
        if self._failure is not None:
            raise self._failure
