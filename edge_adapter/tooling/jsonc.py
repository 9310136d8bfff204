"""JSON with comments and trailing commas, read so that every value knows where it stands.

Owns the reader of wrangler.jsonc. The standard library's reader knows neither comments nor positions, and a
finding that names no line is half a finding. Invariants: what is accepted is what the deploy tool accepts
(comments, trailing commas, nothing else beyond JSON); a key given twice is remembered, the last one counts.
Reads text, no files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import attrs

DEPTH_MAX = 100

_BLANK = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[A-Za-z_]\w*")
_LITERALS = {"true": True, "false": False, "null": None}


class JsoncError(ValueError):
    """The text is not JSON with comments; ``line`` (from 1) and ``message`` say where and why."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"line {line}: {message}")
        self.message = message
        self.line = line


@attrs.frozen(kw_only=True)
class Node:
    """A value and its place: ``line`` from 1, ``start`` and ``end`` are offsets into the text.

    ``value`` is a str, a number, a bool or None; of an object a dict of Nodes, of a list a list of Nodes.
    """

    value: Any
    line: int
    start: int
    end: int
    repeated: tuple[tuple[str, int], ...] = ()
    """Keys that an object gives more than once, and the lines where they come again."""

    def get(self, *path: str | int) -> Node | None:
        """The Node at ``path`` below this one, or None."""
        node: Node | None = self
        for part in path:
            if node is None:
                return None
            if isinstance(part, str):
                node = node.value.get(part) if isinstance(node.value, dict) else None
            else:
                inside = isinstance(node.value, list) and 0 <= part < len(node.value)
                node = node.value[part] if inside else None
        return node

    def items(self, *path: str | int) -> list[Node]:
        """The elements of the list at ``path`` below this one, or of this one; of anything else, none."""
        node = self.get(*path)
        return list(node.value) if node is not None and isinstance(node.value, list) else []

    def text(self, *path: str | int) -> str | None:
        """The string at ``path`` below this one, or this one; None: there is no string."""
        node = self.get(*path)
        return node.value if node is not None and isinstance(node.value, str) else None

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value

    def walk(self) -> Iterator[Node]:
        """This Node and all below it, in the order of the text."""
        yield self
        inner = self.value.values() if isinstance(self.value, dict) else self.items()
        for node in inner:
            yield from node.walk()


def read_jsonc(text: str) -> Node:
    """Read ``text``. Raises JsoncError."""
    reader = _Reader(text)
    node = reader.value(0, 0)
    rest = reader.blank(node.end)
    if rest < len(text):
        raise reader.error("something follows the end of the value", rest)
    return node


class _Reader:
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def error(self, message: str, at: int) -> JsoncError:
        return JsoncError(message, self.line(at))

    def line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1

    def blank(self, at: int) -> int:
        """Past blanks and comments."""
        found = _BLANK.match(self._text, at)
        end = at if found is None else found.end()
        if self._text.startswith("/*", end):
            raise self.error("a comment has no end", end)
        return end

    def value(self, at: int, depth: int) -> Node:
        at = self.blank(at)
        if depth > DEPTH_MAX:
            raise self.error(f"nested deeper than {DEPTH_MAX}", at)
        first = self._text[at : at + 1]
        if first == "{":
            return self._object(at, depth)
        if first == "[":
            return self._list(at, depth)
        if first == '"':
            text, end = self._string(at)
            return Node(value=text, line=self.line(at), start=at, end=end)
        number = _NUMBER.match(self._text, at)
        if number is not None:
            return Node(value=json.loads(number.group()), line=self.line(at), start=at, end=number.end())
        word = _WORD.match(self._text, at)
        if word is not None and word.group() in _LITERALS:
            return Node(value=_LITERALS[word.group()], line=self.line(at), start=at, end=word.end())
        raise self.error(f"a value is expected, not {self._what(at)}", at)

    def _what(self, at: int) -> str:
        if at >= len(self._text):
            return "the end of the file"
        word = _WORD.match(self._text, at)
        return repr(word.group() if word else self._text[at])

    def _string(self, at: int) -> tuple[str, int]:
        found = _STRING.match(self._text, at)
        if found is None:
            raise self.error("a string has no end on its line", at)
        try:
            text = json.loads(found.group())
        except ValueError:
            raise self.error(f"a string holds an unknown escape: {found.group()}", at) from None
        return str(text), found.end()

    def _object(self, start: int, depth: int) -> Node:
        members: dict[str, Node] = {}
        repeated: list[tuple[str, int]] = []
        at = self.blank(start + 1)
        while not self._text.startswith("}", at):
            if not self._text.startswith('"', at):
                raise self.error(f'a key in double quotes or "}}" is expected, not {self._what(at)}', at)
            key, end = self._string(at)
            if key in members:
                repeated.append((key, self.line(at)))
            at = self.blank(end)
            if not self._text.startswith(":", at):
                raise self.error(f"a colon is expected after {key!r}, not {self._what(at)}", at)
            members[key] = node = self.value(at + 1, depth + 1)
            at = self._next(node.end, "}")
        return Node(value=members, line=self.line(start), start=start, end=at + 1, repeated=tuple(repeated))

    def _list(self, start: int, depth: int) -> Node:
        nodes: list[Node] = []
        at = self.blank(start + 1)
        while not self._text.startswith("]", at):
            nodes.append(node := self.value(at, depth + 1))
            at = self._next(node.end, "]")
        return Node(value=nodes, line=self.line(start), start=start, end=at + 1)

    def _next(self, at: int, closing: str) -> int:
        """Past the comma after an element, or at the closing bracket."""
        at = self.blank(at)
        if self._text.startswith(",", at):
            return self.blank(at + 1)
        if not self._text.startswith(closing, at):
            raise self.error(f'"," or "{closing}" is expected, not {self._what(at)}', at)
        return at
