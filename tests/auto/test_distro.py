"""Promises of the distro, of its configurator, and of the modules that ``opentelemetry-instrument`` imports first."""

import logging
import subprocess

import canary
import pytest
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from running_command import PROGRAMS, PROJECT, environment

from hydrochat_otel.auto import distro, distro_choice
from hydrochat_otel.auto.distro import HydroChatConfigurator, HydroChatDistro, set_defaults
from hydrochat_otel.auto.distro_choice import choose_distro
from hydrochat_otel.auto.process_role import Role

OURS = {("opentelemetry_distro", "hydrochat"), ("opentelemetry_metrics_exporter", "hydrochat")}
STOCK = {("opentelemetry_distro", "distro")}
CONSOLE = {("opentelemetry_traces_exporter", "console")}


def otlp(*protocols):
    return {
        (f"opentelemetry_{signal}_exporter", f"otlp_proto_{protocol}")
        for signal in ("traces", "metrics", "logs")
        for protocol in protocols
    }


class EntryPoint:
    def __init__(self, name):
        self.name = name


@pytest.fixture
def installed(monkeypatch):
    """Pretend that exactly these entry points are installed."""

    def pretend(*parts):
        everything = set().union(OURS, *parts)

        def entry_points(group, name=None):
            return [EntryPoint(found) for kind, found in everything if kind == group and name in {None, found}]

        monkeypatch.setattr(distro, "entry_points", entry_points)
        monkeypatch.setattr(distro_choice, "entry_points", entry_points)

    return pretend


NOTHING = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "hydrochat", "OTEL_LOGS_EXPORTER": "none"}
GRPC, HTTP = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}
TO_TRACES = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}


@pytest.mark.parametrize(
    ("parts", "given", "expected"),
    [
        ([], {}, NOTHING),
        ([], ENDPOINT, NOTHING),
        ([otlp("grpc", "http")], {}, NOTHING),
        ([otlp("grpc", "http")], ENDPOINT, {**NOTHING, "OTEL_TRACES_EXPORTER": "otlp"}),
        ([otlp("http")], TO_TRACES, {**NOTHING, **HTTP, "OTEL_TRACES_EXPORTER": "otlp"}),
        ([otlp("grpc"), STOCK], {}, {**NOTHING, **GRPC, "OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp"}),
        ([STOCK], {}, NOTHING),
        ([otlp("grpc")], {"OTEL_METRICS_EXPORTER": "otlp"}, {**NOTHING, **GRPC, "OTEL_METRICS_EXPORTER": "otlp"}),
        ([otlp("grpc")], {"OTEL_CONFIG_FILE": "otel.yaml"}, {}),
    ],
)
def test_defaults_fit_what_is_installed(installed, parts, given, expected):
    """Spans go to a configured collector, metrics stay here, and the user's settings are unchanged."""
    installed(*parts)
    environ = dict(given)
    set_defaults(environ)
    assert environ == {**given, **expected}


@pytest.mark.parametrize(
    "case",
    [
        ("traces", "otlp", "none", "otlp"),
        ("traces", "console, zipkin, otlp", "console", "zipkin, otlp"),
        ("metrics", "otlp,hydrochat", "hydrochat", "otlp"),
        ("logs", "otlp_proto_http", "none", "otlp_proto_http"),
    ],
)
def test_an_exporter_that_is_not_installed_is_one_sentence(installed, caplog, case):
    """A named exporter that is not installed is removed, instead of aborting everything."""
    installed(CONSOLE)
    signal, given, kept, missing = case
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    environ = {variable: given}
    set_defaults(environ)
    said = f"{variable} names {missing}, which is not installed here: it receives no {signal}."
    assert (environ[variable], caplog.messages) == (kept, [said])


def test_the_distro_brings_its_own_configurator(installed, monkeypatch):
    """Our distro selects our configurator, and no warning says that another one is installed as well."""
    installed()
    loader = logging.getLogger("opentelemetry.instrumentation.auto_instrumentation._load")
    environ = {}
    monkeypatch.setattr(distro.os, "environ", environ)
    try:
        HydroChatDistro().configure()
        said = loader.makeRecord(
            loader.name, logging.WARNING, "", 0, "Configuration of %s not loaded, %s already loaded", ("a", "b"), None
        )
        assert (environ["OTEL_PYTHON_CONFIGURATOR"], bool(loader.filter(said))) == ("hydrochat", False)
    finally:
        loader.removeFilter(distro._is_news)


def test_a_distro_that_fails_breaks_nothing(monkeypatch):
    """An error in the distro is counted, and auto-instrumentation continues."""

    def fail(_):
        raise RuntimeError

    monkeypatch.setattr(distro, "set_defaults", fail)
    HydroChatDistro().configure()
    assert distro.failures.counts() == {"auto.distro": 1}


def test_an_sdk_that_cannot_be_configured_is_one_sentence(monkeypatch, caplog):
    """An error of the SDK's configurator is logged, and auto-instrumentation continues."""

    def refuse(*_, **__):
        raise RuntimeError("no such protocol")

    monkeypatch.setattr(_OTelSDKConfigurator, "_configure", refuse)
    HydroChatConfigurator().configure(auto_instrumentation_version="1")
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "OpenTelemetry exports nothing from this process (no such protocol); what hydrochat_otel keeps is not affected."
    ]


def test_a_supervisor_gets_no_providers(monkeypatch):
    """In a supervisor the SDK is configured in each forked worker, and only there."""
    steps, configured = [], []
    monkeypatch.setattr(distro.start, "current_role", lambda: Role.ABSENT)
    monkeypatch.setattr(distro.deferred_start, "put_off", steps.append)
    monkeypatch.setattr(_OTelSDKConfigurator, "_configure", lambda _, **given: configured.append(given))
    HydroChatConfigurator().configure(auto_instrumentation_version="1")
    assert configured == []
    for step in steps:
        step()
    assert [given["auto_instrumentation_version"] for given in configured] == ["1"]
    assert configured[0]["resource_attributes"]["telemetry.distro.name"] == "hydrochat-otel"


@pytest.mark.parametrize(
    ("others", "given", "expected"),
    [
        (STOCK, {}, {"OTEL_PYTHON_DISTRO": "hydrochat"}),
        (STOCK, {"OTEL_PYTHON_DISTRO": "distro"}, {"OTEL_PYTHON_DISTRO": "distro"}),
        (STOCK | {("opentelemetry_distro", "vendor")}, {}, {}),
        (set(), {}, {}),
    ],
)
def test_which_distro_opentelemetry_instrument_takes(installed, others, given, expected):
    """Beside the stock distro ours is used, whatever the order on the disk, but never before a vendor's."""
    installed(others)
    environ = dict(given)
    choose_distro(environ)
    assert environ == expected


@pytest.mark.parametrize("setting", ["auto", "never"])
def test_a_patient_does_not_leave_through_other_libraries(setting):
    """FastAPI, Django, httpx and requests spans leave without the patient, unless a setting switches that off."""
    words = ["hydrochat-otel", "run", "--", "python", "hosts.py", canary.NRIC, canary.PATIENT]
    environ = environment(HYDROCHAT_SERVE="never", HYDROCHAT_REDACT_SPANS=setting, OTEL_TRACES_EXPORTER="console")
    done = subprocess.run(
        [PROGRAMS / words[0], *words[1:]], env={**environ, "DJANGO_SETTINGS_MODULE": "django_site"}, cwd=PROJECT,
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.stdout.count('"span_id"') > 12, done.stderr
    for template in ('"GET /patients/{patient}"', "cases/<str:patient>/"):
        assert template in done.stdout
    assert done.stdout.count("127.0.0.1:1/patients/") >= 2
    assert bool(canary.found_in(done.stdout)) is (setting == "never"), canary.found_in(done.stdout)
