"""Finds the common ancestor of a service's workers; each worker can do so without communication."""

import os
import sys
from pathlib import Path
from typing import Final

_GENERATIONS: Final = 16
_STARTED: Final = 19
"""Index of the start time (ticks since the system's start) in the part of a ``stat`` file after the name."""
_SPAWNED: Final = (b"--multiprocessing-fork", b"multiprocessing.forkserver")


def leader() -> int | None:
    """Return the process that this one is a worker of; None for a program of its own.

    Workers were forked, or made by :mod:`multiprocessing`. The workers of a worker have the same leader.
    """
    pid, above = os.getpid(), os.getppid()
    process = sys.modules.get("multiprocessing.process")
    made = "--multiprocessing-fork" in sys.orig_argv or (process is not None and process.parent_process() is not None)
    if not made and not _is_worker(pid, above):
        return None
    for _ in range(_GENERATIONS):
        pid, above = above, _parent(above)
        if not _is_worker(pid, above):
            break
    return pid


def identity(pid: int) -> str:
    """Return an identity of a process that stays unique after its number was reused."""
    facts = _facts(pid)
    return f"{pid}-{facts[_STARTED]}" if facts else str(pid)


def _is_worker(pid: int, parent: int) -> bool:
    """Return whether multiprocessing spawned the process, or it runs its parent's exact command: a fork of it.

    Django's reloader starts the same command again; its processes then share their totals, which does no harm.
    """
    ours, parents = _command(pid), _command(parent)
    if any(mark in ours for mark in _SPAWNED):
        return True
    return bool(ours) and (ours == parents or (b"gunicorn: worker" in ours and b"gunicorn: master" in parents))


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # not Linux, or the process has ended
        return b""


def _parent(pid: int) -> int:
    facts = _facts(pid)
    return int(facts[1]) if facts else 0


def _facts(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
