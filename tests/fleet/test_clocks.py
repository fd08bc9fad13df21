"""Promises about a shared state whose clock jumps: what a wrong clock calls expired comes back with the right one."""

import pytest
from fleet.backend_contract import said
from fleet.redis_calls import PATIENT_S

from hydrochat_otel.fleet.backend import CLOCK_GAP_S
from hydrochat_otel.fleet.bounds import Bounds

pytest_plugins = ["fleet.redis_fixtures"]

HOUR_S = 3600.0
BOUNDS = Bounds(max_entries=3, ttl_s=24 * HOUR_S, silent_after_s=10.0)


class SqliteState:
    """A state in a file by a clock that a test steps."""

    def __init__(self, make_sqlite, clock):
        self.clock = clock
        self.backend = make_sqlite(BOUNDS, wall=lambda: clock.wall_s)

    def now_s(self):
        return self.clock.wall_s

    def jump(self, seconds):
        self.clock.wall_s += seconds


class RedisState:
    """A state in a Redis. Its own clock cannot be stepped, so every time that is stored is moved the other way."""

    def __init__(self, connect, server, group):
        self.server, self.group = server, group
        self.backend = connect(server.url, BOUNDS, timeout_s=PATIENT_S)

    def now_s(self):
        with self.server.client() as client:
            seconds, microseconds = client.time()
        return seconds + microseconds / 1e6

    def jump(self, seconds):
        prefix = f"hydrochat_otel:{{{self.group}}}:v1:"
        with self.server.client() as client:
            for name in ("seen", "entries"):
                for member, _ in client.zscan_iter(prefix + name):
                    client.zincrby(prefix + name, -seconds, member)
            for field in ("made", "restored", "clock", "doubted"):
                if client.hexists(prefix + "meta", field):
                    client.hincrbyfloat(prefix + "meta", field, -seconds)


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.real)])
def state(request):
    """A state whose clock jumps."""
    if request.param == "sqlite":
        return SqliteState(request.getfixturevalue("make_sqlite"), request.getfixturevalue("clock"))
    shared = request.getfixturevalue("shared")
    return RedisState(request.getfixturevalue("connect"), shared("alone"), request.getfixturevalue("group"))


def publish(state, seq, *ages_s):
    entries = [(state.now_s() - age_s, f"{seq}:{age_s:g}".encode()) for age_s in ages_s]
    return state.backend.exchange(said(seq=seq, entries=entries), 0, read=True)


def read(state):
    return state.backend.exchange(None, 0, read=True)


def test_a_jump_ahead_drops_nothing_for_good(state):
    """A clock 30 h ahead hides the window; set right, it shows all of it, and what was published meanwhile."""
    publish(state, 1, 60, 120)
    state.jump(30 * HOUR_S)
    assert read(state).contents.entries == []
    answer = publish(state, 2, 0)
    assert (answer.contents.entries, answer.contents.evicted) == ([b"2:0"], {})
    state.jump(-30 * HOUR_S)
    answer = read(state)
    assert (answer.contents.entries, answer.contents.evicted) == ([b"1:120", b"1:60", b"2:0"], {})


def test_a_window_in_doubt_stays_bounded(state):
    """Under a clock in doubt, the entries that it calls expired make room first, and are counted as expired."""
    publish(state, 1, 60, 120, 180)
    state.jump(30 * HOUR_S)
    answer = publish(state, 2, 0, 1)
    assert (answer.contents.entries, answer.contents.evicted) == ([b"2:1", b"2:0"], {"age": 2})
    assert publish(state, 3, 2, 3).contents.evicted == {"age": 3, "capacity": 1}


def test_a_clock_that_runs_on_is_believed(state):
    """A time to live after the gap, what is still expired is deleted: no process ran, or the clock was right."""
    publish(state, 1, 60)
    state.jump(30 * HOUR_S)
    publish(state, 2, 0)
    for _ in range(int(25 * HOUR_S / CLOCK_GAP_S) + 3):
        state.jump(CLOCK_GAP_S * 0.95)
        answer = read(state)
    assert (answer.contents.entries, answer.contents.evicted) == ([], {"age": 2})


def test_a_clock_set_back_leaves_nothing_young_for_ever(state):
    """Times in the future count by their distance: neither does the state stay new, nor a departed member alive."""
    state.jump(30 * HOUR_S)
    publish(state, 1, 0)
    state.jump(-30 * HOUR_S)
    answer = read(state)
    assert answer.age_s > 29 * HOUR_S
    assert (answer.members, answer.silent) == (0, {"one": 1})
