"""Calls of a Redis backend that several test modules make."""

import re

import pytest
from fleet.backend_contract import entries, everything, said

from hydrochat_otel.fleet.backend import Knowledge
from hydrochat_otel.fleet.bounds import StateError

SECRET = "s3cretWound"
PATIENT_S = 30.0
"""A time-out for tests that do not test time."""


def fill(backend):
    """Publish, merge and restore one of each; return what is stored, and the state's identifier."""
    for member in ("one", "two"):
        backend.exchange(said(member, entries=entries(1, 2)), 0, read=False)
    backend.restore(Knowledge(evicted={"age": 5}))
    assert backend.merge({"one": 1}, b"departed", 0)
    return backend.exchange(None, 0, read=False).store_id, everything(backend)


def refusal(backend, publication=None):
    """Return why the backend cannot be used; the error is one sentence without a cause."""
    with pytest.raises(StateError) as raised:
        backend.exchange(publication or said(seq=99), 0, read=True)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    text = str(raised.value)
    assert re.fullmatch(r"The shared state at [^\n]+ [^\n]+[^.]\.", text)
    return text


def works(backend, publication=None):
    """Return whether the backend can be used now."""
    try:
        backend.exchange(publication, 0, read=True)
    except StateError:
        return False
    return True


def keys(client, group):
    return sorted(client.scan_iter(match=f"*{group}*", count=1000))
