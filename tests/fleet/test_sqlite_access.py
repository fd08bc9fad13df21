"""Promises of the file of a SQLite state: which users can read it, and what keeps it from being used."""

import contextlib
import fcntl
import os
import resource
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from fleet.backend_contract import NOW_S, contents, everything, said
from fleet.sqlite_files import fill, modes, names, quick, refusal

from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.sqlite.backend import SqliteBackend

UNPRIVILEGED_UID = 65534


@pytest.mark.parametrize("umask", [0, 0o777])
def test_only_the_owner_may_read(make_sqlite, state_path, umask):
    """Only the owner can read the file, its log and its lock file, whatever the process's mask."""
    before = os.umask(umask)
    try:
        make_sqlite().exchange(said(), 0, read=False)
    finally:
        os.umask(before)
    assert names(state_path) == ["state.db", "state.db-shm", "state.db-wal", "state.db.lock"]
    assert modes(state_path) == {0o600}


def test_an_empty_file_becomes_a_state(make_sqlite, state_path):
    """An empty file is used, and made unreadable for others."""
    state_path.touch(0o644)
    make_sqlite().exchange(said(), 0, read=False)
    assert modes(state_path) == {0o600}


def test_nothing_is_opened_before_the_first_call(make_sqlite, state_path):
    """A backend without a call leaves no file."""
    make_sqlite().close()
    assert names(state_path) == []


def test_a_link_leads_to_the_state(make_sqlite, state_path, tmp_path):
    """The path may be a symbolic link, also one to a file that does not exist yet."""
    (tmp_path / "elsewhere").mkdir()
    state_path.symlink_to(tmp_path / "elsewhere" / "kept.db")
    make_sqlite().exchange(said(), 0, read=False)
    kept = SqliteBackend(tmp_path / "elsewhere" / "kept.db", Bounds())
    assert everything(kept).members == 1
    kept.close()


def test_another_program_s_database_is_left_untouched(make_sqlite, state_path):
    """A database with tables that are not ours is refused, and neither it nor a file beside it changes."""
    other = sqlite3.connect(state_path)
    other.executescript("PRAGMA journal_mode = WAL; CREATE TABLE patients (name); INSERT INTO patients VALUES ('x');")
    before = {one.name: one.read_bytes() for one in state_path.parent.iterdir()}
    assert refusal(make_sqlite()) == (
        f"The shared state in {state_path} is another program's database and is left untouched: name another path."
    )
    after = {one.name: one.read_bytes() for one in state_path.parent.iterdir()}
    assert after == {**before, "state.db.lock": b""}
    other.close()


def test_another_version_is_left_untouched(make_sqlite, state_path):
    """A state of another version of this program is refused and stays unchanged."""
    backend = make_sqlite()
    fill(backend)
    with contextlib.closing(sqlite3.connect(state_path)) as newer:
        newer.execute("PRAGMA user_version = 2")
    before = state_path.read_bytes()
    assert refusal(backend) == (
        f"The shared state in {state_path} has version 2, but this program uses 1, and it is left untouched: "
        "name another path, or move the file away."
    )
    assert state_path.read_bytes() == before


@pytest.fixture
def strangers_path():
    """A file in a directory of an ordinary user, as which this process runs meanwhile."""
    directory = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(directory, UNPRIVILEGED_UID, UNPRIVILEGED_UID)
        os.seteuid(UNPRIVILEGED_UID)
    yield directory / "state.db"
    if root:
        os.seteuid(0)
    directory.chmod(0o700)
    shutil.rmtree(directory)


@pytest.mark.parametrize(
    ("changed", "mode", "why"),
    [
        (".", 0o500, "cannot be opened: let this process's user read and write the file and its directory"),
        ("state.db", 0o400, "cannot be opened: let this process's user read and write the file and its directory"),
        ("state.db", 0o000, "cannot be opened: let this process's user read and write the file and its directory"),
    ],
)
def test_a_file_without_permission_is_refused_until_it_is_given(strangers_path, changed, mode, why):
    """A file or directory without permission gives a sentence, stays unchanged, and works once permitted."""
    backend = quick(strangers_path)
    kept = fill(backend)
    if changed == ".":
        strangers_path.with_name("state.db.lock").unlink()
    target = strangers_path.parent / changed
    before, allowed = strangers_path.read_bytes(), target.stat().st_mode
    target.chmod(mode)
    assert refusal(backend) == f"The shared state in {strangers_path} {why}."
    target.chmod(allowed)
    assert strangers_path.read_bytes() == before
    assert everything(backend) == kept
    backend.close()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("none/state.db", "cannot be made, because its directory does not exist: make the directory"),
        ("file/state.db", "cannot be made, because its directory is a file: name another path"),
        (".", "cannot be made, because something other than a file has its name: name another path"),
    ],
)
def test_a_path_that_cannot_be_is_refused(tmp_path, path, why):
    """No directory is made for the state, a file is not a directory, and a directory is not a file."""
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    assert refusal(quick(tmp_path / path)) == f"The shared state in {tmp_path / path} {why}."
    assert [one for one in sorted(tmp_path.rglob("*")) if one.suffix != ".lock"] == before


def test_a_directory_that_is_made_later_is_used(tmp_path):
    """The next call works as soon as the directory exists."""
    backend = quick(tmp_path / "later" / "state.db")
    refusal(backend)
    (tmp_path / "later").mkdir()
    assert everything(backend).members == 0
    backend.close()


def test_a_locked_file_is_refused_until_it_is_free(state_path):
    """If another program locks the file, a call waits and gives a sentence, with an open file and when opening."""
    sentence = f"The shared state in {state_path} is locked by another program; retrying."
    one, two = quick(state_path), quick(state_path)
    one.exchange(said(), 0, read=False)
    before = everything(one)
    with contextlib.closing(sqlite3.connect(state_path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert (refusal(one), refusal(two)) == (sentence, sentence)
        other.execute("ROLLBACK")
    assert everything(one) == everything(two) == before
    one.close()
    with Path(f"{state_path}.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert refusal(one) == sentence
    assert everything(one) == before
    for backend in (one, two):
        backend.close()


def test_a_full_disk_is_refused_until_there_is_room(make_sqlite, state_path):
    """What does not fit is not written in part, and gives a sentence; all that was stored stays."""
    backend = make_sqlite()
    before = everything(backend)
    (pages,) = backend._file._connection.execute("PRAGMA page_count").fetchone()
    backend._file._connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
    with pytest.raises(StateError) as raised:
        backend.exchange(said(totals=bytes(100_000), entries=[(NOW_S, b"entry")]), 0, read=False)
    assert str(raised.value) == (
        f"The shared state in {state_path} cannot grow, because its disk is full: make room there."
    )
    assert everything(backend) == before
    backend.exchange(said(totals=bytes(100_000)), 0, read=False)
    assert everything(backend).members == 1


def test_a_disk_that_fails_is_refused_until_it_works(make_sqlite, state_path):
    """A write that the system refuses gives a sentence, and the next call writes all of it."""
    backend = make_sqlite()
    backend.exchange(said(), 0, read=False)
    before = everything(backend)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    try:
        with pytest.raises(StateError) as raised:
            backend.exchange(said(seq=2, totals=bytes(200_000)), 0, read=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(raised.value) == (
        f"The shared state in {state_path} cannot be read or written, because its disk fails or is full: "
        "look at the file's disk."
    )
    assert everything(backend) == before
    backend.exchange(said(seq=2, totals=bytes(200_000)), 0, read=False)
    assert everything(make_sqlite()).contents == contents({"one": bytes(200_000)})
