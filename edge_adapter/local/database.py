"""The one database file: rows, alarms, queue messages and blobs.

Owns the tables, and that each public method is one transaction. The file may be read by others while the host
runs (``sqlite3 app.db``); writing it is this process's alone (see ``lock``).

Order of keys: SQLite sorts integers before text, and text by its UTF-8 bytes, which is the order of Python's
strings; the column ``key`` has no declared type, so that neither turns into the other. A row's value is the
text that ``records.encode`` makes of it.

Must not import: asyncio, the engine's parts above ``host`` and ``records``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ...runtime.actor import OUTBOX
from ...runtime.errors import HostError, InvalidArgumentError
from ...runtime.host import Commit, RowKey, Tables
from ...runtime.records import decode, encode
from .lock import DatabaseLock

MEMORY: Final = ":memory:"
FORMAT: Final = 1
"""The number of the table layout, kept in ``PRAGMA user_version``."""
SYNCHRONOUS: Final = ("full", "normal", "off")

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS row (
    object TEXT NOT NULL, "table" TEXT NOT NULL, key NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (object, "table", key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alarm (object TEXT NOT NULL PRIMARY KEY, at_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, body TEXT NOT NULL,
    visible_at_ns INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS blob (key TEXT NOT NULL PRIMARY KEY, data BLOB NOT NULL);
"""

_PUT_ROW: Final = 'INSERT OR REPLACE INTO row (object, "table", key, value) VALUES (?, ?, ?, ?)'
_DELETE_ROW: Final = 'DELETE FROM row WHERE object = ? AND "table" = ? AND key = ?'
_LOAD: Final = 'SELECT "table", key, value FROM row WHERE object = ? ORDER BY "table", key'
_PUT_ALARM: Final = "INSERT OR REPLACE INTO alarm (object, at_ns) VALUES (?, ?)"


class Database:
    """Every method is synchronous and short; what fails raises HostError and has changed nothing, except
    where the disk itself failed in the middle of a commit."""

    def __init__(self, path: str, *, synchronous: str = "full") -> None:
        """Open or create the database at ``path`` (``":memory:"``: none but this process's memory).

        Raises DatabaseInUseError when another host has it, InvalidArgumentError when it can't be opened or
        was written by a newer version.
        """
        if synchronous not in SYNCHRONOUS:
            raise InvalidArgumentError(f"synchronous is one of {', '.join(SYNCHRONOUS)}, not {synchronous!r}")
        self._path = path
        self._lock: DatabaseLock | None = None
        try:
            if path != MEMORY:
                self._lock = DatabaseLock(path)
            self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=64)
        except (OSError, sqlite3.Error) as error:
            self._release()
            raise InvalidArgumentError(f"cannot open the database {path!r}: {error}", path=path) from error
        try:
            self._prepare(synchronous)
        except sqlite3.Error as error:
            self.close()
            raise InvalidArgumentError(f"{path!r} is no database of ours: {error}", path=path) from error
        except BaseException:
            self.close()
            raise

    def _prepare(self, synchronous: str) -> None:
        connection = self._connection
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > FORMAT:
            raise InvalidArgumentError(
                f"{self._path!r} was written by a newer version (format {found}, this one knows {FORMAT})",
                path=self._path,
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA busy_timeout = 10000")  # a reader's checkpoint, at worst
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")

    def close(self) -> None:
        """Close the file and let the next process in."""
        self._connection.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise HostError(f"the database failed: {error}", path=self._path) from error

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise HostError(f"the database failed: {error}", path=self._path) from error

    # --- objects ---

    def load(self, key: str) -> Tables:
        """All rows of one object, each table in key order. Raises HostError; NewerSchemaError, a HostError,
        when a newer version wrote one."""
        tables: dict[str, dict[RowKey, Any]] = {}
        for name, row_key, value in self._rows(_LOAD, key):
            table = tables.get(name)
            if table is None:
                table = tables[name] = {}
            table[row_key] = decode(value)
        return tables

    def commit(self, key: str, commit: Commit, *, alarm_changed: bool) -> None:
        """Make one commit durable: its rows, and its alarm if that is another than before."""
        changes = [
            (table, row_key, None if row is None else str(encode(row), "ascii"))
            for table, row_key, row in commit.changes
        ]
        with self._transaction() as connection:
            for table, row_key, value in changes:
                if value is None:
                    connection.execute(_DELETE_ROW, (key, table, row_key))
                else:
                    connection.execute(_PUT_ROW, (key, table, row_key, value))
            if alarm_changed:
                if commit.alarm_ns is None:
                    connection.execute("DELETE FROM alarm WHERE object = ?", (key,))
                else:
                    connection.execute(_PUT_ALARM, (key, commit.alarm_ns))

    def clear_alarm(self, key: str) -> None:
        """The alarm of ``key`` was handled."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM alarm WHERE object = ?", (key,))

    def alarms(self) -> list[tuple[str, int]]:
        """Every alarm that is set: object and moment."""
        return [(key, at_ns) for key, at_ns in self._rows("SELECT object, at_ns FROM alarm ORDER BY at_ns")]

    def objects_with_outbox(self) -> list[str]:
        """The objects that had something to send when they were last heard of."""
        return [key for (key,) in self._rows('SELECT DISTINCT object FROM row WHERE "table" = ?', OUTBOX)]

    # --- queues ---

    def put_message(self, queue: str, body: Any, visible_at_ns: int) -> int:
        """Store one message; returns its id."""
        text = str(encode(body), "ascii")
        with self._transaction() as connection:
            found = connection.execute(
                "INSERT INTO queue (name, body, visible_at_ns) VALUES (?, ?, ?)", (queue, text, visible_at_ns)
            ).lastrowid
        return int(found or 0)

    def messages(self, queue: str) -> list[tuple[int, int]]:
        """Every message of one queue: id, and the moment it may be delivered."""
        query = "SELECT id, visible_at_ns FROM queue WHERE name = ? ORDER BY id"
        return [(number, visible_at_ns) for number, visible_at_ns in self._rows(query, queue)]

    def message(self, number: int) -> tuple[str, int] | None:
        """The text of one message, still encoded, and how many deliveries of it have failed; None: it is
        gone."""
        found = self._rows("SELECT body, attempts FROM queue WHERE id = ?", number)
        return (found[0][0], found[0][1]) if found else None

    def postpone_message(self, number: int, visible_at_ns: int) -> None:
        """A delivery failed: try again at ``visible_at_ns``."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE queue SET visible_at_ns = ?, attempts = attempts + 1 WHERE id = ?",
                (visible_at_ns, number),
            )

    def delete_message(self, number: int) -> None:
        """The message was acknowledged."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM queue WHERE id = ?", (number,))

    # --- blobs ---

    def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """Store ``data`` under ``key``, replacing what was there; False: it should not, and something is."""
        instead = "IGNORE" if only_if_absent else "REPLACE"
        with self._transaction() as connection:
            found = connection.execute(
                f"INSERT OR {instead} INTO blob (key, data) VALUES (?, ?)", (key, bytes(data))
            )
            return found.rowcount == 1

    def get_blob(self, key: str) -> bytes | None:
        """The bytes under ``key``, or None."""
        found = self._rows("SELECT data FROM blob WHERE key = ?", key)
        return bytes(found[0][0]) if found else None
