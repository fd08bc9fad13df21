"""An emulator and clients for it."""

import pytest
from google import genai
from testing.gemini_clients import RETRIES, options

from hydrochat_otel.testing.emulator import GeminiEmulator


@pytest.fixture
def emulator():
    """A running emulator without a brain."""
    with GeminiEmulator() as running:
        yield running


@pytest.fixture
def client(emulator):
    """A client of the Gemini API that does not retry."""
    with genai.Client(vertexai=False, api_key="emulated", http_options=options(emulator)) as gemini:
        yield gemini


@pytest.fixture
def retrying(emulator):
    """A client that makes up to four attempts."""
    http_options = options(emulator, retry_options=RETRIES)
    with genai.Client(vertexai=False, api_key="emulated", http_options=http_options) as gemini:
        yield gemini
