"""Clients of an emulator, with a pipeline around them."""

import pytest
from google.genai import types

from hydrochat_otel.gemini_client_v2 import GeminiClientV2
from hydrochat_otel.hydrochat.client import client, metrics, settings_in_force
from hydrochat_otel.hydrochat.client.retries import Pace
from hydrochat_otel.testing.emulator import GeminiEmulator


@pytest.fixture(autouse=True)
def fresh_module(monkeypatch):
    """Reset the default client, the warnings and the baseline."""
    monkeypatch.setattr(settings_in_force, "_warned", set())
    monkeypatch.setattr(client, "_default", client._Default())
    monkeypatch.setattr(metrics, "_baseline", metrics._Baseline())
    monkeypatch.setattr(metrics, "_price_books", {})


@pytest.fixture
def emulator():
    with GeminiEmulator(record_bodies=True) as running:
        yield running


@pytest.fixture
def gemini(install, emulator):
    """Make clients of the emulator, with a pipeline around them and without waits."""
    install(instrument_gemini=True)

    def make(**options):
        direct = {"trust_env": False}
        http_options = types.HttpOptions(base_url=emulator.base_url, client_args=direct, async_client_args=direct)
        return GeminiClientV2("emulated", http_options=http_options, **{"request_timeout_s": 5, **options})

    return make


@pytest.fixture
def no_waits(monkeypatch):
    """Retry without waiting, and record the waits."""
    waits = []

    def wait_s(self, state):
        waits.append(computed(self, state))
        return 0.0

    computed = Pace.wait_s
    monkeypatch.setattr(Pace, "wait_s", wait_s)
    return waits
