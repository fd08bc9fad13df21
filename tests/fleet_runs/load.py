"""Traffic: clients that send requests at a steady pace and record the result of every request."""

import http.client
import json
import threading
import time
from collections.abc import Iterable, Sequence
from statistics import quantiles
from typing import Final, NamedTuple, Self

TIMEOUT_S: Final = 15.0
REQUESTS_OF_A_CONNECTION: Final = 10
"""Then a new connection is opened, so that all workers get requests, whichever accepted first."""


class Turn(NamedTuple):
    """One request. Times are of the monotonic clock, `end_unix_s` of the other; `status` is 0 without an answer.

    `pid` is that of the worker that answered, 0 without one; `failure` is the class of the exception.
    """

    start_s: float
    end_s: float
    end_unix_s: float
    status: int
    pid: int = 0
    trace_id: str = ""
    failure: str = ""

    @property
    def answered(self) -> bool:
        return self.status == 200

    @property
    def latency_s(self) -> float:
        return self.end_s - self.start_s


class Load:
    """Clients in threads, from :meth:`start` to :meth:`stop`; their requests are in :attr:`turns`.

    Each client sends at most `pace_hz` requests a second, one at a time, and never sends one twice. A refused
    connection carried no request and is only counted in :attr:`refused`.
    """

    def __init__(self, port: int, *, clients: int = 8, pace_hz: float = 15.0) -> None:
        self.clients = clients
        self.refused = 0
        self._port = port
        self._period_s = 1 / pace_hz
        self._turns: list[Turn] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait until every client has finished its current request."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def turns(self) -> Sequence[Turn]:
        return tuple(self._turns)

    def busiest(self, among: Iterable[int], within_s: float = 2.0) -> int:
        """Return which of the processes answered most recently."""
        since_s = time.monotonic() - within_s
        recent = [turn.pid for turn in self.turns if turn.end_s >= since_s]
        return max(sorted(among), key=recent.count)

    def _run(self, number: int) -> None:
        due_s = time.monotonic() + self._period_s * number / self.clients
        connection: http.client.HTTPConnection | None = None
        left = REQUESTS_OF_A_CONNECTION * (number + 1) // self.clients
        while not self._stop.wait(max(0.0, due_s - time.monotonic())):
            # Missed turns are skipped, so that clients that waited for the same event do not send in step.
            missed = max(0.0, time.monotonic() - due_s) // self._period_s
            due_s += (missed + 1) * self._period_s
            if connection is None:
                connection = self._connected()
                if connection is None:
                    continue
            turn = _asked(connection)
            self._turns.append(turn)
            left -= 1
            if turn.failure or left <= 0 or connection.sock is None:
                connection.close()
                connection, left = None, REQUESTS_OF_A_CONNECTION
        if connection is not None:
            connection.close()

    def _connected(self) -> http.client.HTTPConnection | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        try:
            connection.connect()
        except OSError:
            self.refused += 1
            return None
        return connection


def _asked(connection: http.client.HTTPConnection) -> Turn:
    start_s = time.monotonic()
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return Turn(start_s, time.monotonic(), time.time(), 0, failure=type(error).__name__)
    end_s, end_unix_s = time.monotonic(), time.time()
    if response.status != 200:
        return Turn(start_s, end_s, end_unix_s, response.status)
    content = json.loads(body)
    return Turn(start_s, end_s, end_unix_s, response.status, content["pid"], content["trace_id"])


def percentiles_ms(turns: Iterable[Turn]) -> tuple[float, float]:
    """Return the median and the 99th percentile of the answered turns in milliseconds; zeros if there are none."""
    latencies_ms = [turn.latency_s * 1000 for turn in turns if turn.answered]
    if len(latencies_ms) < 2:
        return 0.0, 0.0
    cuts = quantiles(latencies_ms, n=100)
    return cuts[49], cuts[98]
