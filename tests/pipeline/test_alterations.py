"""Promises about data that other processes wrote into the shared state: all of it is checked."""

import json
import os
import random
import sqlite3
import time

import pytest

from hydrochat_otel import track_response_time, web
from hydrochat_otel.fleet.backend import Publication
from hydrochat_otel.fleet.bounds import Bounds
from hydrochat_otel.fleet.sqlite.backend import SqliteBackend
from hydrochat_otel.web import Request, respond

ALTERATIONS = int(os.environ.get("HYDROCHAT_TEST_ALTERATIONS", "60"))
"""The number of each kind in a run of the suite; thousands on request."""
pytestmark = pytest.mark.timeout(60 + ALTERATIONS)

BEARER = {"authorization": "Bearer token-of-the-tests-1234"}
PATHS = (web.EXPORT_PATH, web.METRICS_PATH, web.HISTORY_PATH, web.OVERVIEW_PATH)
JUNK = (
    None, True, False, -1, 0, 1, 2**53 + 1, 2**63, 2**64 - 1, -(2**63), 0.5, 1e308, -1e308, "", "x", "nan", "inf",
    "-inf", "1", "\x00", "\n", '"', "{}", "\U0001f600", "é" * 3000, [], {}, [[]], [1, 2], {"a": 1}, {"": ""},
    {"le": "1"},
)  # fmt: skip


@pytest.fixture
def shared(tmp_path, install):
    """A pipeline on a state with another member; returns the file and what the other member wrote as JSON."""
    file = tmp_path / "state.db"
    running = install(state=f"sqlite:///{file}", publish_interval_s=60, max_entries=50)
    with track_response_time("chat.turn"):
        pass
    running.snapshot()
    with sqlite3.connect(file) as database:
        ((own,),) = database.execute("SELECT totals FROM members").fetchall()
        entries = [json.loads(data) for (data,) in database.execute("SELECT text FROM entries")]
    other = json.loads(own) | {"member": "other"}
    publication = Publication(member="other", seq=1, totals=json.dumps(other).encode())
    SqliteBackend(file, Bounds(), service=running.service_name()).exchange(publication, 0, read=False)
    return file, other, entries[0]


def places(value, at=()):
    """Return every place inside a JSON value."""
    yield at
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*at, key))


def alter(value, random_):
    """Return a copy with one place replaced, removed or doubled, or cut off."""
    copied = json.loads(json.dumps(value))
    at = random_.choice([place for place in places(value) if place])
    inside = copied
    for key in at[:-1]:
        inside = inside[key]
    kind = random_.choice(("replace", "replace", "replace", "remove", "double", "cut", "bytes"))
    if kind == "remove":
        del inside[at[-1]]
    elif kind == "double" and isinstance(inside, list):
        inside.append(inside[at[-1]])
    else:
        inside[at[-1]] = random_.choice(JUNK)
    data = json.dumps(copied).encode()
    if kind == "cut":
        return data[: random_.randrange(len(data))]
    if kind == "bytes":
        position = random_.randrange(len(data))
        return data[:position] + bytes([random_.randrange(256)]) + data[position + 1 :]
    return data


def statuses():
    return {path: respond(Request("GET", path, BEARER)).status for path in PATHS}


def test_altered_totals_break_no_endpoint(shared):
    """However one member's totals were altered, every endpoint answers 200 to every client."""
    file, other, _ = shared
    random_ = random.Random(1)
    with sqlite3.connect(file, isolation_level=None) as database:
        for _ in range(ALTERATIONS):
            data = alter(other, random_)
            database.execute("UPDATE members SET totals = ?, seen_unix_s = ? WHERE id = 'other'", (data, time.time()))
            assert set(statuses().values()) == {200}, data


def test_an_altered_entry_breaks_no_endpoint(shared):
    """However one entry was altered, every endpoint answers 200 to every client."""
    file, _, entry = shared
    random_ = random.Random(2)
    with sqlite3.connect(file, isolation_level=None) as database:
        for _ in range(ALTERATIONS):
            data = alter(entry, random_)
            database.execute("REPLACE INTO entries (end_unix_s, text) VALUES (?, ?)", (time.time(), data))
            assert set(statuses().values()) == {200}, data
