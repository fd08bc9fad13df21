"""Where the shared state is: what a setting names, or a private file of the processes that one parent made.

``auto`` means memory, until there are several processes: one that forks, and its children, meet in a SQLite file of the
run directory whose name tells the process that they descend from. Workers that a server forked or spawned before the
package was imported find the same file by whom they descend from.
"""

import os
import stat
import tempfile
import time
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hydrochat_otel.fleet.backend import Backend, Bounds, StateError
from hydrochat_otel.runtime import process_tree

_FORKS: Final = hasattr(os, "fork")
"""Whether processes of this system can meet in a file; on Windows they are on their own, or meet in a Redis."""

if _FORKS:
    # Here and not where it is needed: its fork hooks must be there before the pipeline's, which take the turn first.
    from hydrochat_otel.fleet.sqlite.backend import SqliteBackend

_ABANDONED_AFTER_S: Final = 3600.0
"""A state whose leader has ended and that nobody has written to for so long is nobody's; members write every few s."""


def backend_of(state: str, group: str, bounds: Bounds) -> Backend | None:
    """Return the backend that a setting names, without connecting; None for ``memory`` and ``auto``.

    Raises:
        StateError: The library that it needs is not installed, or this system cannot do it.
    """
    if state in {"auto", "memory"}:
        return None
    if state.startswith("sqlite:///"):
        if not _FORKS:
            raise StateError("HYDROCHAT_STATE names an SQLite file, which is shared on POSIX only: name a Redis.")
        return SqliteBackend(Path("/" + state.removeprefix("sqlite:///").lstrip("/")), bounds)
    try:
        from hydrochat_otel.fleet.redis.backend import RedisBackend  # noqa: PLC0415 - optional library
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise StateError('HYDROCHAT_STATE names a Redis: pip install "hydrochat-otel[redis]".') from None
    return RedisBackend(state, group, bounds)


def fleet_of(state: str) -> str:
    """Return what tells the processes that share a state from others, short and without a secret in it."""
    if state in {"auto", "memory"}:
        place = _identity_of_leader()[0]
    else:
        target = urlsplit(state)
        place = f"{target.scheme}://{target.netloc.rpartition('@')[2]}{target.path}"
    return blake2b(place.encode(), digest_size=8).hexdigest()


def _identity_of_leader() -> tuple[str, bool]:
    """Return what names the process that this one and its relatives descend from, and whether that is another one."""
    leader = process_tree.leader()
    return process_tree.identity(os.getpid() if leader is None else leader), leader is not None


class Location:
    """The place where this process meets the others of its service.

    Args:
        state: As in the settings.
        group: Name of the service, which keeps services that share a Redis apart.
        bounds: How much is kept there.

    Raises:
        StateError: The library that the state needs is not installed.
    """

    def __init__(self, state: str, group: str, bounds: Bounds) -> None:
        self._bounds = bounds
        self._automatic = state == "auto" and _FORKS
        self._backend = backend_of(state, group, bounds)
        self._leader, self._meets = _identity_of_leader() if self._automatic else ("", False)

    @property
    def is_nowhere(self) -> bool:
        """Whether there is no such place, and never will be: ``memory``."""
        return self._backend is None and not self._automatic

    def backend(self) -> Backend | None:
        """Return where to meet; None while this process is on its own.

        Raises:
            StateError: There is no private place for several processes.
        """
        if self._backend is None and self._automatic and (self._meets or self._file().exists()):
            directory = _private_directory()
            _forget_abandoned(directory)
            self._backend = SqliteBackend(self._file(), self._bounds)
        return self._backend

    def after_fork_in_child(self) -> None:
        """Meet the parent and its other children, on a connection of its own."""
        self._meets = True
        if self._backend is not None:
            self._backend.abandon()

    def _file(self) -> Path:
        return _run_directory() / f"{self._leader}.db"


def _run_directory() -> Path:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and os.path.isdir(given) and os.access(given, os.W_OK):  # noqa: PTH112 - no need for a Path
        return Path(given) / "hydrochat-otel"
    return Path(tempfile.gettempdir()) / f"hydrochat-otel-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def _private_directory() -> Path:
    """Make the run directory, for this user alone; refuse one that somebody else laid there."""
    directory = _run_directory()
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise StateError(
            f"Several processes cannot share their numbers: {directory} cannot be made ({error.strerror}). "
            "Set HYDROCHAT_STATE to sqlite:///path or to a Redis."
        ) from None
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not stat.S_ISDIR(found.st_mode) or not mine or found.st_mode & 0o077:
        raise StateError(
            f"Several processes cannot share their numbers: {directory} is not a directory of this user alone. "
            "Remove it, or set HYDROCHAT_STATE to sqlite:///path or to a Redis."
        )
    return directory


def _forget_abandoned(directory: Path) -> None:
    """Remove the files of processes that have ended long ago."""
    oldest_unix_s = time.time() - _ABANDONED_AFTER_S
    for file in directory.glob("*.db"):
        parts = [file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm", ".lock"))]
        pid = file.stem.partition("-")[0]
        with suppress(OSError, ValueError):
            touched_unix_s = max(part.stat().st_mtime for part in parts if part.exists())
            if touched_unix_s < oldest_unix_s and process_tree.identity(int(pid)) != file.stem:
                for part in parts:
                    part.unlink(missing_ok=True)
