"""`python -m tests.long_run [--minutes 30] [--drawing FILE]`: the long run; ends with 1 if a promise was broken."""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from long_run.drawing import drawn
from long_run.run import Run


def main():
    arguments = argparse.ArgumentParser(prog="python -m tests.long_run")
    arguments.add_argument("--minutes", type=float, default=30.0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--drawing", type=Path, default=Path("dist/long_run.svg"))
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Run(Path(folder), given.minutes, given.seed)()
    given.drawing.parent.mkdir(parents=True, exist_ok=True)
    given.drawing.write_text(drawn(report))
    print("\n".join(report.lines))
    print(f"statuses of scrapes: {dict(report.statuses)}")
    print(f"{len(report.events)} events: {[event for _, event in report.events]}")
    for sentence in report.broken:
        print(f"broken: {sentence}")
    print(f"drawing: {given.drawing}")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
