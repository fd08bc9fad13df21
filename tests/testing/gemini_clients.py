"""The real client pointed at an emulator, and the requests of the tests."""

import time

import pytest
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import types

MODEL = "gemini-2.5-flash"
RETRIES = types.HttpRetryOptions(attempts=4, initial_delay=0.01, max_delay=0.02, jitter=0)
SDK_3 = pytest.mark.skipif(int(genai.__version__.split(".")[0]) < 3, reason="google-genai before 3 does it otherwise")
_DIRECT = {"trust_env": False}


def options(emulator, **fields):
    """Return options that send a client to the emulator, past any proxy."""
    return types.HttpOptions(base_url=emulator.base_url, client_args=_DIRECT, async_client_args=_DIRECT, **fields)


def generate(client, contents="How is the wound?", model=MODEL, **config):
    """Make one plain request."""
    return client.models.generate_content(
        model=model, contents=contents, config=types.GenerateContentConfig(**config) if config else None
    )


def stream(client, contents="How is the wound?", **config):
    """Make one streamed request."""
    return client.models.generate_content_stream(
        model=MODEL, contents=contents, config=types.GenerateContentConfig(**config) if config else None
    )


def only_line(emulator):
    """Return the only line of the ledger."""
    (line,) = emulator.ledger.lines
    return line


def wait_for_requests(emulator, count):
    """Return once this many requests have arrived."""
    while len(emulator.requests) < count:
        time.sleep(0.005)


def vertex(emulator, **credentials):
    """Return a client of Vertex AI."""
    return genai.Client(vertexai=True, http_options=options(emulator), **credentials)


def vertex_project(emulator):
    """Return a client of Vertex AI with a project and a location."""
    credentials = AnonymousCredentials()
    credentials.token = "emulated"
    return vertex(emulator, credentials=credentials, project="ward", location="asia-southeast1")
