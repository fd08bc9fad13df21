"""`python -m tests.frameworks [NAME]...`: a line for each framework; ends with 1 if a promise does not hold."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from frameworks import comparing

COLUMNS = "{:<12} {:>12} {:>6} {:>44} {:>12} {:>8}"


def main():
    arguments = argparse.ArgumentParser(prog="python -m tests.frameworks")
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(sorted(comparing.ALL)))
    names = arguments.parse_args().names or sorted(comparing.ALL)
    if unknown := sorted(set(names) - set(comparing.ALL)):
        arguments.error(f"{unknown[0]} has no driver; there are {', '.join(sorted(comparing.ALL))}.")
    buckets = "fresh/cached/tool/answer/thinking"
    print(COLUMNS.format("framework", "google-genai", "calls", buckets, "dollars", "below"), flush=True)
    broken = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            try:
                report = comparing.report_of(name, Path(folder))
            except (comparing.DriverError, subprocess.SubprocessError) as error:
                broken += 1
                print(f"{name}: {error}", flush=True)
                continue
        counts = report["calls_by_scenario"]
        of_buckets = "/".join(str(count) for count in report["buckets"].values())
        below = sum(count for scenario, count in counts.items() if scenario)
        cells = (name, report["google_genai"], report["ledger"]["calls"], of_buckets)
        print(COLUMNS.format(*cells, f"{report['ledger']['cost_usd']:.8f}", below), flush=True)
        for sentence in comparing.disagreements(report):
            broken += 1
            print(f"  {sentence}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
