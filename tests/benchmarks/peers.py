"""The peers have an environment of their own: some of them change every program that they are installed beside."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PEERS = (
    "opentelemetry-instrumentation-google-generativeai",
    "opentelemetry-instrumentation-google-genai",
    "opentelemetry-exporter-prometheus",
    "logfire",
    "prometheus_client",
)
_MARK = "HYDROCHAT_BENCHMARK_PEERS"


def environment() -> Path:
    """Return where the environment is; `HYDROCHAT_BENCHMARK_ENV` names another place."""
    stated = os.environ.get("HYDROCHAT_BENCHMARK_ENV")
    return Path(stated) if stated else Path.home() / ".cache" / "hydrochat-otel" / "benchmarks"


def go_there() -> None:
    """Run the benchmarks in it, made first if it is missing; returns if they run there already."""
    if os.environ.get(_MARK):
        return
    place = environment()
    python = place / "bin" / "python"
    if not (place / ".made").exists():
        print(f"Making an environment with the peers in {place} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "-e", f"{ROOT}[django,redis,auto,test]", *PEERS], check=True
        )
        (place / ".made").touch()
    os.execve(python, [str(python), "-m", "tests.benchmarks", *sys.argv[1:]], {**os.environ, _MARK: "1"})
