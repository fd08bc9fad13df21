"""A fleet under load: whether every answered request is in the totals exactly once, and the cost of the plugin.

    python tests/benchmarks/fleet.py [--seconds 60] [--only SUBSTRING] [--list] [--keep DIRECTORY]

Real gunicorn, uvicorn and granian with several workers, on real SQLite and Redis, scraped by a real Prometheus; in the
middle of each run one worker is killed, all are reloaded, and Redis is restarted. The same application is run without
the plugin and Prometheus, with the same kill and reload, for its response times. Prints one line for each run and a
table at the end; exits with status 1 if one of them is wrong. Rows that begin with `latency` compare response times on
a quiet service, in short phases that take turns. Response times are never evaluated.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

# Remove this script's directory: its own name would hide the package `fleet` of the tests.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parents[1]))

from fleet_runs.comparison import COLUMNS, Comparison, compare
from fleet_runs.scenario import Event, Report, Scenario, State, run, run_without_plugin
from fleet_runs.services import Setup

SETUPS = (
    Setup("gunicorn", 2),
    Setup("gunicorn", 2, preload=True),
    Setup("gunicorn", 4),
    Setup("gunicorn", 4, preload=True),
    Setup("uvicorn", 2),
    Setup("granian", 2),
)
COMPARED = (Setup("gunicorn", 2), Setup("uvicorn", 2), Setup("granian", 2))
STATES: tuple[State, ...] = ("sqlite", "redis")
WORKERS_REPLACED: tuple[tuple[float, Event], ...] = ((0.2, "kill"), (0.45, "reload"))
REDIS_AWAY: dict[State, tuple[tuple[float, Event], ...]] = {"sqlite": (), "redis": ((0.7, "redis-restart"),)}


def scenarios() -> Iterator[Scenario]:
    """Yield the whole matrix, and a few that it does not cover."""
    for state in STATES:
        for setup in SETUPS:
            yield Scenario(setup, state, (*WORKERS_REPLACED, *REDIS_AWAY[state]))
    yield Scenario(Setup("gunicorn", 2), "redis", (*WORKERS_REPLACED, (0.7, "redis-loss")))
    yield Scenario(Setup("uvicorn", 2), "redis", (*WORKERS_REPLACED, (0.7, "redis-loss")))
    yield Scenario(Setup("gunicorn", 2, preload=True), "auto", WORKERS_REPLACED)
    yield Scenario(Setup("gunicorn", 2), "sqlite", ((0.5, "restart"),))
    yield Scenario(Setup("gunicorn", 2), "redis", ((0.5, "restart"),))
    yield Scenario(Setup("granian-wsgi", 2), "sqlite", WORKERS_REPLACED)


def comparisons() -> Iterator[tuple[str, Setup, State]]:
    """Yield the comparisons, by name."""
    for setup in COMPARED:
        for state in STATES:
            yield f"latency-{setup.server}-{setup.workers}-{state}", setup, state


def table(reports: list[tuple[Report, tuple[float, float]]]) -> Table:
    """Return the results of the runs; beside each its response times without the plugin, median and p99."""
    columns = ("scenario", "answered", "no answer", "counted", "may be", "lost", "scrapes", "p50 ms", "p99 ms", "")
    shown = Table(*columns, title="Every answered request once; response times with / without the plugin")
    for report, (bare_p50_ms, bare_p99_ms) in reports:
        may = report.bounds
        shown.add_row(
            report.name,
            str(may.answered),
            str(may.unanswered),
            str(report.calls),
            f"{may.lowest}..{may.highest}",
            f"{max(0, may.answered - report.calls)} ({report.lost_s:.2f} s)",
            f"{report.seen.scrapes} ({report.seen.failed_scrapes} failed)",
            f"{report.p50_ms:.1f} / {bare_p50_ms:.1f}",
            f"{report.p99_ms:.1f} / {bare_p99_ms:.1f}",
            f"{len(report.faults)} faults" if report.faults else "ok",
        )
    return shown


def table_of_latencies(compared: list[Comparison]) -> Table:
    """Return both sides of each comparison."""
    shown = Table(*COLUMNS, title="With and without the plugin")
    for comparison in compared:
        shown.add_row(*comparison.row)
    return shown


def without_plugin(
    scenario: Scenario, seconds: float, directory: Path, known: dict[Scenario, tuple[float, float]]
) -> tuple[float, float]:
    """Return median and p99 of the application alone, in milliseconds; scenarios of the same workers share one run."""
    alike = scenario.of_workers
    if alike not in known:
        known[alike] = run_without_plugin(alike, seconds, directory / f"{alike.name}-without")
        print("     without the plugin: p50 {:.1f} ms, p99 {:.1f} ms".format(*known[alike]), flush=True)
    return known[alike]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of load in each run; each side of a comparison")
    parser.add_argument("--only", default="", help="only runs whose name holds this")
    parser.add_argument("--list", action="store_true", help="name the runs and do nothing")
    parser.add_argument("--keep", type=Path, help="where logs and files stay; they are deleted otherwise")
    asked = parser.parse_args()
    chosen = [scenario for scenario in scenarios() if asked.only in scenario.name]
    compared = [one for one in comparisons() if asked.only in one[0]]
    if asked.list:
        print(*(scenario.name for scenario in chosen), *(name for name, _, _ in compared), sep="\n")
        return
    programs = {name: path for name in ("prometheus", "redis-server") if (path := shutil.which(name))}
    if len(programs) < 2:
        raise SystemExit("prometheus and redis-server must be installed: apt-get install prometheus redis-server")
    directory = asked.keep or Path(tempfile.mkdtemp(prefix="fleet-"))
    reports: list[tuple[Report, tuple[float, float]]] = []
    bare: dict[Scenario, tuple[float, float]] = {}
    latencies: list[Comparison] = []
    broken = 0
    try:
        for scenario in chosen:
            try:
                report = run(scenario, asked.seconds, directory / scenario.name, programs)
            except AssertionError as error:  # something did not start, stop or come back: the next one may
                print(f"FAIL {scenario.name}: {error}", flush=True)
                broken += 1
                continue
            print(report.line, *(f"     {fault}" for fault in report.faults), sep="\n", flush=True)
            reports.append((report, without_plugin(scenario, asked.seconds, directory, bare)))
        for name, setup, state in compared:
            comparison = compare(setup, state, asked.seconds, directory / name, programs)
            print("     latency", *comparison.row, flush=True)
            latencies.append(comparison)
    finally:
        if asked.keep is None:
            shutil.rmtree(directory, ignore_errors=True)
    console = Console(width=180)
    if reports:
        console.print(table(reports))
    if latencies:
        console.print(table_of_latencies(latencies))
    if broken or any(report.faults for report, _ in reports):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
