"""``python -m tests.benchmarks``: everything that is measured beside its peers, as one table.

--short         some rows in half a minute, without peers; fails on ratios far above the targets
--json FILE     write the rows as JSON, too
--only WORD     only the parts whose name contains it: operations, paced, gemini, views, scrapes, starts, left

The part "left" prints no ratios: it names the functions that are left on the host's path, and why they must stay.
"""

import json
import logging
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import gemini_calls, left, operations, paced, peers, scrapes, starts, views
from benchmarks.measuring import Row

from hydrochat_otel.sdk import fast_ways

PARTS = {
    "operations": operations.rows,
    "paced": paced.rows,
    "gemini": gemini_calls.rows,
    "views": views.rows,
    "scrapes": scrapes.rows,
    "starts": starts.rows,
}
_AT_MOST = {
    ("tracked call, sampled, path", "by hand"): 0.9,
    ("tracked call, sampled, CPU", "by hand"): 1.2,
    ("tracked call, not sampled, path", "by hand"): 0.9,
    ("/metrics, 100 series", "stock exporter"): 0.4,
}
"""Ratios that the short form fails above: far from the targets, so that a busy machine passes."""


def short() -> Iterator[Row]:
    """Yield the rows of the short form."""
    yield from operations.rows(rounds=8, size=300, generations=1)
    yield from scrapes.of_series(100)


def every(only: str) -> Iterator[Row]:
    """Yield the rows of the parts that were asked for."""
    for name, rows in PARTS.items():
        if only in name:
            yield from rows()


def shown(measured: list[Row]) -> Table:
    """Return the table."""
    table = Table("what", "beside", "ours", "theirs", "ratio", "target", "reached")
    for row in measured:
        target = "" if row.target is None else f"{'≥' if row.more_is_better else '≤'} {row.target}"
        numbers = (f"{row.ours:.4g} {row.unit}", f"{row.theirs:.4g} {row.unit}", f"{row.ratio:.3g}")
        table.add_row(row.what, row.peer, *numbers, target, {None: "", True: "yes", False: "no"}[row.is_reached])
    return table


def main() -> None:
    """Measure and print."""
    given = sys.argv[1:]
    is_short = "--short" in given
    if not is_short:
        peers.go_there()
    logging.disable(logging.CRITICAL)
    only = given[given.index("--only") + 1] if "--only" in given else ""
    measured = list(short() if is_short else every(only))
    console, remaining = Console(width=140), {} if is_short or only not in "left" else dict(left.paths())
    if measured:
        console.print(shown(measured))
    for path, found in remaining.items():
        console.print(left.shown(path, found))
    if "--json" in given:
        about = {"python": platform.python_version(), "opentelemetry-sdk": version("opentelemetry-sdk")}
        rows = [row._asdict() | {"ratio": row.ratio, "is_reached": row.is_reached} for row in measured]
        functions = {path: [one._asdict() for one in found] for path, found in remaining.items()}
        written = {"about": about, "fast_ways": fast_ways.report(), "rows": rows, "left": functions}
        Path(given[given.index("--json") + 1]).write_text(json.dumps(written, indent=1))
    above = [row for row in measured if row.ratio > _AT_MOST.get((row.what, row.peer), float("inf"))]
    if is_short and above:
        sys.exit("Slower than it may be: " + "; ".join(f"{row.what}, {row.ratio} of {row.peer}" for row in above))


main()
