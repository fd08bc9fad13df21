"""Promises about forks of a process that uses a SQLite state."""

import contextlib
import ctypes
import os
import threading

from fleet import forked
from fleet.backend_contract import contents, everything, said
from fleet.sqlite_files import refusal


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
