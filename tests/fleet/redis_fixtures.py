"""Fixtures of the tests on real Redis servers; a module loads them by ``pytest_plugins = ["fleet.redis_fixtures"]``."""

import uuid

import pytest
from conftest import require_program
from fleet.redis_servers import ClusterServer, RedisServer, SentinelServer

from hydrochat_otel.fleet.bounds import Bounds
from hydrochat_otel.fleet.redis.backend import RedisBackend


@pytest.fixture(scope="module")
def redis_program():
    return require_program("redis-server", "redis-server")


@pytest.fixture(scope="module")
def shared(redis_program, tmp_path_factory):
    """Return the server of a topology that all tests share that leave it unchanged."""
    servers = {}

    def get(topology):
        if topology not in servers:
            directory = tmp_path_factory.mktemp(topology)
            kinds = {"alone": RedisServer, "cluster": ClusterServer, "sentinel": SentinelServer}
            more = {"master": get("alone")} if topology == "sentinel" else {}
            servers[topology] = kinds[topology](redis_program, directory, **more)
            servers[topology].start()
        return servers[topology]

    yield get
    for server in servers.values():
        server.kill()


@pytest.fixture
def group():
    return uuid.uuid4().hex


@pytest.fixture
def connect(group):
    """Return another backend on the address; all are closed at the end."""
    made = []

    def connect(url, bounds=None, **changes):
        made.append(RedisBackend(url, changes.pop("group", group), bounds or Bounds(), **changes))
        return made[-1]

    yield connect
    for backend in made:
        backend.close()


@pytest.fixture
def server(redis_program, tmp_path):
    """A server of this test's own."""
    with RedisServer(redis_program, tmp_path / "redis") as server:
        yield server


@pytest.fixture
def start(redis_program, tmp_path):
    """Return another server of this test's own, with options."""
    started = []

    def start(*options, kind=RedisServer, **changes):
        started.append(kind(redis_program, tmp_path / f"redis-{len(started)}", *options, **changes))
        return started[-1].start()

    yield start
    for one in started:
        one.kill()
