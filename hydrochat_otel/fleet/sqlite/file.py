"""One SQLite file that several processes use at once: opened, made, moved aside when damaged, closed over a fork."""

import codecs
import contextlib
import ctypes
import fcntl
import logging
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from hydrochat_otel.fleet.backend import SCHEMA_VERSION
from hydrochat_otel.fleet.bounds import StateError
from hydrochat_otel.fleet.sqlite.errors import FORBIDDEN, LOCKED, DamageError, code, is_damage, sentence
from hydrochat_otel.runtime import forks, safe_log
from hydrochat_otel.runtime.forks import ForkLock, Phase

logger: Final = logging.getLogger("hydrochat_otel")

APPLICATION_ID: Final = 0x48_79_4F_54
"""In the file's header; distinguishes ours from other programs' databases."""

_MODE: Final = 0o600
_MIN_BYTES: Final = 512
_READABLE: Final = bytes(range(0x20, 0x7F)) + b"\t\n\r\f"
_MOSTLY: Final = 0.3
"""The greatest part of a text that is not ASCII, in an encoding of one byte for a character."""
_MAX_ASIDE: Final = 20
_WAL_BYTES: Final = 4 * 1024 * 1024
_LOCK_POLL_S: Final = 0.005
_COMPANIONS: Final = ("-wal", "-shm", "-journal")

_Result = TypeVar("_Result")
_Identity = tuple[tuple[int, int] | None, ...]


class SqliteFile:
    """Runs work in transactions on the file, one at a time; any thread may call.

    Args:
        path: The file; its directory exists.
        make: Makes tables and first rows in an empty database, inside a transaction.
        tables: Their names.
        busy_timeout_s: How long to wait for other processes, when opening and for each transaction.
    """

    def __init__(
        self, path: Path, make: Callable[[sqlite3.Connection], object], tables: frozenset[str], *, busy_timeout_s: float
    ) -> None:
        self.path = path
        self._make = make
        self._tables = tables
        self._busy_timeout_s = busy_timeout_s
        self._lock = ForkLock(Phase.CONNECTION)
        self._connection: sqlite3.Connection | None = None
        self._watched: tuple[Path, ...] = (path,)
        self._identity: _Identity = ()
        self._suspect: tuple[int, int] | None = None
        self._pid = 0
        self._inherited = False
        forks.register(Phase.CONNECTION, before=self._close_before_fork)

    def transaction(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Return the work's result after the commit; roll back if the work raises.

        Raises:
            StateError: The file cannot be used; the message says why and what helps.
        """
        with self._lock:
            for _ in range(2):
                try:
                    return _committed(self._current(), work)
                except (sqlite3.Error, UnicodeDecodeError, DamageError) as error:
                    if code(error) == sqlite3.SQLITE_BUSY:
                        raise self._refusal(LOCKED) from None
                    self._suspect = self._identity[0] if self._identity and is_damage(error) else None
                    self._drop()
                    if not is_damage(error):
                        raise self._refusal(sentence(error)) from None
                except OSError as error:
                    self._drop()
                    raise self._refusal(sentence(error)) from None
            raise self._refusal("is damaged again and again: look at the file's disk")

    def close(self) -> None:
        """Close the connection, if there is one; never raises."""
        with self._lock:
            self._drop()

    def abandon(self) -> None:
        """Drop the connection without closing it; never raises.

        A process that inherited it over a fork cannot use the file: SQLite's record of the locks that the process holds
        was inherited with it, and is wrong here. A fork that Python sees closes the connection before.
        """
        connection, self._connection, self._identity = self._connection, None, ()
        if connection is not None:
            self._inherited |= self._pid != os.getpid()
            # One reference too many, so that the interpreter's exit does not close it either.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))

    def _close_before_fork(self) -> None:
        # SQLite's record of its locks in memory does not survive a fork.
        if self._lock.is_held_for_fork:
            self._drop()

    # -- the connection --------------------------------------------------------------------------------------------

    def _current(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid != os.getpid():
            self.abandon()
        if self._inherited:
            raise self._refusal(
                "was in use when this process was forked, and cannot be used in it: restart the process"
            )
        if self._connection is not None and self._identity != _identity(self._watched):
            self._drop()
        if self._connection is None:
            self._pid = os.getpid()
            self._connection = self._opened()
        return self._connection

    def _drop(self) -> None:
        if self._pid != os.getpid():
            self.abandon()
        connection, self._connection, self._identity = self._connection, None, ()
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _opened(self) -> sqlite3.Connection:
        real = Path(os.path.realpath(self.path))
        with self._alone(_beside(real, ".lock")):
            # Another process may have moved it since; then this is another file.
            suspect, self._suspect = self._suspect, None
            if suspect is not None and suspect == _file_identity(real):
                self._move_aside(real)
            _create(real)
            try:
                return self._connected(real)
            except (sqlite3.Error, UnicodeDecodeError, DamageError) as error:
                # The statements never change, so any other error comes from the contents of the file.
                if not is_damage(error) and code(error) != sqlite3.SQLITE_ERROR:
                    raise
            self._move_aside(real)
            _create(real)
            return self._connected(real)

    def _connected(self, real: Path) -> sqlite3.Connection:
        file = real.as_uri()
        found = real.stat()
        if not stat.S_ISREG(found.st_mode):
            raise self._refusal("cannot be made, because something other than a file has its name: name another path")
        if not os.access(real, os.R_OK | os.W_OK, effective_ids=True):
            # SQLite would still read it, and leave a log that cannot be written later, either.
            raise self._refusal(FORBIDDEN)
        if found.st_size and _is_text(real):
            raise self._refusal("is a text file, not a database, and is left untouched: name another path")
        if 0 < found.st_size < _MIN_BYTES:
            # SQLite takes it for empty.
            raise DamageError
        if found.st_size:
            self._look_at_header(file)
        connection = sqlite3.connect(
            f"{file}?mode=rw", uri=True, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            if connection.execute("PRAGMA page_count").fetchone() == (0,):
                # Before the write-ahead log, so that the header is in the file itself from the first moment.
                _committed(connection, self._make_all)
            self._check_header(connection)
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}").fetchall()
            self._check_contents(connection)
            # If the log is removed and the file stays, its users no longer share it either.
            self._watched = (self.path, _beside(real, "-wal"), _beside(real, "-shm"))
            self._identity = _identity(self._watched)
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
            raise
        return connection

    def _make_all(self, connection: sqlite3.Connection) -> None:
        self._make(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _look_at_header(self, file: str) -> None:
        """Refuse another program's file before a connection touches it or its log."""
        looking = sqlite3.connect(f"{file}?mode=ro&immutable=1", uri=True)
        # A file that looks damaged without its log may be complete with it.
        with contextlib.closing(looking), contextlib.suppress(sqlite3.DatabaseError):
            self._check_header(looking)

    def _check_header(self, connection: sqlite3.Connection) -> None:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application_id != APPLICATION_ID:
            raise self._refusal("is another program's database and is left untouched: name another path")
        if version != SCHEMA_VERSION:
            raise self._refusal(
                f"has version {version}, but this program uses {SCHEMA_VERSION}, and it is left untouched: "
                "name another path, or move the file away"
            )

    def _check_contents(self, connection: sqlite3.Connection) -> None:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not names >= self._tables or connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise DamageError

    # -- files -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _alone(self, lock: Path) -> Iterator[None]:
        """Exclude all other processes while this one opens the file."""
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            if os.fstat(handle).st_uid == os.geteuid():
                os.fchmod(handle, _MODE)
            deadline_s = time.monotonic() + self._busy_timeout_s
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline_s:
                        raise self._refusal(LOCKED) from None
                    time.sleep(_LOCK_POLL_S)
            try:
                yield
            finally:
                # Unlock explicitly: a fork before close would inherit the lock.
                fcntl.flock(handle, fcntl.LOCK_UN)
        finally:
            os.close(handle)

    def _move_aside(self, real: Path) -> None:
        free = (number for number in range(1, _MAX_ASIDE + 1) if not _beside(real, f".corrupt-{number}").exists())
        number = next(free, None)
        if number is None:
            raise self._refusal(f"is damaged, and so were {_MAX_ASIDE} earlier ones: move those away, look at the disk")
        aside = _beside(real, f".corrupt-{number}")
        for suffix in _COMPANIONS:
            with contextlib.suppress(FileNotFoundError):
                _beside(real, suffix).rename(_beside(aside, suffix))
        real.rename(aside)
        safe_log.warning(
            logger,
            "The shared state in %s was damaged; it was moved to %s, and a new state is made, into which all running "
            "processes restore their totals.",
            self.path,
            aside,
        )

    def _refusal(self, sentence: str) -> StateError:
        return StateError(f"The shared state in {self.path} {sentence}.")


def _create(real: Path) -> None:
    """Make an empty file if there is none; the caller excludes other processes."""
    if real.exists():
        kept = real.stat()
        if stat.S_ISREG(kept.st_mode) and not kept.st_size and kept.st_uid == os.geteuid():
            real.chmod(_MODE)
        return
    # They belong to a deleted database and would be taken for this one's.
    for suffix in _COMPANIONS:
        _beside(real, suffix).unlink(missing_ok=True)
    handle = os.open(real, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        os.fchmod(handle, _MODE)
    finally:
        os.close(handle)


def _is_text(real: Path) -> bool:
    """Return whether the file holds text. The header of a database, even of a damaged one, has zeros in it."""
    with real.open("rb") as file:
        beginning = file.read(_MIN_BYTES)
    if b"\0" in beginning:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return len(beginning.translate(None, _READABLE)) < len(beginning) * _MOSTLY  # in an encoding of one byte
    return True


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def _file_identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _identity(watched: tuple[Path, ...]) -> _Identity:
    return tuple(map(_file_identity, watched))


def _committed(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
    if connection.in_transaction:  # a signal handler raised while the last one was rolled back
        connection.execute("ROLLBACK")
    try:
        connection.execute("BEGIN IMMEDIATE")
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return result
