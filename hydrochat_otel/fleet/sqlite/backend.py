"""The shared state of one host: an SQLite file, for several processes, that survives restarts."""

import math
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Final, NamedTuple

from hydrochat_otel.fleet.backend import CLOCK_GAP_S, MAX_MERGED, Contents, Knowledge, Publication, Receipt
from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.sqlite.errors import DamageError
from hydrochat_otel.fleet.sqlite.file import SqliteFile

_TABLES: Final = {
    "meta": """CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        store_id TEXT NOT NULL,
        service TEXT NOT NULL,
        made_unix_s REAL NOT NULL,
        restored_unix_s REAL,
        departed_version INTEGER NOT NULL DEFAULT 0,
        departed BLOB
    )""",
    "evicted": "CREATE TABLE evicted (reason TEXT PRIMARY KEY, count INTEGER NOT NULL)",
    "members": """CREATE TABLE members (
        id TEXT PRIMARY KEY, seq INTEGER NOT NULL, seen_unix_s REAL NOT NULL, totals BLOB NOT NULL
    )""",
    # The row numbers give the order of the merges.
    "merged": "CREATE TABLE merged (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL)",
    # Stored in the order of reading and eviction. A repeated entry comes with the same end.
    "entries": """CREATE TABLE entries (
        end_unix_s REAL NOT NULL, text BLOB NOT NULL, PRIMARY KEY (end_unix_s, text)
    ) WITHOUT ROWID""",
    "clock": """CREATE TABLE clock (
        id INTEGER PRIMARY KEY CHECK (id = 1), seen_unix_s REAL NOT NULL, doubted_until_unix_s REAL NOT NULL
    )""",
}

_LEFT_UNIX_S: Final = -math.inf
"""Stands for the last publication of a member that has left."""


class _Meta(NamedTuple):
    store_id: str
    service: str
    made_unix_s: float
    restored_unix_s: float | None
    departed_version: int


class SqliteBackend:
    """A shared state in one file, see :class:`~hydrochat_otel.fleet.backend.Backend`; opens it on the first call.

    Only the owner can read and write the file, its log and its lock file. A damaged file is moved aside, as
    ``<name>.corrupt-1`` and so on, and a new state is made.

    Args:
        path: The file, in a directory that exists, on a local disk.
        bounds: How much is stored.
        service: Name of the service. The file belongs to the service that made it; others are refused.
        wall: Returns seconds since the epoch.
        busy_timeout_s: How long to wait for other processes before giving up.
    """

    kind = "sqlite"

    def __init__(
        self,
        path: Path,
        bounds: Bounds,
        *,
        service: str = "",
        wall: Callable[[], float] = time.time,
        busy_timeout_s: float = 0.5,
    ) -> None:
        self._service = service
        self._bounds = bounds
        self._wall = wall
        self._file = SqliteFile(path, self._make, frozenset(_TABLES), busy_timeout_s=busy_timeout_s)

    def exchange(self, publication: Publication | None, known_departed_version: int, *, read: bool) -> Receipt:
        """Apply the publication, trim the window, and answer, all in one transaction."""
        return self._file.transaction(
            lambda connection: self._exchange(connection, publication, known_departed_version, read=read)
        )

    def merge(self, merged: Mapping[str, int], departed: bytes, known_departed_version: int) -> bool:
        """Replace the departed totals and remove the merged members' own, unless anything has changed."""
        return self._file.transaction(lambda connection: _merge(connection, merged, departed, known_departed_version))

    def restore(self, knowledge: Knowledge) -> None:
        """Restore what a lost state held, except where something newer is stored."""
        self._file.transaction(lambda connection: _restore(connection, knowledge, self._wall()))

    def close(self) -> None:
        """Close the file; the next call opens it again. Never raises."""
        self._file.close()

    def abandon(self) -> None:
        """Drop the connection without closing it, in a forked child; the next call opens it again. Never raises."""
        self._file.abandon()

    def _make(self, connection: sqlite3.Connection) -> None:
        for statement in _TABLES.values():
            connection.execute(statement)
        connection.execute(
            "INSERT INTO meta (id, store_id, service, made_unix_s) VALUES (1, ?, ?, ?)",
            (uuid.uuid4().hex, self._service, self._wall()),
        )

    def _exchange(
        self, connection: sqlite3.Connection, publication: Publication | None, known_version: int, *, read: bool
    ) -> Receipt:
        now_unix_s = self._wall()
        meta = _meta(connection)
        if meta.service != self._service:
            raise StateError(
                f"The shared state in {self._file.path} belongs to the service {meta.service!a}, but this process is "
                f"of {self._service!a}: name another path in HYDROCHAT_STATE, or set one OTEL_SERVICE_NAME for both."
            )
        merged_seq = kept_seq = None
        if publication is not None:
            merged_seq = _number(connection, "SELECT seq FROM merged WHERE id = ?", publication.member)
            if merged_seq is None:
                kept_seq = _publish(connection, publication, now_unix_s)
        self._trim(connection, now_unix_s)
        members, silent = 0, {}
        for member, seq, seen_unix_s in _rows(connection, "SELECT id, seq, seen_unix_s FROM members", str, int, float):
            if abs(now_unix_s - seen_unix_s) >= self._bounds.silent_after_s:
                silent[member] = seq
            else:
                members += 1
        unknown = meta.departed_version != known_version
        return Receipt(
            store_id=meta.store_id,
            # A time in the future was written before the clock was set back; it is as old as its distance.
            age_s=abs(now_unix_s - meta.made_unix_s),
            restored_age_s=None if meta.restored_unix_s is None else abs(now_unix_s - meta.restored_unix_s),
            merged_seq=merged_seq,
            kept_seq=kept_seq,
            departed_version=meta.departed_version,
            departed=_departed(connection) if unknown else None,
            members=members,
            silent=silent,
            contents=_contents(connection, now_unix_s - self._bounds.ttl_s) if read else None,
        )

    def _trim(self, connection: sqlite3.Connection, now_unix_s: float) -> None:
        oldest_unix_s = now_unix_s - self._bounds.ttl_s
        (kept,) = connection.execute("SELECT count(*) FROM entries").fetchone()
        # Entries that a clock in doubt calls expired are left out of the contents, and deleted only to make room.
        most = kept - self._bounds.max_entries if _is_in_doubt(connection, now_unix_s, self._bounds.ttl_s) else kept
        kept -= _evict(connection, "age", most, oldest_unix_s)
        _evict(connection, "capacity", kept - self._bounds.max_entries, math.inf)


def _is_in_doubt(connection: sqlite3.Connection, now_unix_s: float, ttl_s: float) -> bool:
    """Note the time, and return whether the clock may have jumped ahead within the last `ttl_s`.

    Whether it jumped or no process ran cannot be told apart; both are a gap between two exchanges.
    """
    rows = _rows(connection, "SELECT seen_unix_s, doubted_until_unix_s FROM clock", float, float)
    seen_unix_s, until_unix_s = rows[0] if rows else (-math.inf, 0.0)
    if rows and now_unix_s - seen_unix_s >= CLOCK_GAP_S:
        until_unix_s = now_unix_s + ttl_s
    elif seen_unix_s - now_unix_s >= CLOCK_GAP_S:
        until_unix_s = 0.0  # the clock was set right
    if abs(now_unix_s - seen_unix_s) >= CLOCK_GAP_S / 10:
        connection.execute("REPLACE INTO clock VALUES (1, ?, ?)", (now_unix_s, until_unix_s))
    return bool(now_unix_s < until_unix_s)


def _evict(connection: sqlite3.Connection, reason: str, most: int, oldest_unix_s: float) -> int:
    """Delete the oldest entries, at most so many, up to the time; count and return how many those were."""
    if most <= 0:
        return 0
    gone = connection.execute(
        "DELETE FROM entries WHERE (end_unix_s, text) IN"
        " (SELECT end_unix_s, text FROM entries WHERE end_unix_s <= ? ORDER BY end_unix_s, text LIMIT ?)",
        (oldest_unix_s, most),
    ).rowcount
    _count_evicted(connection, reason, gone)
    return gone


def _publish(connection: sqlite3.Connection, publication: Publication, now_unix_s: float) -> int | None:
    """Store what is new of a member that was not merged; return the sequence number that was stored before."""
    member, seq = publication.member, publication.seq
    stored_seq = _number(connection, "SELECT seq FROM members WHERE id = ?", member)
    seen_unix_s = _LEFT_UNIX_S if publication.leaving else now_unix_s
    if stored_seq is not None and seq <= stored_seq:
        connection.execute("UPDATE members SET seen_unix_s = ? WHERE id = ?", (seen_unix_s, member))
        return stored_seq
    # Stored without totals, too: the member takes them for published. One whose end is not a number is ignored.
    connection.executemany("INSERT OR IGNORE INTO entries (end_unix_s, text) VALUES (?, ?)", publication.entries)
    if publication.totals is not None:
        _write_member(connection, member, seq, seen_unix_s, publication.totals)
    elif stored_seq is not None:
        connection.execute("UPDATE members SET seq = ?, seen_unix_s = ? WHERE id = ?", (seq, seen_unix_s, member))
    return stored_seq


def _write_member(connection: sqlite3.Connection, member: str, seq: int, seen_unix_s: float, totals: bytes) -> None:
    connection.execute(
        "REPLACE INTO members (id, seq, seen_unix_s, totals) VALUES (?, ?, ?, ?)", (member, seq, seen_unix_s, totals)
    )


def _merge(connection: sqlite3.Connection, merged: Mapping[str, int], departed: bytes, known_version: int) -> bool:
    if _meta(connection).departed_version != known_version:
        return False
    for member, seq in merged.items():
        if _number(connection, "SELECT seq FROM members WHERE id = ?", member) != seq:
            return False
    _keep_departed(connection, merged, departed, known_version + 1)
    return True


def _keep_departed(
    connection: sqlite3.Connection, merged: Mapping[str, int], departed: bytes | None, departed_version: int
) -> None:
    connection.execute("UPDATE meta SET departed = ?, departed_version = ?", (departed, departed_version))
    connection.executemany("DELETE FROM members WHERE id = ?", [(member,) for member in merged])
    connection.executemany("REPLACE INTO merged (id, seq) VALUES (?, ?)", merged.items())
    connection.execute(
        "DELETE FROM merged WHERE number IN (SELECT number FROM merged ORDER BY number DESC LIMIT -1 OFFSET ?)",
        (MAX_MERGED,),
    )


def _restore(connection: sqlite3.Connection, knowledge: Knowledge, now_unix_s: float) -> None:
    connection.execute("UPDATE meta SET restored_unix_s = ?", (now_unix_s,))
    if knowledge.departed_version > _meta(connection).departed_version:
        _keep_departed(connection, knowledge.merged, knowledge.departed, knowledge.departed_version)
    for member, (seq, totals) in knowledge.totals.items():
        if _number(connection, "SELECT seq FROM merged WHERE id = ?", member) is not None:
            continue
        stored_seq = _number(connection, "SELECT seq FROM members WHERE id = ?", member)
        if stored_seq is None or stored_seq < seq:
            # Counts as published now, so that a live member has time to publish again.
            _write_member(connection, member, seq, now_unix_s, totals)
    for reason, count in knowledge.evicted.items():
        kept = _number(connection, "SELECT count FROM evicted WHERE reason = ?", reason) or 0
        _count_evicted(connection, reason, count - kept)


def _count_evicted(connection: sqlite3.Connection, reason: str, more: int) -> None:
    if more > 0:
        connection.execute("INSERT OR IGNORE INTO evicted (reason, count) VALUES (?, 0)", (reason,))
        connection.execute("UPDATE evicted SET count = count + ? WHERE reason = ?", (more, reason))


def _contents(connection: sqlite3.Connection, oldest_unix_s: float) -> Contents:
    query = "SELECT text FROM entries WHERE end_unix_s > ? ORDER BY end_unix_s, text"
    entries = _rows(connection, query, bytes, values=(oldest_unix_s,))
    return Contents(
        totals=dict(_rows(connection, "SELECT id, totals FROM members", str, bytes)),
        entries=[text for (text,) in entries],
        evicted=dict(_rows(connection, "SELECT reason, count FROM evicted", str, int)),
    )


def _meta(connection: sqlite3.Connection) -> _Meta:
    query = "SELECT store_id, service, made_unix_s, restored_unix_s, departed_version FROM meta"
    rows = _rows(connection, query, str, str, float, float | None, int)
    if not rows:
        raise DamageError
    return _Meta(*rows[0])


def _departed(connection: sqlite3.Connection) -> bytes | None:
    departed: bytes | None
    ((departed,),) = _rows(connection, "SELECT departed FROM meta", bytes | None)
    return departed


def _number(connection: sqlite3.Connection, query: str, name: str) -> int | None:
    row = connection.execute(query, (name,)).fetchone()
    if row is None:
        return None
    if not isinstance(row[0], int):
        raise DamageError
    return row[0]


def _rows(
    connection: sqlite3.Connection, query: str, *kinds: type | UnionType, values: tuple[float, ...] = ()
) -> list[tuple[Any, ...]]:
    """Return all rows; a value of another type than was written is damage that SQLite does not detect."""
    rows = connection.execute(query, values).fetchall()
    for row in rows:
        for value, kind in zip(row, kinds, strict=True):
            if not isinstance(value, kind):
                raise DamageError
    return rows
