"""What a start costs: the command line, and a worker with and without the telemetry."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks.measuring import Row

_SDK = "import opentelemetry.sdk.trace, opentelemetry.sdk.metrics"
_WORKER = "import opentelemetry.sdk.trace, opentelemetry.sdk.metrics, opentelemetry.sdk.resources"
_WITH_US = _WORKER + "; import hydrochat_otel; hydrochat_otel.install()"


def cpu_s(arguments: Sequence[str], rounds: int = 5) -> float:
    """Return the least seconds of processor time that a program takes from start to end."""
    best = float("inf")
    for _ in range(rounds):
        before = os.times()
        subprocess.run(arguments, check=True, capture_output=True)
        after = os.times()
        best = min(best, after.children_user + after.children_system - before.children_user - before.children_system)
    return best


def rows() -> Iterator[Row]:
    """Yield every row."""
    python = sys.executable
    bare = cpu_s([python, "-c", "pass"])
    sdk = cpu_s([python, "-c", _SDK]) - bare
    command = [python, "-m", "hydrochat_otel"]
    for name, arguments, target in (("--help", ["--help"], 2.0), ("run -- true", ["run", "--", "/bin/true"], 2.5)):
        ours = cpu_s([*command, *arguments]) - bare
        yield Row(
            f"hydrochat-otel {name}", "import opentelemetry.sdk", round(ours * 1e3), round(sdk * 1e3), target, "ms"
        )
    worker = (cpu_s([python, "-c", _WITH_US]) - cpu_s([python, "-c", _WORKER])) * 1e3
    yield Row("a worker's start with us", "80 ms", round(worker), 80.0, 1.0, "ms")


def main() -> None:
    """Print the rows."""
    started = time.monotonic()
    for row in rows():
        print(row, row.ratio)
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
