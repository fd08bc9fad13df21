"""Promises about a SQLite state whose file is damaged, deleted or replaced."""

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from fleet import forked
from fleet.backend_contract import contents, everything, said
from fleet.sqlite_files import fill, names, quick, refusal

from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.sqlite.backend import SqliteBackend


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
