"""The collector of collector-config.yaml, on ports of its own."""

import os
from pathlib import Path

import pytest
from ports import free_port
from stack import go_programs
from stack.servers import Program

CONFIG = Path(__file__).parents[2] / "collector-config.yaml"

collect_ignore_glob = ["test_*.py"] if go_programs.LEFT_OUT or not CONFIG.exists() else []


class Collector(Program):
    """A collector with the shipped configuration, on other ports and with another trace backend."""

    def __init__(self, directory, program, **environment) -> None:
        self.http = f"http://127.0.0.1:{(http := free_port())}"
        self.metrics_port = free_port()
        self.telemetry_port = free_port()
        health = free_port()
        super().__init__(
            directory,
            str(program),
            f"--config={CONFIG}",
            ready_url=f"http://127.0.0.1:{health}",
            COLLECTOR_HTTP_PORT=str(http),
            COLLECTOR_GRPC_PORT=str(free_port()),
            COLLECTOR_METRICS_PORT=str(self.metrics_port),
            COLLECTOR_TELEMETRY_PORT=str(self.telemetry_port),
            COLLECTOR_HEALTH_PORT=str(health),
            PATH=os.environ["PATH"],
            **environment,
        )


@pytest.fixture(scope="session")
def program():
    """The binary, built once for each manifest."""
    return go_programs.collector(Path(__file__).with_name("builder.yaml"))


@pytest.fixture
def collector(program, tmp_path):
    with Collector(tmp_path / "collector", program) as running:
        yield running
