"""Promises of :mod:`hydrochat_otel.instrumentation.gemini.storage`."""

import itertools
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from hydrochat_otel.instrumentation.gemini.storage import Storage

NOON_S = 1_800_000_000.0
HOUR_S = 3600.0


class Charges:
    """Keeps the token-hours of each charge."""

    def __init__(self):
        self.token_hours = []

    def __call__(self, operation, model, api_client):
        return SimpleNamespace(charge=lambda _, units: self.token_hours.append(units), succeed=lambda: None)


class Clock:
    """A wall clock that a test sets."""

    def __init__(self):
        self.now = NOON_S

    def time(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    stepped = Clock()
    monkeypatch.setattr("hydrochat_otel.instrumentation.gemini.storage.time", stepped)
    return stepped


@pytest.fixture
def charges():
    return Charges()


@pytest.fixture
def storage(charges, clock):
    return Storage(charges)


def content(hours, name="cachedContents/1", tokens=100):
    """Return content that is stored at noon for so many hours."""
    usage = SimpleNamespace(total_token_count=tokens)
    stored, expires = (datetime.fromtimestamp(NOON_S + HOUR_S * more, UTC) for more in (0, hours))
    return SimpleNamespace(
        name=name, model="gemini-2.5-flash", usage_metadata=usage, create_time=stored, expire_time=expires
    )


def test_storage_is_charged_from_creation_to_deletion(storage, charges, clock):
    """Deleted content is charged for the time that it was stored, once."""
    storage.store(content(hours=5), None, None)
    clock.now += 2 * HOUR_S
    storage.delete("cachedContents/1")
    storage.delete("cachedContents/1")
    storage.settle()
    assert charges.token_hours == [200.0]


def test_the_background_charges_whole_hours_and_what_expired(storage, charges, clock):
    """Content that stays is charged at least once an hour, and until its expiry only."""
    storage.store(content(hours=1.5), None, None)
    for minutes in (30, 30, 20, 60, 60):
        clock.now += 60 * minutes
        storage.refresh()
    assert charges.token_hours == [100.0, 50.0]


def test_a_changed_expiry_counts(storage, charges, clock):
    """Content whose time to live was extended is charged until the new moment."""
    storage.store(content(hours=1), None, None)
    storage.extend(content(hours=3))
    clock.now += 9 * HOUR_S
    storage.refresh()
    assert charges.token_hours == [300.0]


@pytest.mark.parametrize("ask", ["delete", "settle", "refresh"])
def test_two_threads_charge_no_time_twice(storage, charges, clock, ask):
    """Content that is deleted at any line of another charge of it is charged once for each moment."""
    asked = {"delete": lambda: storage.delete("cachedContents/1"), "settle": storage.settle, "refresh": storage.refresh}
    for nth in itertools.count():
        charges.token_hours.clear()
        clock.now = NOON_S
        storage.store(content(hours=5), None, None)
        clock.now += 2 * HOUR_S
        reached = at_line(nth, asked[ask], lambda: storage.delete("cachedContents/1"))
        storage.delete("cachedContents/1")
        assert sum(charges.token_hours) == 200.0, nth
        if not reached:
            break
    assert nth > 5


def at_line(nth, do, meanwhile):
    """Do `meanwhile` at the n-th line of a charge within `do`; return whether there was such a line."""
    left = [nth]

    def trace(frame, event, _):
        if frame.f_code.co_name != "_charge":
            return trace
        if event == "line":
            left[0] -= 1
            if left[0] == -1:
                sys.settrace(None)
                meanwhile()
                sys.settrace(trace)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        do()
    finally:
        sys.settrace(before)
    return left[0] < 0
