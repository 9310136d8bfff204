"""What every rule reads: a Python file as path, text and syntax tree; and which files there are.

Paths are relative to the repository and use `/`, so a rule can be tried on a planted source that is on no
disk."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parents[3]

# The rooms, and what each may import of the others. The picture is in ARCHITECTURE.md.
ROOM_MAP: dict[str, frozenset[str]] = {
    "runtime": frozenset(),
    "sim": frozenset({"runtime"}),
    "edge_adapter": frozenset({"runtime"}),
    "scenarios": frozenset({"sim", "runtime"}),
    "cli": frozenset({"runtime", "sim", "edge_adapter", "scenarios"}),
}
# Beside the rooms: code that uses the product as its users do.
OUTSIDE: tuple[str, ...] = ("tests", "examples", "benchmarks")


@attrs.frozen(kw_only=True)
class Source:
    """One Python file."""

    path: str
    text: str
    tree: ast.Module = attrs.field(repr=False, eq=False)

    @classmethod
    def parse(cls, path: str, text: str) -> Source:
        """Make a source out of `text`, as if it stood at `path`."""
        return cls(path=path, text=text, tree=ast.parse(text, filename=path))

    @property
    def folder(self) -> str:
        """The top-level folder: a room's name, or `tests` and the like."""
        return self.path.split("/", 1)[0]

    @property
    def in_room(self) -> bool:
        """Is this product code?"""
        return self.folder in ROOM_MAP

    @property
    def module(self) -> tuple[str, ...]:
        """The name as parts under the import root: `runtime/history/read.py` is (runtime, history, read)."""
        parts = tuple(self.path.removesuffix(".py").split("/"))
        return parts[:-1] if parts[-1] == "__init__" else parts

    @property
    def package(self) -> tuple[str, ...]:
        """The package that relative imports of this file start from."""
        return self.module if self.path.endswith("/__init__.py") else self.module[:-1]

    def line(self, number: int) -> str:
        """The `path:line` that begins a finding."""
        return f"{self.path}:{number}"


def _python_files(folder: str) -> Iterator[Path]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "__pycache__" not in path.parts:
            yield path


@lru_cache(maxsize=1)
def every_source() -> tuple[Source, ...]:
    """All Python files of the rooms and beside them, in the order of their paths."""
    return tuple(
        Source.parse(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        for folder in (*ROOM_MAP, *OUTSIDE)
        for path in _python_files(folder)
    )


def room_sources() -> tuple[Source, ...]:
    """The product's own files."""
    return tuple(source for source in every_source() if source.in_room)
