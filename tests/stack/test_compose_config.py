import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from stack import go_programs

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
# The wheel is tested without the files of the repository's top level.
__test__ = COMPOSE.exists()


@pytest.mark.real
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("environment", "exporters", "started"),
    [
        ({}, "[span_metrics]", set()),
        ({"COMPOSE_PROFILES": "tracing"}, "[span_metrics, otlp_grpc]", {"jaeger"}),
    ],
)
def test_docker_compose_config_is_clean(environment, exporters, started):
    """`docker compose config` reads the file without an error or a warning, with and without the profile."""
    done = subprocess.run(
        [go_programs.compose(), "--file", COMPOSE, "config", "--format=json"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    model = json.loads(done.stdout)
    assert model["services"]["collector"]["environment"]["TRACE_EXPORTERS"] == exporters
    declared = yaml.safe_load(COMPOSE.read_text())["services"].keys()
    assert model["services"].keys() == declared - {"jaeger"} | started
