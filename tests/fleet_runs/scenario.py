"""One run: a service under load, the events during it, and the verdict."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from fleet.redis_servers import RedisServer
from ports import free_port

from fleet_runs import verdict
from fleet_runs.load import Load, Turn, percentiles_ms
from fleet_runs.observer import SCRAPE_INTERVAL_S, Observer, Relay, Seen
from fleet_runs.services import Service, Setup
from fleet_runs.totals import Reader, settled
from fleet_runs.verdict import Evidence, Kill
from hydrochat_otel.testing.emulator import GeminiEmulator
from hydrochat_otel.testing.replies import answer

Event = Literal["kill", "reload", "restart", "redis-restart", "redis-loss"]
"""An event: `kill -9` of a worker, a graceful reload, a restart of the whole service, a Redis that restarts with its
data, a Redis that is killed and restarts empty.
"""

State = Literal["auto", "memory", "sqlite", "redis"]

REDIS_AWAY_S: Final = 2.0
_STRAGGLERS_S: Final = 3.0
"""After a worker was replaced, requests to the old one may still be lost."""


@dataclass(frozen=True)
class Scenario:
    """A service and the times of its events, as fractions of the run."""

    setup: Setup
    state: State
    events: tuple[tuple[float, Event], ...] = ()

    @property
    def name(self) -> str:
        setup = self.setup
        words = [setup.server, str(setup.workers), *(["preload"] if setup.preload else []), self.state]
        return "-".join([*words, *(event for _, event in self.events)])

    @property
    def of_workers(self) -> "Scenario":
        """Return the part that does not depend on the plugin: the server, and the events of its workers."""
        events = tuple((fraction, event) for fraction, event in self.events if not event.startswith("redis"))
        return Scenario(self.setup, "memory", events)


@dataclass
class Report:
    """The result; the run is good if there are no faults."""

    name: str
    faults: list[str]
    bounds: verdict.Bounds
    operations: float
    calls: int
    lost_s: float
    settled_after_s: float
    workers_asked: int
    workers_in_window: int
    seen: Seen
    scraped_workers: int
    failed_scrapes: dict[str, int]
    slowest_scrape_s: float
    telemetry_errors: float
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    slowest_at_s: float
    happened: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Return the result as one line."""
        may, seen = self.bounds, self.seen
        return "; ".join(
            (
                f"{'FAIL' if self.faults else 'ok  '} {self.name}: {may.answered} answered, {may.unanswered} not",
                f"{self.calls} calls and {self.operations:g} operations counted, may be {may.lowest} to {may.highest}",
                *((f"lost {self.lost_s:.2f} s of the killed",) if self.lost_s else ()),
                f"the same from {self.workers_asked} workers after {self.settled_after_s:.1f} s",
                f"entries of {self.workers_in_window} workers",
                f"{seen.scrapes} scrapes of {self.scraped_workers} workers, {seen.failed_scrapes} failed",
                f"failures {self.failed_scrapes}",
                f"slowest scrape {self.slowest_scrape_s * 1000:.0f} ms",
                f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms",
                f"slowest turn {self.slowest_ms:.0f} ms at {self.slowest_at_s:.0f} s",
                f"{self.telemetry_errors:g} telemetry errors",
                *self.happened,
            )
        )


class _Run:
    """The running programs; the events act on them."""

    def __init__(self, service: Service, load: Load, redis: RedisServer | None) -> None:
        self.service = service
        self.load = load
        self.redis = redis
        self.kills: list[Kill] = []
        self.disturbed: list[tuple[float, float]] = []
        self.happened: list[str] = []
        self.began_s = time.monotonic()

    def live_through(self, events: Sequence[tuple[float, Event]], seconds: float) -> None:
        """Keep the load for at least that long, and trigger the events."""
        with self.load:
            for fraction, event in events:
                time.sleep(max(0.0, self.began_s + fraction * seconds - time.monotonic()))
                self.happen(event)
            # The last event must be survived under load, too.
            left_s = self.began_s + seconds - time.monotonic()
            time.sleep(max(2.0 if events else 0.0, left_s))

    def happen(self, event: Event) -> None:
        steps: dict[Event, Callable[[], None]] = {
            "kill": self._kill,
            "reload": self.service.reload,
            "restart": self.service.restart,
            "redis-restart": lambda: self._redis_away(kill=False),
            "redis-loss": lambda: self._redis_away(kill=True),
        }
        start_s = time.monotonic()
        steps[event]()
        end_s = time.monotonic()
        if not event.startswith("redis"):
            self.disturbed.append((start_s, end_s + _STRAGGLERS_S))
        self.happened.append(f"{event} at {start_s - self.began_s:.1f} s took {end_s - start_s:.1f} s")

    def _kill(self) -> None:
        pid = self.load.busiest(self.service.worker_pids())
        self.kills.append(Kill(pid, self.service.kill(pid)))

    def _redis_away(self, *, kill: bool) -> None:
        assert self.redis is not None, "this scenario has no Redis"
        (self.redis.kill if kill else self.redis.stop)()
        time.sleep(REDIS_AWAY_S)
        self.redis.start()


def run(
    scenario: Scenario,
    seconds: float,
    directory: Path,
    programs: dict[str, str],
    *,
    clients: int = 8,
    pace_hz: float = 15.0,
    patience_s: float = 20.0,
) -> Report:
    """Run the scenario and return the report.

    Args:
        scenario: The scenario.
        seconds: How long the load lasts, at least.
        directory: For logs and files.
        programs: Paths of `prometheus` and, if the state is Redis, `redis-server`.
        clients: The number of concurrent clients.
        pace_hz: The most requests a second of each.
        patience_s: How long the totals may keep changing after the load.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        emulator = stack.enter_context(emulated_gemini())
        redis = None
        if scenario.state == "redis":
            durable = all(event != "redis-loss" for _, event in scenario.events)
            redis = redis_server(directory / "redis", programs["redis-server"], durable=durable)
            stack.enter_context(redis)
        setup = replace(scenario.setup, state=address(scenario.state, directory, redis))
        port = free_port()
        relay = stack.enter_context(Relay(port))
        # First, because Prometheus takes five seconds to discover its targets.
        observer = stack.enter_context(Observer(directory / "prometheus", programs["prometheus"], relay.port))
        service = stack.enter_context(Service(directory / "service", setup, emulator.base_url, port))
        observer.wait_for_a_scrape()
        running = _Run(service, Load(port, clients=clients, pace_hz=pace_hz), redis)
        running.live_through(scenario.events, seconds)
        return _judged(scenario, running, relay, observer, requests=len(emulator.ledger.lines), patience_s=patience_s)


def run_without_plugin(
    scenario: Scenario, seconds: float, directory: Path, *, clients: int = 8, pace_hz: float = 15.0
) -> tuple[float, float]:
    """Run the same application without the plugin, with all events of its workers.

    Returns:
        The median and the 99th percentile of its response times in milliseconds.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        emulator = stack.enter_context(emulated_gemini())
        setup = replace(scenario.setup, plugin=False, state=None)
        service = stack.enter_context(Service(directory / "service", setup, emulator.base_url, free_port()))
        load = Load(service.port, clients=clients, pace_hz=pace_hz)
        _Run(service, load, None).live_through(scenario.of_workers.events, seconds)
    return percentiles_ms(load.turns)


def emulated_gemini() -> GeminiEmulator:
    """Return the server that every turn calls; it gives the same answer each time."""
    reply = answer("Keep it dry.", usage=verdict.USAGE)
    return GeminiEmulator(lambda _: reply)


def redis_server(directory: Path, program: str, *, durable: bool) -> RedisServer:
    """Return a server; a durable one restarts with its data, another one empty."""
    lasting = ("--save", "60 1", "--appendonly", "yes") if durable else ()
    return RedisServer(program, directory, *lasting)


def address(state: State, directory: Path, redis: RedisServer | None) -> str | None:
    """Return its `HYDROCHAT_STATE`; None if that is unset."""
    if redis is not None:
        return redis.url
    return {"auto": None, "sqlite": f"sqlite://{directory.resolve()}/state.sqlite3"}.get(state, state)


def _judged(
    scenario: Scenario, running: _Run, relay: Relay, observer: Observer, *, requests: int, patience_s: float
) -> Report:
    load, service, interval_s = running.load, running.service, scenario.setup.publish_interval_s
    found = settled(service, interval_s, patience_s)
    totals = found.totals
    with Reader(service) as reader:
        entries = reader.entries(limit=300)
    time.sleep(3 * SCRAPE_INTERVAL_S)
    seen = observer.seen()
    turns: Sequence[Turn] = load.turns
    lost_state = any(event == "redis-loss" for _, event in scenario.events)
    living = service.worker_pids() if lost_state else None
    evidence = Evidence(turns, load.clients, running.kills, interval_s, requests, living)
    faults = [
        *verdict.faults_of_answers(turns, running.disturbed),
        *found.faults,
        *verdict.faults_of_totals(totals, evidence),
        *verdict.faults_of_entries(entries, totals, evidence),
        *seen.faults,
    ]
    for name, recorded in (
        ("hydrochat_llm_calls_total", totals.llm_calls),
        ("hydrochat_llm_tokens_total", totals.llm_tokens),
        ("hydrochat_operation_duration_seconds_count", totals.operations),
    ):
        if seen.last.get(name) != recorded:
            faults.append(f"Prometheus has {seen.last.get(name)} for {name}, the service says {recorded}")
    in_window = verdict.workers_in(entries, turns)
    if in_window < 2:
        faults.append(f"the window shows entries of {in_window} worker")
    p50_ms, p99_ms = percentiles_ms(turns)
    slowest = max(turns, key=lambda turn: turn.latency_s)
    return Report(
        name=scenario.name,
        faults=faults,
        bounds=evidence.bounds(),
        operations=totals.operations,
        calls=totals.calls,
        lost_s=evidence.lost_s(totals.calls),
        settled_after_s=found.after_s,
        workers_asked=found.read_from,
        workers_in_window=in_window,
        seen=seen,
        scraped_workers=len(relay.answered_by),
        failed_scrapes=dict(relay.failures),
        slowest_scrape_s=relay.slowest_s,
        telemetry_errors=seen.last.get("hydrochat_telemetry_errors_total", 0.0),
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        slowest_ms=slowest.latency_s * 1000,
        slowest_at_s=slowest.start_s - running.began_s,
        happened=running.happened,
    )
