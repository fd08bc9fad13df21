"""An emulator, and providers joined by hand around the instrumentor."""

import pytest
from instrumentation.gemini.meters import Meters

from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
from hydrochat_otel.testing.emulator import GeminiEmulator


@pytest.fixture
def emulator():
    """A running emulator without a brain, which records the requests."""
    with GeminiEmulator(record_bodies=True) as running:
        yield running


@pytest.fixture
def meters():
    """Providers of this test's own, bound as the current ones."""
    made = Meters()
    instruments.bind(made.instruments)
    yield made
    instruments.bind(None)
    made.close()


@pytest.fixture
def instrumentor(meters):
    """An instrumentor that is patched in during the test."""
    made = GeminiInstrumentor()
    made.instrument()
    assert made.active
    yield made
    made.uninstrument()
