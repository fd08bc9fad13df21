"""Fixtures for pytest, which finds this module by itself if the package is installed.

Everything is imported when a fixture is used, so a test run that uses none pays nothing.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hydrochat_otel import Pipeline
    from hydrochat_otel.testing import GeminiEmulator, Measured, SteppedClock

_PREFIXES = ("HYDROCHAT_", "METRICS_", "OTEL_")


@pytest.fixture
def gemini_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator["GeminiEmulator"]:
    """A running emulator that every google-genai client of this test uses, whatever its key.

    Script replies with `gemini_emulator.script(...)`; other requests get a reply that fits the request.
    """
    from hydrochat_otel.testing import GeminiEmulator, made_up_reply

    with GeminiEmulator(made_up_reply) as emulator:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", emulator.base_url)
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", emulator.base_url)
        monkeypatch.setenv("GEMINI_API_KEY", "key-of-the-emulator")
        monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
        yield emulator


@pytest.fixture
def hydrochat_pipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator["Pipeline"]:
    """A pipeline that starts at zero, on providers of its own; whatever was installed before is shut down."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    import hydrochat_otel
    from hydrochat_otel.testing import reset

    for variable in [name for name in os.environ if name.startswith(_PREFIXES)]:
        monkeypatch.delenv(variable)
    reset()
    yield hydrochat_otel.install(
        tracer_provider=TracerProvider(shutdown_on_exit=False),
        meter_provider=MeterProvider(shutdown_on_exit=False),
        state="memory",
    )
    reset()


@pytest.fixture
def hydrochat_measured(hydrochat_pipeline: "Pipeline") -> "Measured":
    """What the pipeline of this test measured: exact metrics, entries, and the comparison with a ledger."""
    from hydrochat_otel.testing import Measured

    return Measured(hydrochat_pipeline)


@pytest.fixture
def hydrochat_clock(hydrochat_pipeline: "Pipeline") -> Iterator["SteppedClock"]:
    """A clock that moves only by `hydrochat_clock.advance(seconds)`; operations and calls are measured with it."""
    assert hydrochat_pipeline is not None  # it has imported every module that measures
    from hydrochat_otel.testing import SteppedClock

    with SteppedClock().in_charge() as clock:
        yield clock
