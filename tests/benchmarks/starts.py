"""What a start costs: the command line, and a worker with and without the telemetry.

Programs take turns, and each keeps the least of its times. Bytecode is cached, as it is after an installation.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.measuring import Row

_SDK = "import opentelemetry.sdk.trace, opentelemetry.sdk.metrics"
_WORKER = "import opentelemetry.sdk.trace, opentelemetry.sdk.metrics, opentelemetry.sdk.resources"
_INSTALL = "; import hydrochat_otel; hydrochat_otel.install()"
_GEMINI = "; import google.genai"


def cpu_s(programs: Mapping[str, Sequence[str]], rounds: int = 12) -> dict[str, float]:
    """Return the least seconds of processor time that each program takes from start to end."""
    best = dict.fromkeys(programs, float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(rounds + 1):  # the first round writes the bytecode
            for name, arguments in programs.items():
                best[name] = min(best[name], _one_run_s(arguments, environ))
    return best


def _one_run_s(arguments: Sequence[str], environ: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, check=True, capture_output=True, env=environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows() -> Iterator[Row]:
    """Yield every row."""
    python = sys.executable
    command = [python, "-m", "hydrochat_otel"]
    took = cpu_s(
        {
            "bare": [python, "-c", "pass"],
            "sdk": [python, "-c", _SDK],
            "--help": [*command, "--help"],
            "run -- true": [*command, "run", "--", "/bin/true"],
            "worker": [python, "-c", _WORKER],
            "worker with us": [python, "-c", _WORKER + _INSTALL],
        }
    )
    sdk = took["sdk"] - took["bare"]
    for name, target in (("--help", 2.0), ("run -- true", 2.5)):
        ours = took[name] - took["bare"]
        yield Row(
            f"hydrochat-otel {name}", "import opentelemetry.sdk", round(ours * 1e3), round(sdk * 1e3), target, "ms"
        )
    worker = (took["worker with us"] - took["worker"]) * 1e3
    yield Row("a worker's start with us", "80 ms", round(worker), 80.0, 1.0, "ms")
    of_gemini = cpu_s(
        {"without": [python, "-c", _WORKER + _GEMINI], "with": [python, "-c", _WORKER + _INSTALL + _GEMINI]}, rounds=5
    )
    ours, without = of_gemini["with"] * 1e3, of_gemini["without"] * 1e3
    yield Row(
        "a worker's start that imports google.genai, with us", "without us", round(ours), round(without), unit="ms"
    )


def main() -> None:
    """Print the rows."""
    started = time.monotonic()
    for row in rows():
        print(row, row.ratio)
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
