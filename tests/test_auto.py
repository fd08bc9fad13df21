"""Promises of :mod:`hydrochat_otel.auto`, under the real ``opentelemetry-instrument``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("opentelemetry-instrument")

CODE = """
import logging
from hydrochat_otel.performance import get_performance_metrics, track_response_time
from opentelemetry import metrics, trace
import hydrochat_otel.pipeline as pipeline

track_response_time("turn")(lambda: None)()
running = pipeline._process.pipeline
print(
    running is not None and not running.implicit,
    running is not None and trace.get_tracer_provider() is running.tracer_provider,
    [row["operation"] for row in get_performance_metrics().response_times] if running else None,
)
"""


def run(**environment):
    assert COMMAND.exists(), "opentelemetry-instrument belongs to the extra `test`"
    return subprocess.run(
        [COMMAND, sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", **environment},
    )


def test_a_script_is_measured_without_a_line_of_code():
    """Under opentelemetry-instrument the pipeline is installed before the script starts."""
    result = run()
    assert (result.stdout, result.returncode) == ("True True ['turn']\n", 0), result.stderr


@pytest.mark.parametrize("value", ["abc", "-5"])
def test_a_bad_setting_is_one_sentence_and_the_script_runs(value):
    """A mistake in the configuration is logged in one sentence, and the application starts."""
    result = run(METRICS_MAX_ENTRIES=value)
    assert result.returncode == 0
    assert result.stdout.startswith("False False None")
    assert f"METRICS_MAX_ENTRIES='{value}' is not allowed: it must be a whole number of at least 1." in result.stderr
    assert "Traceback" not in result.stderr
