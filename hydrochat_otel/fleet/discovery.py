"""Where the shared state is: what a setting names, or a private file of the processes that one parent started.

``auto`` means memory until there are several processes. A process that forks and its children share an SQLite file in
the run directory; the name of the file identifies their common ancestor and their service. Workers that a server forked
or spawned before it imported the package find the same file by their ancestry.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.runtime import process_tree
from hydrochat_otel.runtime.later import later

if TYPE_CHECKING:
    import hashlib

    from hydrochat_otel.fleet.backend import Backend
    from hydrochat_otel.fleet.sqlite import backend as sqlite_backend
else:
    hashlib = later("hashlib")
    sqlite_backend = later("hydrochat_otel.fleet.sqlite.backend")

_FORKS: Final = hasattr(os, "fork")
"""Whether processes of this system can share a file; on Windows they need a Redis."""

_ABANDONED_AFTER_S: Final = 3600.0
"""Members write every few seconds. A file whose leader has ended and that was not written for this long is removed."""
_RUNTIME: Final = "XDG_RUNTIME_DIR"
_TEMPORARY: Final = ("TMPDIR", "TEMP", "TMP")
_MOMENT_NS: Final = 2_000_000_000
_INSTEAD: Final = "Set HYDROCHAT_STATE to sqlite:///path or to a Redis."


def backend_of(state: str, group: str, bounds: Bounds) -> "Backend | None":
    """Return the backend that a setting names, without connecting; None for ``memory`` and ``auto``.

    Raises:
        StateError: The library that it needs is not installed, or this system does not support it.
    """
    if state in {"auto", "memory"}:
        return None
    if state.startswith("sqlite:///"):
        if not _FORKS:
            raise StateError("HYDROCHAT_STATE names an SQLite file, which is shared on POSIX only: name a Redis.")
        return sqlite_backend.SqliteBackend(
            Path("/" + state.removeprefix("sqlite:///").lstrip("/")), bounds, service=group
        )
    try:
        from hydrochat_otel.fleet.redis.backend import RedisBackend  # noqa: PLC0415 - optional library
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise StateError('HYDROCHAT_STATE names a Redis: pip install "hydrochat-otel[redis]".') from None
    return RedisBackend(state, group, bounds)


def fleet_of(state: str, service: str) -> str:
    """Return what identifies the processes that share numbers: digests of their service and of their state."""
    if state in {"auto", "memory"}:
        place = _identity_of_leader()[0]
    else:
        target = urlsplit(state)
        place = f"{target.scheme}://{target.netloc.rpartition('@')[2]}{target.path}"
    return f"{_digest(service)}.{_digest(place)}"


def service_of(fleet: str) -> str:
    """Return the part of a fleet's name that identifies its service."""
    return fleet.partition(".")[0]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _identity_of_leader() -> tuple[str, bool]:
    """Return what identifies the common ancestor of this process's family, and whether it is another process."""
    leader = process_tree.leader()
    return process_tree.identity(os.getpid() if leader is None else leader), leader is not None


class Location:
    """The place where this process shares its totals with the others of its service.

    Args:
        state: As in the settings.
        group: Name of the service, which separates services that share a place.
        bounds: How much is stored there.

    Raises:
        StateError: The library that the state needs is not installed.
    """

    def __init__(self, state: str, group: str, bounds: Bounds) -> None:
        self._bounds = bounds
        self._group = group
        self._automatic = state == "auto" and _FORKS
        self._backend = backend_of(state, group, bounds)
        self._leader, self._meets = _identity_of_leader() if self._automatic else ("", False)
        self._looked_in: tuple[list[str | None], Path | None] = [], None  # by these settings
        self._seen: tuple[Path, int] | None = None  # the directory, and its change after which it had no file of ours

    @property
    def is_nowhere(self) -> bool:
        """Whether there is no such place, and never will be: ``memory``."""
        return self._backend is None and not self._automatic

    def backend(self) -> "Backend | None":
        """Return the backend to share through; None while this process has none to share with.

        Raises:
            StateError: There is no private place for several processes.
        """
        if self._backend is None and self._automatic and (self._meets or self._has_met()):
            directory = _private_directory()
            _forget_abandoned(directory)
            self._backend = sqlite_backend.SqliteBackend(directory / self._name, self._bounds, service=self._group)
        return self._backend

    def after_fork_in_child(self) -> None:
        """Share with the parent and its other children, over a connection of its own."""
        self._meets = True
        if self._backend is not None:
            self._backend.abandon()

    @property
    def _name(self) -> str:
        return f"{self._leader}.{_digest(self._group)}.db"

    def _has_met(self) -> bool:
        """Return whether a child of this process has made the file. A single process needs none."""
        wanted = list(map(os.environ.get, (_RUNTIME, *_TEMPORARY)))
        known, directory = self._looked_in
        if directory is None or wanted != known:
            directory = _run_directory()
            self._looked_in = wanted, directory
        if directory is None:
            return False
        try:
            seen = directory, directory.stat().st_mtime_ns
            if seen == self._seen:
                return False
            # Our file's name needs a digest, whose library takes milliseconds to load: first look for our leader's.
            has_met = any(directory.glob(f"{self._leader}.*")) and (directory / self._name).exists()
            # A file that is made in the same moment as another one does not change this time again.
            self._seen = None if time.time_ns() - seen[1] < _MOMENT_NS else seen
        except OSError:
            return False
        return has_met


def _run_directory() -> Path | None:
    """Return the directory for our files; None if this process can write nowhere."""
    given = os.environ.get(_RUNTIME, "")
    if given and _is_usable(given, mine=True):
        return Path(given) / "hydrochat-otel"
    base = next(filter(_is_usable, _temporary_directories()), None)
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return None if base is None else Path(base) / f"hydrochat-otel-{user}"


def _temporary_directories() -> Iterator[str]:
    # Not tempfile.gettempdir(): it writes a file into each candidate, and the working directory is one of them.
    yield from filter(None, map(os.environ.get, _TEMPORARY))
    yield from ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - a directory that only this user can read is made inside


def _is_usable(directory: str, *, mine: bool = False) -> bool:
    path = Path(directory)
    try:
        found = path.stat()
    except (OSError, ValueError):
        return False
    owned = not mine or not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return path.is_absolute() and stat.S_ISDIR(found.st_mode) and owned and os.access(path, os.W_OK | os.X_OK)


def _private_directory() -> Path:
    """Make the run directory, readable by this user only; refuse one that another user made."""
    directory = _run_directory()
    if directory is None:
        raise StateError(
            "Several processes cannot share their numbers, because neither XDG_RUNTIME_DIR nor TMPDIR nor /tmp "
            f"is writable. {_INSTEAD}"
        )
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise StateError(
            f"Several processes cannot share their numbers: making {directory} failed ({error.strerror}). {_INSTEAD}"
        ) from None
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not stat.S_ISDIR(found.st_mode) or not mine or found.st_mode & 0o077:
        raise StateError(
            f"Several processes cannot share their numbers: {directory} is readable by others, or no directory. "
            f"Remove it, or s{_INSTEAD[1:]}"
        )
    return directory


def _forget_abandoned(directory: Path) -> None:
    """Remove the files of processes that ended long ago."""
    oldest_unix_s = time.time() - _ABANDONED_AFTER_S
    for file in directory.glob("*.db"):
        parts = [file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm", ".lock"))]
        leader = file.name.partition(".")[0]
        pid = leader.partition("-")[0]
        with suppress(OSError, ValueError):
            touched_unix_s = max(part.stat().st_mtime for part in parts if part.exists())
            if touched_unix_s < oldest_unix_s and process_tree.identity(int(pid)) != leader:
                for part in parts:
                    part.unlink(missing_ok=True)
