"""Fixtures of the backend contract and SQLite files to run it on."""

import pytest

from hydrochat_otel.fleet.bounds import Bounds
from hydrochat_otel.fleet.sqlite.backend import SqliteBackend

pytest.register_assert_rewrite("fleet.backend_contract", "fleet.merge_contract", "fleet.sqlite_files")


@pytest.fixture
def backend(make_backend):
    """One backend on the state; `make_backend` is the module's own."""
    return make_backend()


@pytest.fixture
def state_path(tmp_path):
    return tmp_path / "state.db"


@pytest.fixture
def make_sqlite(state_path):
    """Return another backend on the same file."""
    made = []

    def make(bounds=None, **changes):
        made.append(SqliteBackend(state_path, bounds or Bounds(), **{"busy_timeout_s": 10.0, **changes}))
        return made[-1]

    yield make
    for backend in made:
        backend.close()
