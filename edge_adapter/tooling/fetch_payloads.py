"""One payload without its content.

Owns what is done to the bytes of each encoding: the leaves of JSON become pseudonyms, its structure stays; of
everything else nothing stays. Invariants: a payload that may hold something else than before carries the
mark of runtime/redacted.py; what cannot be read is replaced as a whole; of the metadata stays what says how
to read the bytes.

Must not import: events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from ...runtime.history import Payload
from ...runtime.redacted import REDACTED
from .fetch_paths import Path, Pattern, below, covers
from .fetch_pseudonyms import VERSION, Pseudonyms

FIELD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}", re.ASCII)
"""Keys of JSON objects that look so are names of fields, which stay; others are data."""

_MARK: Final = str(VERSION).encode()
_JSON: Final = (b"json/plain", b"json/protobuf")
_READING: Final = re.compile(rb"[A-Za-z0-9_./+-]{1,100}")


class _Number(str):
    """A number as it was spelled."""


class _Constant(str):
    """NaN or an infinity."""


class _Pairs(list[tuple[str, Any]]):
    """An object, with its keys in order and repeated ones too."""


class PayloadRedactor:
    """Replaces what payloads hold, but for what ``keeps`` covers; the keys of objects at ``data_keys`` too.

    ``replaced`` notes where, in patterns that hold no data: a step into a list is any, and so is a key that
    was replaced.
    """

    def __init__(
        self, pseudonyms: Pseudonyms, keeps: Sequence[Pattern], data_keys: Sequence[Pattern] = ()
    ) -> None:
        self._pseudonyms = pseudonyms
        self._keeps = keeps
        self._data_keys = data_keys
        self.replaced: dict[Pattern, None] = {}

    def payload(self, payload: Payload, path: Path, shown: Pattern | None = None) -> Payload:
        """The payload at ``path``, with pseudonyms for its content; ``shown`` is the path without data."""
        shown = path if shown is None else shown
        active = list(self._keeps)
        for depth, step in enumerate(path):
            active = below(active, depth, step)
            if any(len(each) == depth + 1 for each in active):
                return payload
        encoding = payload.metadata.get("encoding", b"")
        data = self._json(payload.data, path, shown, active) if encoding in _JSON and payload.data else None
        if data is None and payload.data:
            self.replaced[shown] = None
            data = self._pseudonyms.data(payload.data)
        metadata = {
            name: value
            for name, value in payload.metadata.items()
            if name in ("encoding", "type", "messageType") and _READING.fullmatch(value)
        }
        return Payload(metadata={**metadata, REDACTED: _MARK}, data=data or b"")

    def text(self, text: str, path: Path) -> str:
        """A text outside of payloads, by the same rules."""
        if not text or self.keeps(path):
            return text
        self.replaced[path] = None
        return self._pseudonyms.text(text)

    def key(self, key: str) -> str:
        """A key of a mapping."""
        return key if FIELD_NAME.fullmatch(key) else self._pseudonyms.text(key)

    def keeps(self, path: Path) -> bool:
        """Is everything at ``path`` to be kept?"""
        return any(covers(each, path) for each in self._keeps)

    # --- JSON ---

    def _json(self, data: bytes, path: Path, shown: Pattern, active: Sequence[Pattern]) -> bytes | None:
        """None for what is no JSON to the engine either."""
        try:
            json.loads(data)  # refuses what the hooks below would let pass
            found = json.loads(
                data,
                parse_int=_Number,
                parse_float=_Number,
                parse_constant=_Constant,
                object_pairs_hook=_Pairs,
            )
            parts: list[str] = []
            self._value(found, path, shown, active, parts)
        except (ValueError, RecursionError):
            return None
        return "".join(parts).encode()

    def _value(
        self, value: Any, path: Path, shown: Pattern, active: Sequence[Pattern], out: list[str]
    ) -> None:
        kind = type(value)
        if any(len(each) == len(path) for each in active):
            _spell(value, out)
        elif kind is str:
            if value:
                self.replaced[shown] = None
            out.append(_quoted(self._pseudonyms.text(value)))
        elif kind is _Number:
            made = self._pseudonyms.number(value)
            if made != value:
                self.replaced[shown] = None
            out.append(made)
        elif kind is _Pairs:
            self._pairs(value, path, shown, active, out)
        elif kind is list:
            for index, item in enumerate(value):
                out.append("," if index else "[")
                inner = below(active, len(path), index) if active else active
                self._value(item, (*path, index), (*shown, None), inner, out)
            out.append("]" if value else "[]")
        else:
            _spell(value, out)

    def _pairs(
        self, pairs: _Pairs, path: Path, shown: Pattern, active: Sequence[Pattern], out: list[str]
    ) -> None:
        is_data = any(len(each) == len(path) and covers(each, path) for each in self._data_keys)
        for number, (key, item) in enumerate(pairs):
            name = self._pseudonyms.text(key) if is_data else self.key(key)
            out += ("," if number else "{", _quoted(name), ":")
            if name != key:
                self.replaced[shown] = None
            inner = below(active, len(path), key) if active else active
            self._value(item, (*path, key), (*shown, key if name == key else None), inner, out)
        out.append("}" if pairs else "{}")


def _quoted(text: str) -> str:
    return json.dumps(text)


def _spell(value: Any, out: list[str]) -> None:
    """The value as it was."""
    kind = type(value)
    if kind is _Number or kind is _Constant:
        out.append(str(value))
    elif kind is _Pairs:
        for number, (key, item) in enumerate(value):
            out += ("," if number else "{", _quoted(key), ":")
            _spell(item, out)
        out.append("}" if value else "{}")
    elif kind is list:
        for index, item in enumerate(value):
            out.append("," if index else "[")
            _spell(item, out)
        out.append("]" if value else "[]")
    else:
        out.append(json.dumps(value))
