"""Which files become modules of a Worker, and under which names.

Invariant: the same folders give the same list, in the same order.
Must not import: anything of this package but `errors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs

from .errors import EdgePlatformError

_SKIPPED_FOLDERS = ("__pycache__",)
_SKIPPED_SUFFIXES = (".pyc", ".pyi", ".so")
_SKIPPED_NAMES = ("py.typed",)
# Of the project, what runs inside a Worker: the name inside the Worker, the path from the import root.
_ENGINE_FOLDERS = ("runtime", "edge_adapter/api", "edge_adapter/cloudflare")
_ENGINE_FILES = ("edge_adapter/__init__.py",)
_IMPORT_ROOT = "temporal_do"


@attrs.frozen(kw_only=True)
class ModuleFile:
    """A file that becomes a module: its path inside the Worker (with slashes) and where it is on disk."""

    name: str
    file: Path

    @property
    def kind(self) -> str:
        """The platform's word for what it is."""
        return "PythonModule" if self.file.suffix == ".py" else "Data"


def _project_root() -> Path:
    # .../edge_adapter/tooling/platform/modules.py, in the repository and in an installation alike
    return Path(__file__).resolve().parents[3]


def engine_folders() -> dict[str, Path]:
    """The project's own, for `WorkerConfig.folders`; inside they import as `temporal_do.runtime` etc."""
    root = _project_root()
    return {f"{_IMPORT_ROOT}/{path}": root / path for path in (*_ENGINE_FOLDERS, *_ENGINE_FILES)}


def walk_modules(folder: Path, inside: str = "") -> Iterator[ModuleFile]:
    """The modules of a folder (or of one file), sorted by name; `inside` is its path within the Worker.

    Left out: caches, stubs, compiled extensions, metadata of packages. Raises EdgePlatformError when there
    is no such folder.
    """
    if folder.is_file():
        yield ModuleFile(name=inside or folder.name, file=folder)
        return
    if not folder.is_dir():
        raise EdgePlatformError(f"there is no folder {folder} to put into the Worker")
    prefix = f"{inside}/" if inside else ""
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        if not file.is_file() or file.suffix in _SKIPPED_SUFFIXES or file.name in _SKIPPED_NAMES:
            continue
        if any(part in _SKIPPED_FOLDERS or part.endswith(".dist-info") for part in path.parts[:-1]):
            continue
        yield ModuleFile(name=prefix + path.as_posix(), file=file)
