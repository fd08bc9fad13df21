"""Promises about several services on one state: a name keeps them apart, and without one each reader is informed."""

import pytest
from conftest import require_program
from fleet.redis_servers import RedisServer
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import hydrochat_otel
from hydrochat_otel.metrics_store import reset_global_metrics_store
from hydrochat_otel.pipeline.start_warnings import unnamed
from hydrochat_otel.settings import Settings
from hydrochat_otel.testing import Measured


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.real)])
def state(request, tmp_path):
    """The address of a state of the kind."""
    if request.param == "redis":
        with RedisServer(require_program("redis-server", "redis-server"), tmp_path / "redis") as server:
            yield server.url
    else:
        yield {"memory": "memory", "sqlite": f"sqlite:///{tmp_path}/state.db"}[request.param]


def service(state, name, operations):
    """Run a service that counts some operations; return the number that it reads, its notice, and its problem."""
    resource = Resource({"service.name": name})
    pipeline = hydrochat_otel.install(
        tracer_provider=TracerProvider(resource=resource),
        meter_provider=MeterProvider(resource=resource),
        state=state,
        instrument_gemini=False,
    )
    try:
        for _ in range(operations):
            with hydrochat_otel.track_response_time("turn"):
                pass
        sharing = pipeline.snapshot().sharing
        return int(Measured(pipeline).value("hydrochat.operation.duration")), sharing.notice, sharing.problem or ""
    finally:
        hydrochat_otel.shutdown()
        reset_global_metrics_store()


def test_services_with_names_share_no_numbers(state):
    """The second service reads its own numbers only: it has a state of its own, or is refused in one sentence."""
    assert service(state, "chat", 2)[:2] == (2, None)
    count, notice, problem = service(state, "reports", 4)
    assert (count, notice) == (4, None)
    refused = "belongs to the service 'chat', but this process is of 'reports'" in problem
    assert refused == state.startswith("sqlite")


def test_services_without_names_add_up_and_each_reader_is_informed(state):
    """Processes without a name are one service in a state that a setting names, and a notice says what that means."""
    notice = unnamed(Settings(state=state), "unknown_service")
    assert (notice is None) == (state == "memory")
    assert service(state, "unknown_service", 2)[:2] == (2, notice)
    assert service(state, "unknown_service", 4)[:2] == (4 if state == "memory" else 6, notice)
