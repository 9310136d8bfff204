"""Which of the user's files the Worker needs: the entry, and what it imports, step by step.

Owns the walk over import statements. Nothing is executed: a module that is imported under ``if
TYPE_CHECKING`` is not needed, and one inside ``try ... except ImportError`` may be missing. Invariant:
every import that will not be found in the Worker is reported with its file and line. Reads files; must not
import: the user's code.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

OWN_ROOT: Final = "temporal_do"
OWN_PACKAGES: Final = ("runtime", "edge_adapter.api", "edge_adapter.cloudflare")
"""What of this project goes into the Worker."""
PROVIDED: Final = frozenset({"js", "pyodide", "pyodide_js", "_pyodide", "_cloudflare", "workers", "asgi"})
"""Importable there without being vendored by the user."""
NOT_THERE: Final = frozenset(
    {"curses", "dbm", "ensurepip", "grp", "idlelib", "msvcrt", "nt", "pwd", "pydoc_data", "readline"}
    | {"resource", "syslog", "tkinter", "turtle", "turtledemo", "venv", "winreg", "winsound"}
)
"""Modules of the standard library that Python in the Worker is built without."""


@attrs.frozen(kw_only=True)
class UserModule:
    """A file of the user's. ``place`` is its path in the Worker, with slashes."""

    name: str
    path: Path
    place: str
    tree: ast.Module = attrs.field(eq=False, repr=False)


@attrs.frozen(kw_only=True)
class LostImport:
    """An import that the Worker will not find, and why."""

    path: Path
    line: int
    name: str
    why: str
    remedy: str


@attrs.frozen(kw_only=True)
class UserCode:
    """The files of the user's that the Worker needs, in the order of their places, and what it will miss."""

    modules: tuple[UserModule, ...]
    lost: tuple[LostImport, ...]
    vendored: frozenset[str] = frozenset()
    """Top-level names that come with the Worker."""

    def hidden(self) -> list[tuple[UserModule, str]]:
        """Modules of the user's that the Worker would never import, one per top-level name, and what it takes
        instead: there the standard library and the vendored packages are found first."""
        found: dict[str, tuple[UserModule, str]] = {}
        for module in self.modules:
            top = module.place.partition("/")[0].removesuffix(".py")
            if top in sys.stdlib_module_names:
                found.setdefault(top, (module, f"the standard library's {top}"))
            elif top in self.vendored | PROVIDED | {OWN_ROOT}:
                found.setdefault(top, (module, f"the package {top} that comes with it"))
        return list(found.values())


class UnreadableModuleError(Exception):
    """A file cannot be parsed; ``path`` and ``line`` say where."""

    def __init__(self, message: str, path: Path, line: int) -> None:
        super().__init__(message)
        self.path = path
        self.line = line


@attrs.frozen
class _Import:
    line: int
    name: str
    optional: bool
    member: str = ""
    """What ``from name import member`` takes; perhaps a module below ``name``."""


def find_user_code(
    entry: Path, roots: Sequence[Path], vendored: Collection[str], extra: Sequence[str] = ()
) -> UserCode:
    """Follow the imports of ``entry``, and those of the modules named in ``extra``.

    ``roots``: folders in which the user's top-level modules are looked for, in this order. ``vendored``:
    top-level names that come with the Worker. Raises UnreadableModuleError.
    """
    walk = _Walk(tuple(roots), frozenset(vendored))
    walk.add("", entry, entry.name)
    for name in extra:
        walk.follow(entry, _Import(1, name, optional=False))
    walk.run()
    modules = sorted(walk.modules.values(), key=lambda module: module.place)
    lost = sorted(walk.lost, key=lambda found: (str(found.path), found.line, found.name))
    return UserCode(modules=tuple(modules), lost=tuple(lost), vendored=frozenset(vendored))


def parse_module(path: Path) -> ast.Module:
    """The tree of the file. Raises UnreadableModuleError."""
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise UnreadableModuleError(f"is not Python: {error.msg}", path, error.lineno or 1) from None
    except (OSError, ValueError) as error:
        raise UnreadableModuleError(f"cannot be read: {error}", path, 1) from None


class _Walk:
    def __init__(self, roots: tuple[Path, ...], vendored: frozenset[str]) -> None:
        self._roots = roots
        self._vendored = vendored
        self._todo: list[UserModule] = []
        self.modules: dict[Path, UserModule] = {}
        self.lost: list[LostImport] = []

    def add(self, name: str, path: Path, place: str) -> None:
        if path not in self.modules:
            module = UserModule(name=name, path=path, place=place, tree=parse_module(path))
            self.modules[path] = module
            self._todo.append(module)

    def run(self) -> None:
        while self._todo:
            module = self._todo.pop()
            for found in _imports(module):
                self.follow(module.path, found)

    def follow(self, path: Path, found: _Import) -> None:
        top = found.name.partition(".")[0]
        if top == OWN_ROOT:
            self._own(path, found)
        elif self._here(found.name):
            if found.member:
                self._here(f"{found.name}.{found.member}")
        elif top in self._vendored or top in PROVIDED:
            return
        elif top in NOT_THERE:
            self._lose(path, found, "Python in the Worker has no such module", _ELSEWHERE)
        elif top not in sys.stdlib_module_names:
            self._lose(path, found, "is neither in the project nor vendored", _VENDOR)

    def _here(self, name: str) -> bool:
        """Add the module and the packages above it, if it is the user's."""
        parts = name.split(".")
        for root in self._roots:
            folder = root.joinpath(*parts)
            file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
            if not (file.is_file() or folder.is_dir()):
                continue
            for length in range(1, len(parts) + 1):
                above = root.joinpath(*parts[:length], "__init__.py")
                if above.is_file():
                    self.add(".".join(parts[:length]), above, above.relative_to(root).as_posix())
            if file.is_file():
                self.add(name, file, file.relative_to(root).as_posix())
            return True
        return False

    def _own(self, path: Path, found: _Import) -> None:
        name = found.name.partition(".")[2]
        if not name or name == "edge_adapter":
            name = f"{name}.{found.member}".strip(".") if found.member else name
        inside = any(f"{name}.".startswith(f"{package}.") for package in OWN_PACKAGES)
        if not inside and name not in ("", "edge_adapter"):
            why = "stays on the laptop and is not part of the Worker"
            self._lose(path, found, why, "import it in a module that the entry does not reach")

    def _lose(self, path: Path, found: _Import, why: str, remedy: str) -> None:
        if not found.optional:
            self.lost.append(LostImport(path=path, line=found.line, name=found.name, why=why, remedy=remedy))


_ELSEWHERE = "import it inside an activity that runs in an external worker"
_VENDOR = (
    "if it is pure Python, name its distribution in the file that requirements of [tool.temporal-do.edge] in "
    "pyproject.toml points to; otherwise run the activities that need it in an external worker"
)


def _imports(module: UserModule) -> Iterator[_Import]:
    """The module's imports at any depth, without those for type checkers."""
    package = module.name.split(".") if module.name else []
    if module.path.name != "__init__.py":
        package = package[:-1]
    yield from _imports_in(module.tree.body, package, optional=False)


def _imports_in(body: Sequence[ast.AST], package: list[str], optional: bool) -> Iterator[_Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(node.lineno, alias.name, optional)
        elif isinstance(node, ast.ImportFrom):
            base = package[: max(len(package) - node.level + 1, 0)] if node.level else []
            parts = [*base, *(node.module.split(".") if node.module else [])]
            if parts:
                for alias in node.names:
                    yield _Import(node.lineno, ".".join(parts), optional, alias.name)
            else:  # `from . import sibling` in a top-level module: Python refuses it itself
                continue
        elif isinstance(node, ast.Call) and (text := _imported_by_name(node)):
            yield _Import(node.lineno, text, optional)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imports_in(node.orelse, package, optional)
        elif isinstance(node, ast.Try):
            forgiving = optional or any(_forgives(handler) for handler in node.handlers)
            yield from _imports_in(node.body, package, forgiving)
            yield from _imports_in(
                [*node.handlers, *node.orelse, *node.finalbody], package, optional or forgiving
            )
        else:
            yield from _imports_in(list(ast.iter_child_nodes(node)), package, optional)


def _imported_by_name(call: ast.Call) -> str | None:
    """The name in ``import_module("name")``, if it is written there and absolute."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name not in ("import_module", "__import__") or not call.args:
        return None
    first = call.args[0]
    text = first.value if isinstance(first, ast.Constant) else None
    return text if isinstance(text, str) and text and not text.startswith(".") else None


def _forgives(handler: ast.ExceptHandler) -> bool:
    caught = "ImportError" if handler.type is None else ast.unparse(handler.type)
    return any(name in caught for name in ("ImportError", "ModuleNotFoundError", "Exception"))
