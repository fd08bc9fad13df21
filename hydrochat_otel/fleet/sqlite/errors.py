"""Explains in sentences why an SQLite file cannot be used."""

import errno
import sqlite3
from typing import Final

LOCKED: Final = "is locked by another program; retrying"
FORBIDDEN: Final = "cannot be opened: let this process's user read and write the file and its directory"
_READ_ONLY: Final = "cannot be written: let this process's user write the file and its directory"
_FULL: Final = "cannot grow, because its disk is full: make room there"

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SENTENCES: Final = {
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_PROTOCOL: LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: FORBIDDEN,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: "cannot be read or written, because its disk fails or is full: look at the file's disk",
}
_OS_SENTENCES: Final = {
    errno.ENOENT: "cannot be made, because its directory does not exist: make the directory",
    errno.ENOTDIR: "cannot be made, because its directory is a file: name another path",
    errno.EACCES: FORBIDDEN,
    errno.EPERM: FORBIDDEN,
    errno.EROFS: "cannot be written, because its file system is read-only: name a path on another one",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
}


class DamageError(Exception):
    """The file holds something that this program did not write."""


def code(error: Exception) -> int | None:
    """Return SQLite's primary result code, or None for any other error."""
    extended = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF


def is_damage(error: Exception) -> bool:
    """Return whether the file itself is damaged, rather than its surroundings."""
    # Errors without a code come from Python, for bytes that are not text.
    no_text = isinstance(error, UnicodeDecodeError) or (isinstance(error, sqlite3.OperationalError) and not code(error))
    # A file that is shorter than its own header says, for instance because its log was deleted.
    too_short = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHORT_READ
    return no_text or too_short or isinstance(error, DamageError) or code(error) in _DAMAGED


def sentence(error: Exception) -> str:
    """Return the cause and the remedy, to follow the name of the file."""
    if isinstance(error, OSError):
        known, name = _OS_SENTENCES.get(error.errno or 0), error.strerror
    else:
        known, name = _SENTENCES.get(code(error) or 0), getattr(error, "sqlite_errorname", None)
    return known or f"cannot be used ({name or type(error).__name__}): look at the file and its disk"
