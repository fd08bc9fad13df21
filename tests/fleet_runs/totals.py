"""The service's own numbers, read from each of its workers."""

import http.client
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from prometheus_client.parser import text_string_to_metric_families

from fleet_runs.services import TOKEN, Service

EXPORT: Final = "/telemetry/api/hydrochat/metrics/export/"
METRICS: Final = "/telemetry/metrics"
_ASKED_AT_MOST: Final = 20
_AUTHORIZATION: Final = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Totals:
    """The compared numbers of a worker: `calls` to `entries` from the export, then /metrics.

    `buckets` are the calls, operations and token measurements in the histograms' buckets.
    """

    calls: int
    successful: int
    tokens: int
    cost_usd: float
    entries: int
    llm_calls: float
    llm_tokens: float
    llm_cost: float
    operations: float
    gemini_calls: float
    token_measurements: float
    measured_tokens: float
    buckets: tuple[float, float, float]

    def differences(self, other: "Totals") -> str:
        """Return the names and values that differ."""
        mine, theirs = asdict(self), asdict(other)
        return ", ".join(f"{name} {mine[name]!r} / {theirs[name]!r}" for name in mine if mine[name] != theirs[name])


@dataclass(frozen=True)
class Settled:
    """The totals once nothing changes any more.

    Attributes:
        totals: Of one worker; equal to the others' if there are no faults.
        read_from: How many workers were read.
        faults: Sentences, if workers disagree or the totals keep changing.
        after_s: How long it took until they settled.
    """

    totals: Totals
    read_from: int
    faults: tuple[str, ...]
    after_s: float


class Reader:
    """One connection to each worker; closed when the `with` ends."""

    def __init__(self, service: Service) -> None:
        self._port = service.port
        self.connections: dict[int, http.client.HTTPConnection] = {}
        wanted = service.worker_pids()
        for _ in range(_ASKED_AT_MOST):
            self._open(len(wanted) * 2)
            if wanted <= self.connections.keys():
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.connections.values():
            connection.close()

    def _open(self, count: int) -> None:
        # At once: a busy worker leaves the next connection to another one.
        with ThreadPoolExecutor(count) as threads:
            for pid, connection in threads.map(lambda _: self._identified(), range(count)):
                if pid and pid not in self.connections:
                    self.connections[pid] = connection
                else:
                    connection.close()

    def _identified(self) -> tuple[int, http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        with suppress(OSError, http.client.HTTPException):
            return json.loads(_get(connection, "/pid"))["pid"], connection
        return 0, connection

    def totals(self) -> dict[int, Totals | str]:
        """Return each worker's totals by its process id; a sentence if they cannot be read."""
        return {pid: _totals_of(connection) for pid, connection in self.connections.items()}

    def entries(self, limit: int) -> list[Mapping[str, Any]]:
        """Return all entries of the window, page by page, each page from the next worker."""
        connections = list(self.connections.values())
        entries: list[Mapping[str, Any]] = []
        cursor = ""
        for number in range(1000 // limit + 2):
            asked = f"{EXPORT}?limit={limit}{cursor and f'&cursor={cursor}'}"
            export = json.loads(_get(connections[number % len(connections)], asked))
            entries += export["entries"]
            cursor = export["page"]["next_cursor"]
            if cursor is None:
                break
        return entries


def _get(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path, headers=_AUTHORIZATION)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise http.client.HTTPException(f"{path} is answered with {response.status}")
    return body


def _totals_of(connection: http.client.HTTPConnection) -> Totals | str:
    try:
        return read(connection)
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"


def read(connection: http.client.HTTPConnection) -> Totals:
    """Return the totals of one worker."""
    export = json.loads(_get(connection, EXPORT))
    sums = _sums(_get(connection, METRICS).decode())
    llm = export["llm_api_metrics"]
    histograms = (
        "hydrochat_operation_duration_seconds",
        "gen_ai_client_operation_duration_seconds",
        "gen_ai_client_token_usage",
    )
    return Totals(
        calls=llm["total_calls"],
        successful=llm["successful_calls"],
        tokens=llm["total_tokens_used"],
        cost_usd=llm["total_cost_usd"],
        entries=export["retention_policy"]["current_entries"],
        llm_calls=sums.get("hydrochat_llm_calls_total", 0.0),
        llm_tokens=sums.get("hydrochat_llm_tokens_total", 0.0),
        llm_cost=round(sums.get("hydrochat_llm_cost_total", 0.0), 9),
        operations=sums.get("hydrochat_operation_duration_seconds_count", 0.0),
        gemini_calls=sums.get("gen_ai_client_operation_duration_seconds_count", 0.0),
        token_measurements=sums.get("gen_ai_client_token_usage_count", 0.0),
        measured_tokens=sums.get("gen_ai_client_token_usage_sum", 0.0),
        buckets=tuple(sums.get(f"{name}:last", 0.0) for name in histograms),  # type: ignore[arg-type]  # three names
    )


def _sums(text: str) -> dict[str, float]:
    """Return each sample summed over its labels, and for histograms the count of the highest bucket as `NAME:last`."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name
            if name.endswith("_bucket"):
                if sample.labels["le"] != "+Inf":
                    continue
                name = f"{family.name}:last"
            sums[name] = sums.get(name, 0.0) + sample.value
    return sums


def settled(service: Service, publish_interval_s: float, patience_s: float) -> Settled:
    """Read from every worker until nothing has changed for more than two publish intervals, or the time is up.

    Raises:
        AssertionError: No worker has totals.
    """
    started_s = same_since_s = time.monotonic()
    with Reader(service) as reader:
        before = reader.totals()
        while time.monotonic() - started_s < patience_s:
            time.sleep(publish_interval_s / 2)
            now = reader.totals()
            if now != before or len(set(now.values())) > 1 or not _some(now):
                before, same_since_s = now, time.monotonic()
            elif time.monotonic() - same_since_s > 2.2 * publish_interval_s:
                return Settled(_some(now)[0], len(now), (), same_since_s - started_s)
    totals = _some(before)
    if not totals:
        raise AssertionError(f"no worker tells its totals: {before}")
    faults = [
        f"workers disagree: {other if isinstance(other, str) else totals[0].differences(other)}"
        for other in before.values()
        if other != totals[0]
    ]
    return Settled(
        totals[0],
        len(before),
        tuple(faults) or (f"the totals still change after {patience_s:g} s",),
        time.monotonic() - started_s,
    )


def _some(found: Mapping[int, Totals | str]) -> list[Totals]:
    return [totals for totals in found.values() if isinstance(totals, Totals)]
