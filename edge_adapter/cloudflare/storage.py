"""The rows of one durable object in its own SQLite database, and its alarm.

A row is ``(table, key, part, value)``: the value is the text that ``records.encode`` makes of it, cut into
parts of at most 1 MB (a row of the platform is 2 MB at most). Every column but ``part`` is text, because what
goes through the binding as a number is a float there. Keys are written so that SQLite's order is the
engine's: integers first, by value, then texts, by code point; negative integers and texts with unusual
characters are put in order when they are read. The identity of the object is the row of a table with no name.

Invariants
- One commit is one synchronous transaction: rows and alarm together or nothing.
- The alarm is never set for the moment of one that has rung, nor for an earlier one: the platform loses an
  alarm that is set again for the same millisecond.
- The alarm is never set for later than the commit says; it may stay set for up to 10 s too early, which the
  object does not notice as long as it is in memory.
- An alarm that is to be set again for the very moment it is set for has been lost, as far as anybody knows;
  it is set a millisecond later, because the platform ignores what changes nothing.

Speaks to the raw binding and not to the SDK's wrapper, which takes ten times as long. Imports nothing of the
platform: the binding is handed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...runtime.errors import HostError
from ...runtime.host import Commit, RowKey, Tables
from ...runtime.records import decode, encode

PART_LENGTH_MAX: Final = 1_000_000
"""Characters, all of them ASCII."""
PAGE_SIZE: Final = 500
"""So many rows are taken over from the database at a time."""
EARLY_MS_MAX: Final = 10_000
"""An alarm that is set already may ring so much too early: then it finds nothing due, and is set again.
Setting it costs a write of its own, here and in the platform's scheduler, with every commit that moves it."""
AWAKE_MS: Final = 7_500
"""The platform takes an object out of memory after ten seconds. One whose alarm would ring about then is rung
so soon after its commit, while it still knows what it has delivered: what is loaded delivers again."""
AWAKE_UNTIL_MS: Final = 12_500
PUTS_MAX: Final = 30
"""So many rows go into one statement; it may have 100 parameters."""
ALARM_MS_MAX: Final = 6_900_000_000_000
"""The platform takes no alarm later than 2189; one that rings too early finds nothing due and is set
again."""

_IDENTITY: Final = "identity"
_UNKNOWN: Final = -1
_MILLISECOND: Final = 1_000_000

_CREATE: Final = """
CREATE TABLE row (
    "table" TEXT NOT NULL, key TEXT NOT NULL, part INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY ("table", key, part)
) WITHOUT ROWID
"""
_EXISTS: Final = "SELECT 1 FROM sqlite_master WHERE name = 'row'"
_PUT: Final = "INSERT OR REPLACE INTO row VALUES "
_PUT_PART: Final = "INSERT OR REPLACE INTO row VALUES (?, ?, CAST(? AS INTEGER), ?)"
_DELETE: Final = 'DELETE FROM row WHERE "table" = ? AND key = ?'
_SELECT: Final = f"""
SELECT "table", key, CAST(part AS TEXT), value FROM row
WHERE ("table", key, part) > (?, ?, CAST(? AS INTEGER))
ORDER BY "table", key, part LIMIT {PAGE_SIZE}
"""
_SELECT_IDENTITY: Final = "SELECT value FROM row WHERE \"table\" = '' AND key = ?"
_PUTS: Final = tuple(_PUT + ", ".join(["(?, ?, 0, ?)"] * count) for count in range(PUTS_MAX + 1))


class Storage:
    """The database and the alarm of one object, as one incarnation uses them. Every method is synchronous."""

    __slots__ = ("_armed_ms", "_binding", "_exists", "_long", "_rung_ms", "_sql", "_wanted_ms", "identity")

    def __init__(self, binding: Any) -> None:
        """``binding``: the raw ``ctx.storage``."""
        self._binding = binding
        self._sql = binding.sql
        self._exists = bool(self._rows(_EXISTS))
        self._long: set[tuple[str, str]] = set()
        """Rows of several parts, looked up only."""
        self._armed_ms: int | None = _UNKNOWN if self._exists else None
        self._wanted_ms: int | None = None
        self._rung_ms = 0
        self.identity: str = ""
        """The key of the object, known from its first commit on."""
        if self._exists:
            self.identity = self._rows(_SELECT_IDENTITY, _IDENTITY)[0][0]

    def _rows(self, query: str, *values: Any) -> list[list[Any]]:
        found = self._sql.exec(query, *values).raw().toArray()
        rows: list[list[Any]] = found.to_py()
        return rows

    # --- reading ---

    def load(self) -> Tables:
        """Every row, each table in key order. Raises NewerSchemaError when a newer version wrote one."""
        tables: dict[str, dict[RowKey, Any]] = {}
        unordered: dict[str, None] = {}
        for name, key, text in self._values() if self._exists else ():
            if not name:
                continue
            table_name = str(_decoded_key(name))
            table = tables.get(table_name)
            if table is None:
                table = tables[table_name] = {}
            if key[0] in "-u":
                unordered[table_name] = None
            table[_decoded_key(key)] = decode(text)
        for table_name in unordered:
            tables[table_name] = dict(sorted(tables[table_name].items(), key=_order))
        return tables

    def _values(self) -> Iterator[tuple[str, str, str]]:
        last = ("", "", "-1")
        pending: tuple[str, str] | None = None
        parts: list[str] = []
        while True:
            page = self._rows(_SELECT, *last)
            for name, key, part, value in page:
                if part != "0":
                    self._long.add((name, key))
                    parts.append(value)
                    continue
                if pending is not None:
                    yield (*pending, "".join(parts))
                pending = (name, key)
                parts = [value]
            if len(page) < PAGE_SIZE:
                break
            last = (page[-1][0], page[-1][1], page[-1][2])
        if pending is not None:
            yield (*pending, "".join(parts))

    # --- writing ---

    def commit(self, identity: str, commit: Commit, *, awake_ms: int = 0) -> None:
        """Make one commit durable, rows and alarm together. What it raises has changed nothing.

        ``awake_ms``: the time now, ms, for an object that is to be rung before it is out of memory; 0: it
        may be rung later.
        """
        puts: list[tuple[str, str, str]] = []
        deletes: list[tuple[str, str]] = []
        for table, row_key, row in commit.changes:
            name = _encoded_text(table)
            key = _encoded_text(row_key) if type(row_key) is str else _encoded_number(int(row_key))
            if row is None:
                deletes.append((name, key))
            else:
                puts.append((name, key, str(encode(row), "ascii")))
        long = set(self._long)
        armed: list[int | None] = []

        def apply() -> None:
            if not self._exists:
                self._sql.exec(_CREATE)
                puts.insert(0, ("", _IDENTITY, identity))
            for name, key in deletes:
                self._sql.exec(_DELETE, name, key)
                long.discard((name, key))
            self._put(puts, long)
            armed.append(self._arm(commit.alarm_ns, forced=not commit.changes, awake_ms=awake_ms))

        if commit.changes or not self._exists:
            self._binding.transactionSync(apply)
            self._exists = True
            self.identity = identity
            self._long = long
        else:
            armed.append(self._arm(commit.alarm_ns, forced=True))
        self._armed_ms = armed[0]
        self._wanted_ms = None if commit.alarm_ns is None else -(-commit.alarm_ns // _MILLISECOND)

    def _put(self, puts: list[tuple[str, str, str]], long: set[tuple[str, str]]) -> None:
        values: list[str] = []
        for name, key, text in puts:
            if (name, key) in long:
                self._sql.exec(_DELETE, name, key)
                long.discard((name, key))
            if len(text) > PART_LENGTH_MAX:
                long.add((name, key))
                for part, start in enumerate(range(0, len(text), PART_LENGTH_MAX)):
                    self._sql.exec(_PUT_PART, name, key, str(part), text[start : start + PART_LENGTH_MAX])
            else:
                values += (name, key, text)
        for start in range(0, len(values), 3 * PUTS_MAX):
            some = values[start : start + 3 * PUTS_MAX]
            self._sql.exec(_PUTS[len(some) // 3], *some)

    # --- the alarm ---

    def rung(self, scheduled_ms: int, *, may_be_early: bool = False) -> bool:
        """The alarm set for ``scheduled_ms`` goes off; the platform removes it when its handler has ended.
        True: it was too early, and is set again, unless it ``may_be_early``."""
        self._rung_ms = max(self._rung_ms, scheduled_ms)
        self._armed_ms = None
        if may_be_early or self._wanted_ms is None or scheduled_ms >= self._wanted_ms:
            self._wanted_ms = None
            return False
        self.arm(self._wanted_ms)
        return True

    def arm(self, at_ms: int) -> None:
        """Set the alarm outside of any commit."""
        self._armed_ms = self._wanted_ms = self._arm(at_ms * _MILLISECOND, forced=True)

    def _arm(self, alarm_ns: int | None, *, forced: bool, awake_ms: int = 0) -> int | None:
        if alarm_ns is None:
            if self._armed_ms is not None:
                self._binding.deleteAlarm()
            return None
        alarm_ms = min(max(-(-alarm_ns // _MILLISECOND), self._rung_ms + 1), ALARM_MS_MAX)
        armed_ms = self._armed_ms
        if armed_ms is not None and armed_ms != _UNKNOWN:
            if not forced and armed_ms <= alarm_ms <= armed_ms + EARLY_MS_MAX:
                return armed_ms
            if alarm_ms == armed_ms:
                alarm_ms += 1
        if awake_ms and AWAKE_MS < alarm_ms - awake_ms < AWAKE_UNTIL_MS:
            alarm_ms = max(awake_ms + AWAKE_MS, self._rung_ms + 1)
        self._binding.setAlarm(alarm_ms)
        return alarm_ms


# --- keys as text -----------------------------------------------------------------------------------------


def _encoded_number(number: int) -> str:
    if number < 0:
        return str(number)
    digits = str(number)
    if len(digits) > 25:
        raise HostError(f"the row key {number} is too large")
    return chr(64 + len(digits)) + digits


def _encoded_text(text: str) -> str:
    if text.isascii() and text.isprintable():
        return "s" + text
    return "u" + str(text.encode("unicode_escape"), "ascii")


def _decoded_key(encoded: str) -> RowKey:
    kind = encoded[0]
    if kind == "s":
        return encoded[1:]
    if kind == "u":
        return encoded[1:].encode("ascii").decode("unicode_escape")
    return int(encoded) if kind == "-" else int(encoded[1:])


def _order(item: tuple[RowKey, Any]) -> tuple[bool, RowKey]:
    return type(item[0]) is str, item[0]
