"""The user's source code, read for a report: the statement at a line, and what a workflow's code mentions.

Best effort: where the source can't be found everything is empty. Used only when something is reported.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

import attrs

from ..durations import parse_duration
from ..errors import InvalidArgumentError
from ..guard_frames import USER, kind_of

_CODES_MAX = 500


@attrs.frozen(kw_only=True)
class Statement:
    """A statement: its text without indentation, its first line, and the names it assigns."""

    text: str
    line: int
    assigns: tuple[str, ...] = ()
    returns: bool = False


def source_line(file: str, line: int) -> str:
    """One line of a file, stripped."""
    return linecache.getline(file, line).strip()


def statement_at(file: str, line: int) -> Statement | None:
    """The innermost statement that covers ``line``; of a compound one its header only."""
    lines = linecache.getlines(file)
    best = _innermost(lines, line)
    return None if best is None else _statement(best, lines)


def statement_mentioning(function: Callable[..., Any], text: str) -> Statement | None:
    """The one simple statement of ``function`` that contains ``text`` as a constant, if it is one."""
    code = getattr(function, "__code__", None)
    lines = linecache.getlines(code.co_filename) if code is not None else []
    tree = _parse(lines)
    body = None if tree is None or code is None else _function(tree, code)
    if body is None:
        return None
    found = [
        node
        for node in ast.walk(body)
        if isinstance(node, ast.stmt)
        and not hasattr(node, "body")
        and any(isinstance(each, ast.Constant) and each.value == text for each in ast.walk(node))
    ]
    return _statement(found[0], lines) if len(found) == 1 else None


def _statement(node: ast.stmt, lines: list[str]) -> Statement:
    last = node.end_lineno or node.lineno
    body = getattr(node, "body", None)
    if body:
        last = max(node.lineno, min(last, body[0].lineno - 1))
    text = [each.rstrip("\n") for each in lines[node.lineno - 1 : last]]
    indent = len(text[0]) - len(text[0].lstrip())
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return Statement(
        text="\n".join(each[indent:] if not each[:indent].strip() else each.lstrip() for each in text),
        line=node.lineno,
        assigns=tuple(ast.unparse(target) for target in targets),
        returns=isinstance(node, ast.Return),
    )


def _parse(lines: list[str]) -> ast.Module | None:
    try:
        return ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return None


def _function(tree: ast.Module, code: CodeType) -> ast.AsyncFunctionDef | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first <= code.co_firstlineno <= node.lineno:
                return node
    return None


def _innermost(lines: list[str], line: int) -> ast.stmt | None:
    tree = _parse(lines)
    if tree is None:
        return None
    best: ast.stmt | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            if best is None or node.lineno > best.lineno or (node.end_lineno or 0) < (best.end_lineno or 0):
                best = node
    return best


def return_line(function: Callable[..., Any]) -> int:
    """The line of a function's only ``return``; 0 when there are none or several."""
    code = getattr(function, "__code__", None)
    if code is None:
        return 0
    tree = _parse(linecache.getlines(code.co_filename))
    node = None if tree is None else _function(tree, code)
    found = [] if node is None else list(_returns(node.body))
    return found[0] if len(found) == 1 else 0


def _returns(body: list[Any]) -> Iterator[int]:
    for node in body:
        if isinstance(node, ast.Return):
            yield node.lineno
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                yield from _returns(getattr(node, name, []))


class Mentions:
    """Every text, number and name in a workflow's code and in the functions of the user's that it names."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.texts: dict[str, None] = {}
        self._durations: dict[int, None] = {}
        scope = getattr(function, "__globals__", {})
        code = getattr(function, "__code__", None)
        if code is not None:
            self._collect(code, scope)

    def name(self, text: str) -> bool:
        """Does the code mention this text, as a constant or a name?"""
        return text in self.texts

    def duration(self, duration_ns: int) -> bool:
        """Does the code mention a duration as long as this?"""
        return duration_ns in self._durations

    def _collect(self, first: CodeType, scope: dict[str, Any]) -> None:
        waiting = [first]
        seen: list[CodeType] = []
        while waiting and len(seen) < _CODES_MAX:
            code = waiting.pop()
            if any(code is each for each in seen):
                continue
            seen.append(code)
            for constant in code.co_consts:
                if isinstance(constant, CodeType):
                    waiting.append(constant)
                else:
                    self._constant(constant)
            for name in (*code.co_names, *code.co_freevars):
                self.texts[name] = None
                value = scope.get(name)
                if isinstance(value, FunctionType) and kind_of(value.__code__.co_filename) is USER:
                    waiting.append(value.__code__)
                elif isinstance(value, (str, int, float)):
                    self._constant(value)
                named = getattr(value, "name", None)
                if isinstance(named, str):
                    self.texts[named] = None

    def _constant(self, value: Any) -> None:
        if isinstance(value, tuple):
            for each in value:
                self._constant(each)
            return
        if isinstance(value, str):
            self.texts[value] = None
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            try:
                self._durations[parse_duration(value)] = None
            except InvalidArgumentError:
                return
