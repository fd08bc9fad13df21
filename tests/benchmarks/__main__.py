"""``python -m tests.benchmarks``: our costs beside those of peers, as a table and, with ``--json``, as JSON."""

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import operations


def main() -> None:
    """Measure and print."""
    measured = operations.rows()
    if "--json" in sys.argv[1:]:
        print(operations.as_json(measured))
        return
    table = Table("what", "beside", "wall µs", "peer", "ratio", "CPU µs", "peer", "ratio")
    for row in measured:
        numbers = (row.ours_wall_us, row.peer_wall_us, row.wall_ratio, row.ours_cpu_us, row.peer_cpu_us, row.cpu_ratio)
        table.add_row(row.what, row.peer, *map(str, numbers))
    Console(width=120).print(table)


main()
