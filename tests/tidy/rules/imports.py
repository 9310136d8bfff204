"""The import map: which room may import which, how, and which packages from outside.

Inside a room imports of the project are relative, so that the folders can be installed under any root;
everywhere else they begin with `temporal_do.`, because a bare `import sim` finds a folder only by the
accident of the current directory. The parts of `edge_adapter` run on three different machines and never
import each other."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator

import attrs

from .source import ROOM_MAP, Source

EDGE_PARTS = frozenset({"api", "cloudflare", "local", "remote", "tooling"})
SHARED_EDGE_PARTS = frozenset({"api"})

# Packages from outside that a room may import. The runtime's are pure Python: it also runs inside Pyodide.
THIRD_PARTY: dict[str, frozenset[str]] = {
    "runtime": frozenset({"attr", "attrs", "croniter"}),
    "sim": frozenset(
        {"attr", "attrs", "coverage", "freezegun", "hypothesis", "networkx", "pytest", "_pytest"}
    ),
    "edge_adapter": frozenset({"attr", "attrs", "httpx", "js", "pyodide", "workers"}),
    "scenarios": frozenset({"attr", "attrs", "hypothesis"}),
    "cli": frozenset({"attr", "attrs", "pytest"}),
}


@attrs.frozen(kw_only=True)
class Import:
    """One imported name. `target` is a path of names; for the project's own it begins with the room."""

    line: int
    target: tuple[str, ...]
    relative: bool
    beyond_root: bool = False


def imports_of(source: Source) -> Iterator[Import]:
    """Every import in the file, at any depth, type-checking ones included, in the order of the tree."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(line=node.lineno, target=tuple(alias.name.split(".")), relative=False)
        elif isinstance(node, ast.ImportFrom):
            base: tuple[str, ...] = tuple(node.module.split(".")) if node.module else ()
            beyond = node.level - 1 > len(source.package)
            if node.level:
                base = source.package[: max(len(source.package) - node.level + 1, 0)] + base
            for alias in node.names:
                target = base if alias.name == "*" else (*base, alias.name)
                yield Import(line=node.lineno, target=target, relative=node.level > 0, beyond_root=beyond)


def _finding_inside(source: Source, found: Import) -> str | None:
    room, first = source.folder, found.target[0]
    if found.beyond_root:
        return "goes above the import root; use fewer dots"
    if not found.relative:
        if first == "temporal_do" or first in ROOM_MAP:
            return f"imports {'.'.join(found.target)} absolutely; inside a room write a relative import"
        if first in sys.stdlib_module_names or first in THIRD_PARTY[room]:
            return None
        allowed = ", ".join(sorted(THIRD_PARTY[room]))
        return f"imports {first}; {room} may use the standard library and {allowed}"
    if first != room and first not in ROOM_MAP[room]:
        allowed = ", ".join(sorted(ROOM_MAP[room])) or "no other room"
        return f"{room} imports {first}; {room} may import {allowed}: pass what is needed through a port"
    if room == first == "edge_adapter" and len(source.module) > 1 and len(found.target) > 1:
        part, other = source.module[1], found.target[1]
        if part in EDGE_PARTS and other in EDGE_PARTS - SHARED_EDGE_PARTS - {part}:
            return f"edge_adapter/{part} imports edge_adapter/{other}; they run on different machines"
    return None


def _finding_outside(found: Import) -> str | None:
    first = found.target[0]
    if not found.relative and first in ROOM_MAP:
        return f"imports {first}; write temporal_do.{first}, the name users have"
    return None


def check(sources: Iterable[Source]) -> list[str]:
    """Findings against the import map."""
    findings: dict[str, None] = {}
    for source in sources:
        for found in imports_of(source):
            finding = _finding_inside(source, found) if source.in_room else _finding_outside(found)
            if finding:
                findings[f"{source.line(found.line)}: {finding}"] = None
    return list(findings)
