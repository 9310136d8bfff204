"""Records, rows and messages as JSON values that people read.

Owns the form: a record is an object with its class under ``~`` and those fields that say something, an
instant is text relative to the start of the run, a duration is text, a payload is its own text. Invariants:
never fails, whatever the value; no number leaves the range in which JavaScript is exact. Must not import:
what the records mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from ...runtime.history import Payload
from ..timeline_text import duration_text, instant_text

CLASS: Final = "~"
TEXT_MAX: Final = 4_000
ITEMS_MAX: Final = 200
DEPTH_MAX: Final = 12

_EXACT_MAX: Final = 2**53
_INSTANT_MIN: Final = 10**17  # ns since the epoch: 1973; no duration is that long
_DURATIONS: Final = ("_ns", "timeout", "interval", "backoff")
_EMPTY: Final[tuple[Any, ...]] = (None, "", (), {}, b"")


class Values:
    """Each value once, in the order they were met."""

    __slots__ = ("_known", "_start_ns", "all")

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._known: dict[str, int] = {}
        self.all: list[Any] = []

    def index(self, value: Any) -> int:
        """The number under which ``value`` is in ``all``."""
        shown = self.shown(value)
        text = json.dumps(shown, ensure_ascii=True)
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = len(self.all)
            self.all.append(shown)
        return found

    def shown(self, value: Any, name: str = "", depth: int = 0) -> Any:
        """``value``, the field ``name`` of something, in its JSON form."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self.shown(value.value, name, depth)
        if isinstance(value, int):
            return self._number(int(value), name)
        if isinstance(value, float):
            return value if value == value and abs(value) != float("inf") else str(value)
        if isinstance(value, str):
            return _cut(str(value))
        if isinstance(value, Payload):
            return _bytes(value.data)
        if isinstance(value, bytes | bytearray | memoryview):
            return _bytes(bytes(value))
        if depth >= DEPTH_MAX:
            return f"{type(value).__name__} ..."
        if isinstance(value, Mapping):
            items = list(value.items())
            found = {_cut(str(key)): self.shown(item, str(key), depth + 1) for key, item in items[:ITEMS_MAX]}
            return found if len(items) <= ITEMS_MAX else {**found, "...": f"{len(items) - ITEMS_MAX} more"}
        if isinstance(value, tuple | list | set | frozenset):
            items = list(value) if isinstance(value, tuple | list) else sorted(value, key=str)
            shown = [self.shown(item, name, depth + 1) for item in items[:ITEMS_MAX]]
            return shown if len(items) <= ITEMS_MAX else [*shown, f"... {len(items) - ITEMS_MAX} more"]
        fields = getattr(type(value), "__attrs_attrs__", None)
        if fields is None:
            return type(value).__name__
        record: dict[str, Any] = {CLASS: type(value).__name__}
        for field in fields:
            item = getattr(value, field.name, None)
            if item in _EMPTY or item == field.default:
                continue
            record[field.name] = self.shown(item, field.name, depth + 1)
        return record

    def _number(self, value: int, name: str) -> int | str:
        if abs(value) >= _INSTANT_MIN:
            since = value - self._start_ns
            sign = "-" if since < 0 else "+"
            return f"{sign}{duration_text(abs(since))} ({instant_text(value)})"
        if name.endswith(_DURATIONS):
            return duration_text(value)
        return value if abs(value) < _EXACT_MAX else str(value)


def _cut(text: str) -> str:
    if len(text) > TEXT_MAX:
        return f"{text[:TEXT_MAX]} ... {len(text) - TEXT_MAX} more characters"
    return text


def _bytes(data: bytes) -> str:
    try:
        return _cut(data.decode("utf-8"))
    except UnicodeDecodeError:
        return f"{len(data)} bytes"
