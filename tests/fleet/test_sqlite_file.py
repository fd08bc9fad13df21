"""The file: permissions, damage, what keeps it from being used, and forks."""

import contextlib
import ctypes
import fcntl
import os
import random
import resource
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path

import forked
import pytest
from backend_contract import NOW_S, contents, everything, said

from hydrochat_otel.fleet.backend import Bounds, StateError
from hydrochat_otel.fleet.sqlite.backend import SqliteBackend

UNPRIVILEGED_UID = 65534


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


# -- permissions --------------------------------------------------------------------------------------------------


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


# -- what is not ours ----------------------------------------------------------------------------------------------


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


# -- damage --------------------------------------------------------------------------------------------------------


def zeroed(first_page, pages=1):
    def damage(data):
        start = (first_page - 1) * 4096
        return data[:start] + bytes(4096 * pages) + data[start + 4096 * pages :]

    return damage


DAMAGES = {
    "truncated": lambda data: data[: len(data) // 2],
    "truncated in its header": lambda data: data[:50],
    "header zeroed": zeroed(1),
    "page zeroed": zeroed(2),
    "random": lambda data: random.Random(6).randbytes(len(data)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_kept_and_a_new_state_begun(make_sqlite, state_path, caplog, damage):
    """A damaged file is moved aside unchanged, logged once, and every process continues with a new state."""
    one, two = make_sqlite(), make_sqlite()
    before = one.exchange(None, 0, read=False).store_id
    fill(one)
    damaged = damage(state_path.read_bytes())
    state_path.write_bytes(damaged)
    first = one.exchange(said("one"), 0, read=False)
    second = two.exchange(said("two"), 0, read=False)
    assert first.store_id == second.store_id != before
    assert everything(one).contents == contents({"one": b"totals", "two": b"totals"})
    aside = state_path.with_name("state.db.corrupt-1")
    assert aside.read_bytes() == damaged
    assert [(totals.name, totals.levelname, totals.getMessage()) for totals in caplog.records] == [
        (
            "hydrochat_otel",
            "WARNING",
            (
                f"The shared state in {state_path} was damaged; it was moved to {aside}, and a new state is made, "
                "into which all running processes restore their totals."
            ),
        )
    ]


def test_a_file_that_is_whole_with_its_log_only_is_not_damaged(make_sqlite, state_path, tmp_path, caplog):
    """If the log was copied back in part, by a killed process or onto a full disk, nothing is lost."""
    backend, log, copy = make_sqlite(), Path(f"{state_path}-wal"), tmp_path / "copy.db"
    for number in range(5):
        backend.exchange(said(f"{number}", totals=bytes(20_000)), 0, read=False)
    before = everything(backend)
    old, kept_log = state_path.read_bytes(), log.read_bytes()
    backend.close()
    newer = state_path.read_bytes()
    assert len(newer) > len(old)
    copy.write_bytes(newer[:4096] + old[4096:])
    Path(f"{copy}-wal").write_bytes(kept_log)
    partly = SqliteBackend(copy, Bounds())
    assert everything(partly) == before
    partly.close()
    assert not caplog.records


def test_damage_that_comes_again_is_kept_beside_the_first(make_sqlite, state_path):
    """Each damaged file has a number of its own, and beyond twenty of them no more are moved."""
    backend = quick(state_path)
    for number in range(20):
        state_path.write_bytes(b"\x00%d" % number * 5000)
        backend.exchange(said(), 0, read=False)
        backend.close()
    state_path.write_bytes(b"\x00once more" * 5000)
    assert refusal(backend) == (
        f"The shared state in {state_path} is damaged, and so were 20 earlier ones: move those away, look at the disk."
    )
    kept = [state_path.with_name(f"state.db.corrupt-{number + 1}").read_bytes() for number in range(20)]
    assert kept == [b"\x00%d" % number * 5000 for number in range(20)]
    assert state_path.read_bytes() == b"\x00once more" * 5000


WRONG = [
    "DELETE FROM meta",
    "DROP TABLE entries",
    "UPDATE members SET id = x'ff'",
    "UPDATE members SET id = CAST(x'ff' AS TEXT)",
    "UPDATE meta SET departed_version = 'many'",
]


@pytest.mark.parametrize("statement", WRONG)
def test_a_file_with_changed_contents_is_damaged(make_sqlite, state_path, statement):
    """A valid database with wrong or missing contents is moved aside, too, also while it is open."""
    backend = make_sqlite()
    backend.exchange(said(), 0, read=False)
    with contextlib.closing(sqlite3.connect(state_path)) as other:
        other.execute(statement)
        other.commit()
    with contextlib.suppress(StateError):
        backend.exchange(said("two"), 0, read=False)
    backend.exchange(said("two"), 0, read=False)
    assert everything(backend).contents == contents({"two": b"totals"})
    assert "state.db.corrupt-1" in names(state_path)


def test_processes_that_find_the_damage_at_once_move_it_once(make_sqlite, state_path):
    """Of several processes one moves the file, and all continue with the same new one."""
    members = 6
    fill(backend := make_sqlite())
    state_path.write_bytes(b"\xff" * 50_000)
    gate = forked.Gate()

    def publish(number):
        gate.pass_through()
        for seq in range(1, 11):
            backend.exchange(said(f"{number}", seq), 0, read=False)

    children = [forked.start(lambda number=number: publish(number)) for number in range(members)]
    gate.open()
    forked.wait(*children)
    assert everything(backend).contents.totals == dict.fromkeys(map(str, range(members)), b"totals")
    assert [name for name in names(state_path) if "corrupt" in name] == ["state.db.corrupt-1"]


def test_a_process_that_finds_the_damage_late_moves_nothing(make_sqlite, state_path):
    """A file that has replaced the damaged one meanwhile is used, and not moved."""
    one, late = make_sqlite(), make_sqlite()
    late._file._suspect = (state_path.parent.stat().st_dev, state_path.parent.stat().st_ino)
    one.exchange(said(), 0, read=False)
    assert everything(late).members == 1
    assert [name for name in names(state_path) if "corrupt" in name] == []


def test_any_wrong_byte_ends_in_a_state_that_works(make_sqlite, state_path):
    """Whatever single bytes are wrong, exchanges work or are refused in a sentence, and then work."""
    chance = random.Random(60)
    backend = make_sqlite()
    fill(backend)
    whole = state_path.read_bytes()
    for _ in range(40):
        wrong = bytearray(whole)
        for _ in range(chance.randrange(1, 20)):
            wrong[chance.randrange(100, len(wrong))] = chance.randrange(256)
        state_path.write_bytes(wrong)
        with contextlib.suppress(StateError):
            backend.exchange(said("new", 2), 0, read=True)
        backend.exchange(said("new", 3), 0, read=True)
        backend.close()
        for aside in state_path.parent.glob("*.corrupt-*"):
            aside.unlink()


# -- files that disappear while in use ----------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [[""], ["", "-wal", "-shm"]])
def test_a_deleted_file_is_made_again(make_sqlite, state_path, gone):
    """A process that has the file open notices its deletion, and all share the next one."""
    one, two = make_sqlite(), make_sqlite()
    before = one.exchange(said("one"), 0, read=False).store_id
    two.exchange(said("two"), 0, read=False)
    for suffix in gone:
        Path(f"{state_path}{suffix}").unlink()
    assert one.exchange(said("one"), 0, read=False).store_id != before
    two.close()
    assert everything(make_sqlite()).contents == contents({"one": b"totals"})
    two.exchange(said("two"), 0, read=False)
    assert everything(one).contents == contents({"one": b"totals", "two": b"totals"})


def test_a_deleted_file_is_left_by_other_processes_too(make_sqlite, state_path):
    """A process that has a deleted file and its log open does not disturb the new one, and moves to it."""
    backend = make_sqlite()
    opened, deleted = forked.Gate(), forked.Gate()

    def publish():
        for seq in range(1, 20):
            backend.exchange(said("child", seq, bytes(20_000)), 0, read=False)
        opened.open()
        deleted.pass_through()
        backend.exchange(said("child", 20), 0, read=False)

    child = forked.start(publish)
    opened.pass_through()
    state_path.unlink()
    for seq in range(1, 5):
        assert everything(backend).contents.totals.keys() == ({"parent"} if seq > 1 else set())
        backend.exchange(said("parent", seq), 0, read=False)
    deleted.open()
    forked.wait(child)
    assert everything(make_sqlite()).contents == contents({"child": b"totals", "parent": b"totals"})


def test_a_replaced_file_is_opened_instead(make_sqlite, state_path, tmp_path):
    """A process that has the file open moves to the file that replaced it."""
    backend = make_sqlite()
    backend.exchange(said("one"), 0, read=False)
    backend.close()
    shutil.copy(state_path, tmp_path / "copy.db")
    backend.exchange(said("two"), 0, read=False)
    for suffix in ("-wal", "-shm"):
        Path(f"{state_path}{suffix}").unlink()
    (tmp_path / "copy.db").replace(state_path)
    assert everything(backend).contents == contents({"one": b"totals"})


def test_a_removed_log_separates_no_processes(make_sqlite, state_path):
    """If the log is deleted while in use, all users share the next file."""
    one, two = make_sqlite(), make_sqlite()
    for number, backend in enumerate((one, two)):
        backend.exchange(said(f"{number}"), 0, read=False)
    Path(f"{state_path}-wal").unlink()
    Path(f"{state_path}-shm").unlink()
    for number, backend in enumerate((one, two)):
        backend.exchange(said(f"{number}", 2, b"again"), 0, read=False)
    assert everything(one).contents == everything(two).contents == contents({"0": b"again", "1": b"again"})


# -- what keeps it from being used ---------------------------------------------------------------------------------


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


# -- forks ---------------------------------------------------------------------------------------------------------


def test_parent_and_child_both_go_on(make_sqlite):
    """All see a child that was forked with the file open, also when it outlives its parent's connection."""
    backend = make_sqlite()
    backend.exchange(said("parent"), 0, read=False)
    closed = forked.Gate()

    def publish():
        backend.abandon()
        backend.exchange(said("child"), 0, read=False)
        closed.pass_through()
        backend.exchange(said("child", 2, b"later"), 0, read=False)

    child = forked.start(publish)
    while backend.exchange(None, 0, read=False).members != 2:
        os.sched_yield()
    backend.close()
    backend.exchange(said("parent", 2, b"again"), 0, read=False)
    closed.open()
    forked.wait(child)
    assert everything(backend).contents == contents({"parent": b"again", "child": b"later"})


def test_a_fork_at_any_moment_of_an_exchange_does_no_harm(make_sqlite):
    """Children that are forked while another thread exchanges all publish, and so does their parent."""
    backend, own = make_sqlite(), make_sqlite()
    done, published = threading.Event(), []

    def publish():
        while not done.is_set():
            backend.exchange(said("parent", len(published) + 1, bytes(20_000)), 0, read=True)
            published.append(True)

    thread = threading.Thread(target=publish)
    thread.start()
    children = [
        forked.start(lambda number=number: backend.exchange(said(f"{number}"), 0, read=True)) for number in range(20)
    ]
    done.set()
    thread.join()
    forked.wait(*children)
    backend.exchange(said("parent", len(published) + 1, b"last"), 0, read=False)
    assert everything(own).contents.totals == {
        "parent": b"last",
        **dict.fromkeys(map(str, range(20)), b"totals"),
    }


def test_a_fork_that_python_does_not_see_is_refused(make_sqlite, state_path):
    """A child that inherited the open file does not use it and says so; the parent continues."""
    backend = make_sqlite()
    backend.exchange(said(), 0, read=False)
    before = everything(backend)
    child = ctypes.PyDLL(None).fork()
    if not child:
        status = 1
        with contextlib.suppress(BaseException):
            sentence = "was in use when this process was forked, and cannot be used in it: restart the process"
            backend.close()
            assert refusal(backend) == f"The shared state in {state_path} {sentence}."
            backend.abandon()
            assert refusal(backend) == f"The shared state in {state_path} {sentence}."
            status = 0
        os._exit(status)
    forked.wait(child)
    assert everything(backend) == before
