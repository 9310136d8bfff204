"""Packaging: every folder of the rooms is an installed package, and the list in pyproject.toml says so.

setuptools cannot discover packages through the mapping of folders to `temporal_do.*`, so the list is written
by hand, and a forgotten sub-package would be missing from the wheel while the editable install works."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from .source import ROOM_MAP, ROOT, Source


def project_table(root: Path = ROOT) -> dict[str, object]:
    """pyproject.toml, read."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def listed_packages(table: dict[str, object]) -> dict[str, str]:
    """Package -> folder, sub-packages resolved through the room's entry, as setuptools does."""
    setuptools = table["tool"]["setuptools"]  # type: ignore[index]
    mapping: dict[str, str] = setuptools["package-dir"]
    folders: dict[str, str] = {}
    for package in setuptools["packages"]:
        parts = package.split(".")
        for length in range(len(parts), 0, -1):
            base = mapping.get(".".join(parts[:length]))
            if base is not None:
                folders[package] = "/".join([base, *parts[length:]])
                break
        else:
            folders[package] = "/".join(parts)
    return folders


def entry_points(table: dict[str, object]) -> list[str]:
    """The objects behind the installed commands and plugins, as `package.module:object`."""
    project = table["project"]
    groups = [project.get("scripts", {}), *project.get("entry-points", {}).values()]  # type: ignore[attr-defined]
    return [target for group in groups for target in group.values()]


def _package(folder: str) -> str:
    return "temporal_do." + folder.replace("/", ".")


def check(sources: Iterable[Source], folders: dict[str, str], typed_rooms: Iterable[str]) -> list[str]:
    """Findings: folders that are not listed, listed ones that do not exist, rooms without py.typed.

    `folders` is what `listed_packages` gives; `typed_rooms` are the rooms that hold a py.typed.
    """
    files = [source.path for source in sources if source.in_room]
    on_disk = {path.rsplit("/", 1)[0] for path in files}
    listed = set(folders.values())
    findings = [
        f"{folder}/__init__.py:1: is not listed; add {_package(folder)} to pyproject.toml"
        for folder in sorted(on_disk - listed)
    ]
    findings += [
        f"pyproject.toml:1: lists {folder}, which holds no Python" for folder in sorted(listed - on_disk)
    ]
    findings += [
        f"pyproject.toml:1: installs {folder} as {package}; the name must be {_package(folder)}"
        for package, folder in sorted(folders.items())
        if package != _package(folder)
    ]
    findings += [
        f"{folder}/__init__.py:1: is missing; a folder of Python in a room is a package"
        for folder in sorted(on_disk)
        if f"{folder}/__init__.py" not in files
    ]
    findings += [
        f"{room}/py.typed:1: is missing; type checkers ignore the room without it"
        for room in sorted({folder.split("/")[0] for folder in on_disk} & ROOM_MAP.keys() - set(typed_rooms))
    ]
    return findings
