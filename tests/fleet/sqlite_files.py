"""What the tests of a SQLite state's file have in common."""

import pytest
from fleet.backend_contract import NOW_S, everything, said

from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.sqlite.backend import SqliteBackend


def names(path):
    return sorted(one.name for one in path.parent.iterdir())


def modes(path):
    return {one.stat().st_mode & 0o777 for one in path.parent.iterdir()}


def refusal(backend):
    """Return why the backend cannot be used; the error is one sentence without a cause."""
    with pytest.raises(StateError) as raised:
        backend.exchange(said(seq=99), 0, read=True)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return str(raised.value)


def quick(path):
    return SqliteBackend(path, Bounds(), busy_timeout_s=0.05)


def fill(backend):
    """Publish a state of several pages and close it; return what is stored."""
    for number in range(5):
        backend.exchange(said(f"{number}", 1, b"%d" % number * 9000, [(NOW_S, b"%d" % number)]), 0, read=False)
    kept = everything(backend)
    backend.close()
    return kept
