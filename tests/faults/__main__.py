"""`python -m tests.faults`: fill the fault table and print it; exits with status 1 if a cell did not hold."""

import logging
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults import table


def main():
    logging.lastResort = None
    with tempfile.TemporaryDirectory() as folder:
        cells = table.table(Path(folder))
    print(table.text(cells))
    for (part, kind), found in cells.items():
        if found != "held":
            print(f"{part}, {kind}: {found}")
    sys.exit(any(found != "held" for found in cells.values()))


if __name__ == "__main__":
    main()
