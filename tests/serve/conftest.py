"""A running server."""

import pytest

from hydrochat_otel.serve.server import Server


@pytest.fixture
def server(installed):
    with Server("127.0.0.1", 0) as running:
        yield running
