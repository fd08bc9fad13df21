"""Programs that are built from their Go modules, once, into the user's cache."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import NO_SKIP

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hydrochat-otel-collector"
OPTED_IN = os.environ.get("HYDROCHAT_TEST_COLLECTOR") == "1"
LEFT_OUT = NO_SKIP and not OPTED_IN
"""If skipping is forbidden and the builds are not enabled, their tests are not collected."""

BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.155.0"
COMPOSE = "github.com/docker/compose/v5/cmd"
COMPOSE_VERSION = "v5.6.0"
PROMETHEUS = "github.com/prometheus/prometheus"
PROMETHEUS_VERSION = "v0.316.0"
"""The module's version of release 3.16.0."""


def go() -> str:
    """Return the path of Go, or skip with a line that says what to do."""
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found is None:
        pytest.skip("go is missing: install Go 1.25 or newer, and set HYDROCHAT_TEST_COLLECTOR=1")
    if not OPTED_IN:
        pytest.skip("builds with Go for some minutes, once: set HYDROCHAT_TEST_COLLECTOR=1")
    return found


def collector(manifest: Path) -> Path:
    """Return the collector that the official builder makes from the manifest."""
    program = go()

    def build(directory: Path) -> None:
        (directory / "builder.yaml").write_bytes(manifest.read_bytes())
        _run(directory, program, "run", BUILDER, "--config=builder.yaml")

    return _cached(f"otelcol-{_hash(manifest.read_bytes())}", "distribution/otelcol-hydrochat", build)


def compose() -> Path:
    """Return docker compose itself; `config` needs no Docker engine."""
    program = go()

    def build(directory: Path) -> None:
        _run(directory, program, "mod", "init", "compose")
        _run(directory, program, "get", f"{COMPOSE}@{COMPOSE_VERSION}")
        _run(directory, program, "build", "-o", "docker-compose", COMPOSE)

    return _cached(f"compose-{COMPOSE_VERSION}", "docker-compose", build)


def prometheus() -> Path:
    """Return a Prometheus 3, without its page and without service discovery."""
    program = go()

    def build(directory: Path) -> None:
        _run(directory, program, "mod", "init", "prometheus")
        module = f"{PROMETHEUS}@{PROMETHEUS_VERSION}"
        downloaded = json.loads(_run(directory, program, "mod", "download", "-json", module))
        # Its own sums and requirements: resolving them again would need every service discovery's modules.
        shutil.copy(Path(downloaded["Dir"]) / "go.sum", directory / "go.sum")
        (directory / "go.sum").chmod(0o644)
        _run(directory, program, "mod", "edit", f"-require={module}", f"-go={downloaded_go(downloaded)}")
        tags = ("-mod=mod", "-tags=remove_all_sd")
        _run(directory, program, "build", *tags, "-o", "prometheus", f"{PROMETHEUS}/cmd/prometheus")

    return _cached(f"prometheus-{PROMETHEUS_VERSION}", "prometheus", build)


def downloaded_go(module: dict[str, str]) -> str:
    """Return the version of Go that a downloaded module requires."""
    return re.search(r"^go (\S+)$", Path(module["GoMod"]).read_text(), re.MULTILINE)[1]


def _cached(name: str, result: str, build) -> Path:
    finished = CACHE / name
    if not (finished / result).exists():
        shutil.rmtree(finished, ignore_errors=True)
        directory = CACHE / f"{name}.{os.getpid()}"
        directory.mkdir(parents=True)
        build(directory)
        directory.rename(finished)
    return finished / result


def _run(directory: Path, *command: str) -> str:
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["nice", "-n", "10", *command],
        cwd=directory,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stderr[-3000:]}"
    return done.stdout


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
