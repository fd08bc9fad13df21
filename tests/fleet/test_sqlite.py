"""The backend contract, and what several processes do to one file."""

import os
import random
import signal
import sqlite3
from functools import partial

import pytest
from fleet import forked
from fleet.backend_contract import *  # noqa: F403 - each function of it is a test of this backend, too
from fleet.backend_contract import NOW_S, contents, everything, said
from fleet.merge_contract import *  # noqa: F403 - as above

from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.sqlite import file
from hydrochat_otel.fleet.sqlite.backend import SqliteBackend


@pytest.fixture
def make_backend(make_sqlite):
    return make_sqlite


def test_concurrent_publications_of_processes_are_all_stored(make_sqlite):
    """Eight processes with two hundred publications each lose none of them."""
    members, rounds = 8, 200
    backend = make_sqlite(Bounds(max_entries=members * rounds))
    gate = forked.Gate()

    def publish(number):
        gate.pass_through()
        for seq in range(1, rounds + 1):
            text = f"{number}:{seq}".encode()
            backend.exchange(said(f"{number}", seq, text, [(NOW_S, text)]), 0, read=False)

    children = [forked.start(lambda number=number: publish(number)) for number in range(members)]
    gate.open()
    forked.wait(*children)
    kept = everything(backend).contents
    assert kept.totals == {f"{number}": f"{number}:{rounds}".encode() for number in range(members)}
    assert sorted(kept.entries) == sorted(
        f"{number}:{seq}".encode() for number in range(members) for seq in range(1, rounds + 1)
    )


@pytest.mark.parametrize("after", range(1, 101, 20))
def test_a_kill_loses_nothing_that_was_acknowledged(make_sqlite, after, caplog):
    """Whenever a process is killed, the file opens and holds everything that was acknowledged."""
    bounds = Bounds(max_entries=100_000)
    out, into = os.pipe()

    def publish():
        backend = make_sqlite(bounds)
        for seq in range(1, 1_000_000):
            text = f"{seq}".encode()
            backend.exchange(said(seq=seq, totals=text * 5000, entries=[(NOW_S + seq, text)]), 0, read=False)
            os.write(into, seq.to_bytes(4))

    child = forked.start(publish)
    for _ in range(after + random.randrange(20)):
        acknowledged = int.from_bytes(os.read(out, 4))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(into)
    while said_last := os.read(out, 4):
        acknowledged = int.from_bytes(said_last)
    os.close(out)
    kept = everything(make_sqlite(bounds)).contents
    last = len(kept.entries)
    assert last in {acknowledged, acknowledged + 1}
    texts = [f"{seq}".encode() for seq in range(1, last + 1)]
    assert kept == contents({"one": texts[-1] * 5000}, texts)
    assert not caplog.records


class InterruptedConnection(sqlite3.Connection):
    """A connection at some statements of which the handler of a signal raises."""

    before = after = ()

    def execute(self, statement, *values):
        if statement in self.before:
            raise KeyboardInterrupt
        done = super().execute(statement, *values)
        if statement in self.after:
            raise KeyboardInterrupt
        return done


@pytest.mark.parametrize(
    ("before", "after"), [((), ["BEGIN IMMEDIATE"]), ((), ["COMMIT"]), (["COMMIT", "ROLLBACK"], ())], ids=str
)
def test_a_transaction_that_a_signal_handler_interrupts_is_not_left_open(make_sqlite, monkeypatch, before, after):
    """Neither the next one nor another process waits for it."""
    monkeypatch.setattr(file.sqlite3, "connect", partial(sqlite3.connect, factory=InterruptedConnection))
    backend, other = make_sqlite(), make_sqlite()
    backend.exchange(said("one", 1), 0, read=False)
    with monkeypatch.context() as interrupting:
        interrupting.setattr(InterruptedConnection, "before", before)
        interrupting.setattr(InterruptedConnection, "after", after)
        with pytest.raises(KeyboardInterrupt):
            backend.exchange(said("one", 2), 0, read=False)
    backend.exchange(said("one", 3), 0, read=False)
    other.exchange(said("two", 1), 0, read=False)


def test_time_is_counted_from_the_making_of_the_state(make_sqlite, clock):
    """Ages are of the clock that all share, and a member that does not publish falls silent with it."""
    backend = make_sqlite(Bounds(ttl_s=100, silent_after_s=10), wall=clock.wall)
    backend.exchange(said(entries=[(clock.wall(), b"entry")]), 0, read=False)
    clock.advance(9.5)
    kept = backend.exchange(None, 0, read=True)
    assert (kept.age_s, kept.members, kept.silent, kept.contents.entries) == (9.5, 1, {}, [b"entry"])
    clock.advance(90.5)
    kept = backend.exchange(None, 0, read=True)
    assert (kept.age_s, kept.members, kept.silent) == (100.0, 0, {"one": 1})
    assert kept.contents == contents({"one": b"totals"}, evicted={"age": 1})


def test_an_entry_without_a_time_stops_no_publication(make_sqlite):
    """An entry whose end is not a number is left out, and the publication is stored."""
    backend = make_sqlite()
    backend.exchange(said(entries=[(float("nan"), b"never"), (NOW_S, b"now")]), 0, read=False)
    assert everything(backend).contents == contents({"one": b"totals"}, [b"now"])


def test_a_file_belongs_to_the_service_that_made_it(tmp_path):
    """Another service is refused in one sentence that names both, and changes nothing."""
    path = tmp_path / "state.db"
    SqliteBackend(path, Bounds(), service="chat").exchange(said(), 0, read=False)
    with pytest.raises(StateError, match=r"belongs to the service 'chat', but this process is of 'mail': name another"):
        SqliteBackend(path, Bounds(), service="mail").exchange(said("m-2"), 0, read=False)
    receipt = SqliteBackend(path, Bounds(), service="chat").exchange(None, 0, read=True)
    assert list(receipt.contents.totals) == ["one"]


@pytest.mark.parametrize("text", ["notes\n", "x" * 10_000, "caf\u00e9\n" * 500])
def test_a_text_is_refused_and_left_untouched(tmp_path, text):
    """A file that is not a database is not renamed, and the sentence says so."""
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(StateError, match="is a text file, not a database, and is left untouched"):
        SqliteBackend(path, Bounds()).exchange(said(), 0, read=False)
    assert path.read_text() == text
    assert sorted(one.name for one in tmp_path.iterdir()) == ["notes.txt", "notes.txt.lock"]
