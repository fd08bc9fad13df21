"""Fixtures of all tests: a fresh pipeline on providers of its own, a stepped clock, and the real programs."""

import functools
import gc
import importlib
import os
import shutil
import signal
import ssl

import certifi
import programs
import pytest
import running_alone
from hypothesis import HealthCheck, settings
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hydrochat_otel.pipeline import pipeline
from hydrochat_otel.runtime.first_use import on_first_use
from hydrochat_otel.testing import reset

TOKEN = "token-of-the-tests-1234"

NO_SKIP = os.environ.get("HYDROCHAT_TEST_NO_SKIP") == "1"

# Properties are tried with the same examples in each run, and without a limit on their time: a failure is repeatable.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# New examples are looked for by `HYDROCHAT_TEST_EXPLORE=1`, and by `python -m tests.fuzz`.
settings.register_profile("explore", deadline=None)
settings.load_profile("explore" if os.environ.get("HYDROCHAT_TEST_EXPLORE") == "1" else "repeatable")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A background job of a script ignores Ctrl-C, and so would the programs that the tests end with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def require_program(program: str, debian_package: str) -> str:
    """Return the program's path, or skip with a line that says what to install."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is missing: apt-get install {debian_package}")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    """If skipping is forbidden, a module that skips itself fails."""
    return _forbid_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """If skipping is forbidden, a test that skips fails."""
    return _forbid_skip((yield))


def _forbid_skip(report):
    if NO_SKIP and report.skipped:
        report.outcome, report.longrepr = "failed", f"skipping is forbidden: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Let a test run when its turn has come; the wait is outside of its time limit."""
    with running_alone.turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_collection_modifyitems(items):
    """Mark the tests that start programs, and refuse a test without a docstring."""
    for item in items:
        if programs.starts_programs(item):
            item.add_marker("programs")
    silent = [item.nodeid for item in items if not (getattr(item, "function", None) and item.function.__doc__)]
    if silent:
        raise pytest.UsageError(f"These tests have no docstring: {', '.join(silent)}")


def pytest_collection_finish():
    """Take what stays until the end out of each collection: every `gc.collect()` of a test would look at all of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def one_trust():
    """Read the certificates of the public authorities once: each client of the SDK reads them twice, 0.15 s each."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ssl, "create_default_context", _trusting(ssl.create_default_context))
        yield


def _trusting(original):
    """Return a replacement that makes one context per place of the public authorities; any other one stays new."""
    shared = functools.cache(original)
    public = {certifi.where(), os.environ.get("SSL_CERT_FILE")} - {None}

    @functools.wraps(original)
    def create(*args, **kwargs):
        is_public = not args and kwargs.get("cafile") in public and kwargs.keys() <= {"cafile", "capath"}
        return shared(**kwargs) if is_public else original(*args, **kwargs)

    return create


class Clock:
    """A clock that only a test moves; `monotonic` and `wall` can be moved separately."""

    def __init__(self) -> None:
        self.monotonic_s = 1000.0
        self.wall_s = 1_750_000_000.0

    def monotonic(self) -> float:
        return self.monotonic_s

    def wall(self) -> float:
        return self.wall_s

    def advance(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.wall_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path_factory):
    """Every test starts and ends without a pipeline, with an empty window, counted faults and no settings."""
    # The place where forked processes share: a separate one for each test.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    for variable in _settings_of_ours():
        monkeypatch.delenv(variable)
    reset()
    on_first_use(None)
    yield
    reset()
    # Variables that a test set itself, as a command does for its child, are removed for the next test.
    for variable in _settings_of_ours():
        del os.environ[variable]


def _settings_of_ours():
    prefixes = ("HYDROCHAT_", "METRICS_", "GEMINI_", "LLM_", "OTEL_")
    return [variable for variable in os.environ if variable.startswith(prefixes) and "_TEST_" not in variable]


@pytest.fixture(scope="module")
def chromium():
    """A Chromium for all tests of a module; Selenium is imported only where it is asked for."""
    with importlib.import_module("web.looking").launched() as driver:
        yield driver


@pytest.fixture
def exported():
    """The spans that the providers of the `installed` pipeline exported."""
    return InMemorySpanExporter()


@pytest.fixture
def install(exported):
    """Install a pipeline on providers of this test's own; keyword arguments are settings."""

    def run(**settings):
        tracer_provider = TracerProvider(shutdown_on_exit=False)
        tracer_provider.add_span_processor(SimpleSpanProcessor(exported))
        return pipeline.install(
            tracer_provider=tracer_provider,
            meter_provider=MeterProvider(shutdown_on_exit=False),
            **{"metrics_token": TOKEN, "instrument_gemini": False, **settings},
        )

    return run


@pytest.fixture
def installed(install):
    return install()
