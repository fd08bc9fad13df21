"""``python -m tests.benchmarks.contestant PART WAY``: the process of one way.

It reads a case and how often to call it, and writes what that took; 0 ends a batch.
"""

import gc
import importlib
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.measuring import ended, some


def main() -> None:
    """Do the batches that are asked for."""
    _, part, way = sys.argv
    logging.disable(logging.CRITICAL)
    cases = importlib.import_module(f"benchmarks.{part}").contestant(way)
    for line in sys.stdin:
        case, size = line.split()
        way = cases[case]
        cost = some(way, int(size)) if int(size) else ended(way)
        if not int(size):
            gc.collect()
        print(*cost, flush=True)  # last: while another process is measured, this one waits


main()
