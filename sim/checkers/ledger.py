"""The committed rows of every object, added up from the commits of a trace.

Owns the adding up: what an object would read if it were loaded now. Must not import: the platform, whose own
tables this is to be compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...runtime.keys import kind_of
from ..trace import Step

NOTHING: Mapping[Any, Any] = {}
Tables = dict[str, dict[Any, Any]]


class Ledger:
    """Object key -> table -> row key -> row; what was deleted is gone."""

    __slots__ = ("alarms", "lost", "objects", "versions")

    def __init__(self) -> None:
        self.objects: dict[str, Tables] = {}
        self.alarms: dict[str, int | None] = {}
        """Object key -> the alarm of its last commit."""
        self.lost: set[str] = set()
        """The objects whose alarm the platform has lost, and which have set no other one since."""
        self.versions: dict[str, int] = {}
        """Object key -> how many commits there were."""

    def add(self, commit: Step) -> None:
        """Apply one commit step."""
        key = commit[2]
        tables = self.objects.get(key)
        if tables is None:
            tables = self.objects[key] = {}
        for name, row_key, row in commit[5]:
            table = tables.get(name)
            if table is None:
                table = tables[name] = {}
            if row is None:
                table.pop(row_key, None)
            else:
                table[row_key] = row
        if commit[6] != self.alarms.get(key):
            self.lost.discard(key)
        self.alarms[key] = commit[6]
        self.versions[key] = commit[4]

    def table(self, key: str, name: str) -> Mapping[Any, Any]:
        """One table of one object."""
        return self.objects.get(key, NOTHING).get(name, NOTHING)

    def get(self, key: str, name: str, row_key: Any) -> Any:
        """One row, or None."""
        return self.table(key, name).get(row_key)

    def rows(self, key: str) -> int:
        """How many rows the object has."""
        return sum(len(table) for table in self.objects.get(key, NOTHING).values())

    def of_kind(self, kind: str) -> Iterator[str]:
        """The keys of all objects of a class, oldest first."""
        return (key for key in self.objects if kind_of(key) == kind)
