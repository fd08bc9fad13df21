"""``python -m tests.benchmarks.contestant PART WAY``: the process of one way; it reads a case and a size per batch."""

import gc
import importlib
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.measuring import one_batch


def main() -> None:
    """Do the batches that are asked for."""
    _, part, way = sys.argv
    logging.disable(logging.CRITICAL)
    cases = importlib.import_module(f"benchmarks.{part}").contestant(way)
    for line in sys.stdin:
        case, size = line.split()
        gc.collect()
        print(*one_batch(cases[case], int(size)), flush=True)


main()
