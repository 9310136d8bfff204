"""A user's project: wrangler.jsonc, the entry it names, and ``[tool.temporal-do.edge]`` of pyproject.toml.

Owns reading them and the view of one environment of the configuration. Invariant: what is read is checked for
its shape here, for its sense in ``rules``. Must not import: the user's code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from .errors import EdgeProjectError
from .jsonc import JsoncError, Node, read_jsonc
from .worker_shape import CONFIG, OTHER_CONFIGS

SETTINGS_TABLE: Final = "tool.temporal-do.edge"

_NOT_INHERITED: Final = frozenset({"vars", "secrets", "durable_objects", "queues", "r2_buckets", "define"})
"""Keys that a named environment does not take over from the top level."""


@attrs.frozen(kw_only=True)
class Settings:
    """``[tool.temporal-do.edge]``.

    ``source``: folders with the user's top-level modules, relative to the project. ``include``: patterns of
    more files that go into the Worker (data, modules imported by name). ``requirements``: a file in pip's
    format with more pure-Python distributions.
    """

    source: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    requirements: str | None = None


@attrs.frozen(kw_only=True)
class Project:
    """What ``edge build`` and ``edge check`` work on."""

    root: Path
    config_path: Path
    config_text: str
    config: Node
    settings: Settings

    def view(self, environment: str | None = None) -> ConfigView:
        """The configuration as it holds for the named environment; None: the top level."""
        if environment is None:
            return ConfigView(top=self.config, inner=None, environment=None)
        inner = self.config.get("env", environment)
        if inner is None:
            known = ", ".join(self.environments) or "none"
            raise EdgeProjectError(
                f"{self.config_path.name} has no environment {environment!r}; it has: {known}"
            )
        return ConfigView(top=self.config, inner=inner, environment=environment)

    @property
    def environments(self) -> tuple[str, ...]:
        """Names of the environments that the configuration defines."""
        env = self.config.get("env")
        return tuple(env.value) if env is not None and isinstance(env.value, dict) else ()

    @property
    def entry(self) -> Path | None:
        """The file that ``main`` names, if it names one; it may not exist."""
        text = self.config.text("main")
        return None if not text else self.root / text

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders in which the user's top-level modules are looked for, in this order."""
        return roots_of(self.root, self.settings)


@attrs.frozen(kw_only=True)
class ConfigView:
    """One environment's configuration."""

    top: Node
    inner: Node | None
    environment: str | None

    def get(self, *path: str | int) -> Node | None:
        """The Node at ``path``, from the environment or, for keys that are inherited, from the top level."""
        first = path[0]
        if self.inner is not None:
            found = self.inner.get(first)
            if found is not None:
                return found.get(*path[1:])
            if first in _NOT_INHERITED:
                return None
        return self.top.get(*path)

    def items(self, *path: str | int) -> list[Node]:
        """The elements of the list at ``path``; of anything else, none."""
        node = self.get(*path)
        return [] if node is None else node.items()

    def text(self, *path: str | int) -> str | None:
        """The string at ``path``, or None."""
        node = self.get(*path)
        return None if node is None else node.text()

    def line(self, *path: str | int) -> int:
        """The line of the Node at ``path``, or of the nearest one above it."""
        for length in range(len(path), 0, -1):
            node = self.get(*path[:length])
            if node is not None:
                return node.line
        return (self.inner or self.top).line


def open_project(config: Path, *, include: tuple[str, ...] = ()) -> Project:
    """Read the project whose configuration is the file ``config``. Raises EdgeProjectError.

    ``include``: patterns besides those of pyproject.toml.
    """
    try:
        text = config.read_bytes().decode()
    except FileNotFoundError:
        raise EdgeProjectError(_nothing_there(config)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise EdgeProjectError(f"{config} cannot be read: {error}") from None
    try:
        node = read_jsonc(text)
    except JsoncError as error:
        raise EdgeProjectError(error.message, path=config, line=error.line) from None
    if not isinstance(node.value, dict):
        raise EdgeProjectError("an object in braces is expected", path=config, line=node.line)
    root = config.parent
    settings = read_settings(root / "pyproject.toml")
    return Project(
        root=root,
        config_path=config,
        config_text=text,
        config=node,
        settings=attrs.evolve(settings, include=(*settings.include, *include)),
    )


def roots_of(root: Path, settings: Settings) -> tuple[Path, ...]:
    """Where the user's top-level modules are looked for in the project ``root``: the folders that the
    settings name, or ``src`` if there is one, and the project's folder itself."""
    named = [root / name for name in settings.source]
    usual = [root / "src"] if (root / "src").is_dir() and not named else []
    return (*named, *usual, root)


def _nothing_there(config: Path) -> str:
    other = next((name for name in OTHER_CONFIGS if (config.parent / name).is_file()), None)
    if config.name == CONFIG and other == "wrangler.json":
        return f"there is no {config}, but a {other}: give it with --config"
    if config.name == CONFIG and other is not None:
        return f"there is no {config}, but a {other}: only the JSON form is understood; translate it"
    return f"there is no {config}; 'temporal-do edge init MODULE' writes one"


def read_settings(pyproject: Path) -> Settings:
    """The table of this project's settings in ``pyproject``; the defaults without one. Raises
    EdgeProjectError."""
    try:
        document: Mapping[str, Any] = tomllib.loads(pyproject.read_text("utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise EdgeProjectError(f"{pyproject} cannot be read: {error}") from None
    table: Any = document
    for part in SETTINGS_TABLE.split("."):
        table = table.get(part, {}) if isinstance(table, Mapping) else {}
    if not isinstance(table, Mapping):
        raise EdgeProjectError(f"{pyproject}: [{SETTINGS_TABLE}] is a table")
    known = [field.name for field in attrs.fields(Settings)]
    for key in table:
        if key not in known:
            raise EdgeProjectError(
                f"{pyproject}: [{SETTINGS_TABLE}] has no setting {key!r}; there are: {', '.join(known)}"
            )
    requirements = table.get("requirements")
    if requirements is not None and not isinstance(requirements, str):
        raise EdgeProjectError(f"{pyproject}: [{SETTINGS_TABLE}] requirements is the name of a file")
    return Settings(
        source=_texts(pyproject, table, "source"),
        include=_texts(pyproject, table, "include"),
        requirements=requirements,
    )


def _texts(pyproject: Path, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise EdgeProjectError(f"{pyproject}: [{SETTINGS_TABLE}] {key} is a list of texts")
    return tuple(found)
