"""The same service with and without the plugin, side by side, in short phases that take turns."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ports import free_port

from fleet_runs.load import Load, Turn, percentiles_ms
from fleet_runs.observer import Observer, Relay
from fleet_runs.scenario import Scenario, State, address, emulated_gemini, redis_server
from fleet_runs.services import Service, Setup

PHASE_S: Final = 3.0
SCRAPE_INTERVAL_S: Final = 5.0
"""A third of the usual fifteen seconds: still a scrape in every other phase."""

_WARM_UPS: Final = 10


@dataclass(frozen=True)
class Side:
    """The measurements of one of the two."""

    turns: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Comparison:
    """Both sides; `cpu_ms` is processor time of server and workers for one turn."""

    name: str
    with_plugin: Side
    without: Side

    @property
    def row(self) -> tuple[str, ...]:
        """Return the cells of a table: name, turns, and three times with, without, ratio."""
        pairs = [
            (getattr(self.with_plugin, name), getattr(self.without, name)) for name in ("p50_ms", "p99_ms", "cpu_ms")
        ]
        numbers = [cell for one, other in pairs for cell in (f"{one:.1f}", f"{other:.1f}", f"{one / other:.2f}")]
        return (self.name, f"{self.with_plugin.turns}+{self.without.turns}", *numbers)


COLUMNS: Final = (
    *("service", "turns", "p50 ms with", "without", "ratio", "p99 ms with", "without", "ratio"),
    *("cpu ms with", "without", "ratio"),
)


def compare(
    setup: Setup,
    state: State,
    seconds: float,
    directory: Path,
    programs: dict[str, str],
    *,
    clients: int = 8,
    pace_hz: float = 10.0,
    phase_s: float = PHASE_S,
) -> Comparison:
    """Measure both for `seconds` each; the phases go there and back, after a warm-up."""
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        emulator = stack.enter_context(emulated_gemini())
        redis = None
        if state == "redis":
            redis = stack.enter_context(redis_server(directory / "redis", programs["redis-server"], durable=True))
        setups = {
            True: replace(setup, state=address(state, directory, redis)),
            False: replace(setup, plugin=False, state=None),
        }
        services = {
            plugin: stack.enter_context(Service(directory / f"plugin-{plugin}", one, emulator.base_url, free_port()))
            for plugin, one in setups.items()
        }
        relay = stack.enter_context(Relay(services[True].port))
        stack.enter_context(
            Observer(directory / "prometheus", programs["prometheus"], relay.port, SCRAPE_INTERVAL_S)
        ).wait_for_a_scrape()
        turns: dict[bool, list[Turn]] = {True: [], False: []}
        cpu_s = {True: 0.0, False: 0.0}
        order = [True, False, False, True]

        def measured(service: Service) -> Sequence[Turn]:
            with Load(service.port, clients=clients, pace_hz=pace_hz) as load:
                time.sleep(phase_s)
            return load.turns

        for service in services.values():
            _warm_up(service, measured)
        for number in range(2 * max(1, round(seconds / phase_s))):
            plugin = order[number % len(order)]
            before_s = services[plugin].cpu_s()
            turns[plugin] += measured(services[plugin])
            cpu_s[plugin] += services[plugin].cpu_s() - before_s
    sides = {
        plugin: Side(len(seen), *percentiles_ms(seen), cpu_s[plugin] * 1000 / max(1, len(seen)))
        for plugin, seen in turns.items()
    }
    return Comparison(Scenario(setup, state).name, sides[True], sides[False])


def _warm_up(service: Service, measured: Callable[[Service], Sequence[Turn]]) -> None:
    """Send requests until every worker has answered: the first turn of each makes its client, which takes long."""
    cold = service.worker_pids()
    for _ in range(_WARM_UPS):
        cold -= {turn.pid for turn in measured(service)}
        if not cold:
            return
    raise AssertionError(f"{len(cold)} workers were never asked")
