"""Promises of the installation before the program begins, under the real ``opentelemetry-instrument``."""

import functools
import importlib
import subprocess

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from ports import free_port
from running_command import PROGRAMS, PROJECT, environment

from hydrochat_otel.auto import start
from hydrochat_otel.auto.instrumentor import HydroChatInstrumentor
from hydrochat_otel.auto.process_role import Role
from hydrochat_otel.auto.start import opens_port
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.settings import Settings

CODE = """
from opentelemetry import trace
from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime.import_hooks import _finder
from hydrochat_otel.performance import get_performance_metrics, track_response_time

track_response_time("turn")(lambda: None)()
running = pipeline._process.pipeline
if running is None:
    print("nothing")
else:
    shared = trace.get_tracer_provider() is running.tracer_provider
    operations = [row["operation"] for row in get_performance_metrics().response_times]
    waiting = len(_finder._awaited.get("google.genai", ()))
    print("implicit" if running.implicit else "installed", shared, operations, waiting)
"""


def instrumented(**more):
    return subprocess.run(
        [PROGRAMS / "opentelemetry-instrument", "python", "-c", CODE],
        env=environment(HYDROCHAT_PORT=str(free_port()), **more), cwd=PROJECT,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "installed True ['turn'] 1\n"),
        ({"OTEL_METRICS_EXPORTER": "hydrochat"}, "installed True ['turn'] 1\n"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, "installed True ['turn'] 1\n"),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis, hydrochat"}, "installed True ['turn'] 0\n"),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, "installed True ['turn'] 0\n"),
        ({"HYDROCHAT_INSTRUMENT_GEMINI": "0"}, "installed True ['turn'] 0\n"),
    ],
)
def test_a_program_is_measured_without_a_line_of_code(environ, said):
    """The pipeline exists before the program starts, and Gemini is counted unless switched off."""
    result = instrumented(**environ)
    assert (result.stdout, result.stderr, result.returncode) == (said, "", 0)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"LLM_MAX_RETRIES": "-5"}, "LLM_MAX_RETRIES='-5' is not allowed: it must be a whole number of at least 0."),
        ({"HYDROCHAT_SERVE": "?"}, "HYDROCHAT_SERVE='?' is not allowed: it must be auto, always or never."),
    ],
)
def test_a_bad_setting_is_one_sentence_and_the_program_runs(environ, sentence):
    """A mistake in the configuration is logged once in one sentence, and the application starts."""
    result = instrumented(**environ)
    found = f"{sentence} The application starts without hydrochat_otel.\n"
    assert (result.stdout, result.stderr, result.returncode) == ("nothing\n", found, 0)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (
            {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier/pigeon"},
            (
                "OpenTelemetry exports nothing from this process "
                "(Unsupported OTLP protocol 'carrier/pigeon' is configured); "
            ),
        ),
        (
            {"OTEL_CONFIG_FILE": "no-such-file.yaml"},
            (
                "OpenTelemetry exports nothing from this process "
                "(OTEL_CONFIG_FILE is set but opentelemetry-configuration is not "
            ),
        ),
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            "OTEL_TRACES_EXPORTER names zipkin, which is not installed here: it receives no traces.",
        ),
    ],
)
def test_an_error_of_the_sdk_is_one_sentence_and_the_rest_works(environ, sentence):
    """Neither an unknown protocol nor a missing exporter or configuration file stops our numbers."""
    result = instrumented(**environ)
    assert (result.stdout, result.returncode) == ("installed True ['turn'] 1\n", 0)
    assert (result.stderr.startswith(sentence), result.stderr.count("\n")) == (True, 1), result.stderr


NO_PROCESS = dict.fromkeys(Role, (False, False))
BY_ROLE = {**NO_PROCESS, Role.SERVES: (True, False), Role.FORKS: (False, True)}


@pytest.mark.parametrize(
    ("serve", "exporter", "expected"),
    [
        ("auto", "", BY_ROLE),
        ("auto", "none", BY_ROLE),
        ("auto", "otlp, hydrochat", BY_ROLE),
        ("auto", "otlp", NO_PROCESS),
        ("never", "hydrochat", NO_PROCESS),
        ("always", "otlp", dict.fromkeys(Role, (True, True))),
    ],
)
def test_which_process_opens_the_port(serve, exporter, expected):
    """The setting decides, then whether metrics are pushed, then the role of the process."""
    settings = Settings.load({}, serve=serve)
    environ = {"OTEL_METRICS_EXPORTER": exporter}
    assert {role: opens_port(role, settings, environ) for role in expected} == expected


def test_the_instrumentor_from_code(monkeypatch):
    """In code, instrument() installs a missing pipeline and counts Gemini, and uninstrument() undoes that."""
    of_this_test = {"tracer_provider": TracerProvider(), "meter_provider": MeterProvider(shutdown_on_exit=False)}
    monkeypatch.setattr(pipeline, "install", functools.partial(pipeline.install, **of_this_test))
    instrumentor = HydroChatInstrumentor()
    assert start.is_in_charge() is False
    instrumentor.uninstrument()
    instrumentor.instrument()
    running = pipeline.current()
    importlib.import_module("google.genai")
    on = running.instrumentor.active
    instrumentor.uninstrument()
    assert (running.implicit, on, running.instrumentor.active) == (False, True, False)
