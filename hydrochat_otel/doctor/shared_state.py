"""Checks of the shared state: whether it is reachable and writable, and what it keeps over a restart."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hydrochat_otel.doctor.findings import Finding, Level, Subject
from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.discovery import backend_of

_VOLATILE: Final = frozenset({"tmpfs", "ramfs", "overlay"})


def state(subject: Subject) -> Iterator[Finding]:
    """Read the state once, as a scrape does, and report how long it lasts."""
    if subject.settings is None:
        return
    named = subject.settings.state
    if named in {"auto", "memory"}:
        yield Finding(
            "state",
            Level.NOTE,
            f"HYDROCHAT_STATE={named}: totals start at zero when the service restarts.",
            "Set HYDROCHAT_STATE to sqlite:///path or to a Redis to keep them.",
        )
        return
    file = Path("/" + named.removeprefix("sqlite:///").lstrip("/")) if named.startswith("sqlite:///") else None
    try:
        if file is not None and not file.exists():
            yield from _new_file(file)
            return
        backend = backend_of(named, "hydrochat-otel-doctor", Bounds())
        assert backend is not None
        try:
            backend.exchange(None, 0, read=False)
        finally:
            backend.close()
    except StateError as error:
        yield Finding("state", Level.PROBLEM, str(error), "See docs/several-processes.md for what each state needs.")
        return
    if file is None:
        yield Finding("state", Level.OK, "The Redis answers; totals last as long as it persists (appendonly yes).")
    else:
        yield from _lasting(file)


def _new_file(file: Path) -> Iterator[Finding]:
    """Check the directory of a file that the service will make."""
    if file.parent.is_dir() and os.access(file.parent, os.W_OK):
        yield from _lasting(file)
    else:
        yield Finding(
            "state",
            Level.PROBLEM,
            f"{file.parent} does not exist or is not writable for this user: {file.name} cannot be made in it.",
            "Make the directory writable for the user of the service, or name another one.",
        )


def _lasting(file: Path) -> Iterator[Finding]:
    kind = _file_system(file.parent)
    if kind in _VOLATILE:
        yield Finding(
            "state",
            Level.WARNING,
            f"{file} is writable, but it is on {kind}, which does not outlive the machine or container.",
            "Name a file on a volume that lasts.",
        )
    else:
        yield Finding("state", Level.OK, f"{file} is writable and outlives a restart.")


def _file_system(directory: Path) -> str:
    """Return the type of the file system that holds a directory; empty if the system does not provide it."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, found = -1, ""
    for fields in (line.split() for line in mounts):
        point = Path(fields[1])
        if (directory.resolve() == point or point in directory.resolve().parents) and len(point.parts) > best:
            best, found = len(point.parts), fields[2]
    return found


CHECKS: Final = (state,)
