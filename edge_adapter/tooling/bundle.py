"""The folder that is deployed: the entry and the user's modules, the runtime, and the vendored packages.

Owns what goes in, under which path, and what is left out. Layout, as the deploy tool wants it:
``wrangler.jsonc``, ``src/`` with the entry beside the user's modules, ``python_modules/`` with everything
else, and ``manifest.json`` with the hash of each file. Invariants: the same input gives the same bytes; a
folder that this module did not write is never replaced; nothing native goes in. Must not import: the user's
code.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from .errors import EdgeProjectError
from .modules import OWN_PACKAGES, OWN_ROOT, LostImport, UnreadableModuleError, UserCode, find_user_code
from .project import Project
from .worker_shape import CONFIG

SOURCE: Final = "src"
VENDORED: Final = "python_modules"
MANIFEST: Final = "manifest.json"
MANIFEST_SCHEMA: Final = 1

_NATIVE_SUFFIXES: Final = (".so", ".pyd", ".dylib", ".dll")
_NOT_NEEDED_SUFFIXES: Final = (".pyc", ".pyi", ".c", ".pyx", ".pxd")
_NOT_NEEDED_NAMES: Final = ("py.typed", ".synced", "pyvenv.cfg")
_NOT_NEEDED_FOLDERS: Final = ("__pycache__", "tests", "test", "bin")
_UPLOADED_BY_THEMSELVES: Final = (".py", ".txt", ".html", ".sql", ".bin", ".wasm")
"""Other files beside the entry need a rule of the configuration to be uploaded."""
_PROJECT: Final = Path(__file__).resolve().parents[2]
"""The folder of the rooms, in the repository and in an installation alike."""


@attrs.frozen(kw_only=True)
class BundleFile:
    """One file of the bundle: where it goes (with slashes), which part it is counted with, and its bytes."""

    place: str
    part: str
    content: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Bundle:
    """What is to be written, in the order of the places. ``code``: what was found of the user's."""

    files: tuple[BundleFile, ...]
    code: UserCode
    native: tuple[str, ...]
    """Native modules that were found and left out."""

    @property
    def uploaded(self) -> tuple[BundleFile, ...]:
        """The files that become part of the Worker."""
        return tuple(file for file in self.files if "/" in file.place)


def collect_bundle(project: Project, packages: Path, more_packages: Path | None = None) -> Bundle:
    """Read everything that belongs into the bundle. Raises EdgeProjectError.

    ``packages``: the folder of the pinned packages that every Worker has. ``more_packages``: that of the
    user's.
    """
    entry = project.entry
    if entry is None:
        what = 'names no entry: add "main": "FILE.py", or run init'
        raise EdgeProjectError(what, path=project.config_path, line=project.config.line)
    if not entry.is_file():
        line = project.view().line("main")
        raise EdgeProjectError(f"main: there is no file {entry}", path=project.config_path, line=line)
    folders = [packages] if more_packages is None else [packages, more_packages]
    data, extra = _included(project)
    code = _user_code(project, entry, {name for folder in folders for name in top_level_names(folder)}, extra)
    taken: dict[str, BundleFile] = {}
    native: list[str] = []

    def put(place: str, part: str, content: bytes) -> None:
        if place in taken:
            raise EdgeProjectError(
                f"two files would be {place} in the Worker, one of {taken[place].part!r} and one of {part!r}"
            )
        taken[place] = BundleFile(place=place, part=part, content=content)

    for module in code.modules:
        part = "entry" if module.path == entry else "your modules"
        put(f"{SOURCE}/{module.place}", part, module.path.read_bytes())
    for place, path in data.items():
        put(f"{SOURCE}/{place}", "your files", path.read_bytes())
    for place, path in _own_files():
        put(f"{VENDORED}/{OWN_ROOT}/{place}", OWN_ROOT, path.read_bytes())
    for folder in folders:
        owners = _distributions(folder)
        for place, path in _package_files(folder):
            if path.suffix in _NATIVE_SUFFIXES:
                native.append(place)
            elif f"{VENDORED}/{place}" not in taken:
                put(f"{VENDORED}/{place}", owners.get(place, _top(place)), _content(path))
    rules = sorted(f"**/{place}" for place in data if Path(place).suffix not in _UPLOADED_BY_THEMSELVES)
    put(CONFIG, "configuration", _config(project, entry.name, rules).encode())
    files = sorted(taken.values(), key=lambda file: file.place)
    files.append(BundleFile(place=MANIFEST, part="manifest", content=_manifest(files)))
    return Bundle(files=tuple(files), code=code, native=tuple(sorted(native)))


def collect_code(project: Project, vendored: Collection[str]) -> UserCode:
    """Only the user's part, which needs no packages; ``vendored`` are their top-level names. Raises
    EdgeProjectError."""
    entry = project.entry
    if entry is None or not entry.is_file():
        return UserCode(modules=(), lost=())
    return _user_code(project, entry, vendored, _included(project)[1])


def top_level_names(packages: Path) -> Iterator[str]:
    """What can be imported from a folder of packages."""
    for path in sorted(packages.iterdir()):
        if path.suffix != ".dist-info":
            yield path.stem if path.is_file() else path.name


def _user_code(project: Project, entry: Path, vendored: Collection[str], extra: list[str]) -> UserCode:
    try:
        return find_user_code(entry, project.roots, vendored, extra)
    except UnreadableModuleError as error:
        raise EdgeProjectError(str(error), path=error.path, line=error.line) from None


def write_bundle(bundle: Bundle, out: Path) -> None:
    """Write the bundle to the folder ``out``, replacing an earlier one. Raises EdgeProjectError."""
    if out.exists() and not _is_ours(out):
        raise EdgeProjectError(f"{out} is there and holds no bundle; give another folder with --out")
    fresh = out.with_name(f"{out.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for file in bundle.files:
            path = fresh / file.place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        if out.exists():
            shutil.rmtree(out)
        fresh.replace(out)
    except OSError as error:
        raise EdgeProjectError(f"{out} cannot be written: {error}") from None


def lost_text(lost: LostImport) -> str:
    """An import that will not be found, in words."""
    return f"imports {lost.name}, which {_clause(lost.why)}"


def _clause(why: str) -> str:
    return f"is not there: {why}" if why.startswith("Python") else why


def _is_ours(out: Path) -> bool:
    if not out.is_dir():
        return False
    return (out / MANIFEST).is_file() or not any(out.iterdir())


def _included(project: Project) -> tuple[dict[str, Path], list[str]]:
    """Data files by their place in the Worker, and names of modules, that the patterns of include match."""
    data: dict[str, Path] = {}
    modules: list[str] = []
    for pattern in project.settings.include:
        found: list[tuple[Path, Path]] = []
        for root in project.roots:
            found = _matches(root, pattern)
            if found:
                break
        if not found:
            raise EdgeProjectError(f"include: no file matches {pattern!r} in {project.root}")
        for root, path in found:
            place = path.relative_to(root)
            if path.suffix in _NATIVE_SUFFIXES:
                raise EdgeProjectError(
                    f"include: {path} is native code, which cannot run in a Worker; run the activities that "
                    "need it in an external worker"
                )
            if path.suffix == ".py":
                parts = place.with_suffix("").parts
                modules.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
            else:
                data[place.as_posix()] = path
    return data, [name for name in modules if name]


def _matches(root: Path, pattern: str) -> list[tuple[Path, Path]]:
    try:
        found = sorted(root.glob(pattern))
    except (ValueError, NotImplementedError) as error:
        raise EdgeProjectError(f"include: {pattern!r} is no pattern of files: {error}") from None
    files = [inner for path in found for inner in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    kept = [path for path in files if path.is_file() and "__pycache__" not in path.parts]
    return [(root, path) for path in kept if path.suffix not in _NOT_NEEDED_SUFFIXES]


def _own_files() -> Iterator[tuple[str, Path]]:
    above = sorted({package.partition(".")[0] for package in OWN_PACKAGES if "." in package})
    for name in above:
        yield f"{name}/__init__.py", _PROJECT / name / "__init__.py"
    for package in OWN_PACKAGES:
        folder = _PROJECT.joinpath(*package.split("."))
        for path in sorted(folder.rglob("*")):
            if path.is_file() and _is_needed(path.relative_to(folder)):
                yield path.relative_to(_PROJECT).as_posix(), path


def _package_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and _is_needed(place):
            yield place.as_posix(), path


def _is_needed(place: Path) -> bool:
    if place.suffix in _NOT_NEEDED_SUFFIXES or place.name in _NOT_NEEDED_NAMES:
        return False
    if any(part.endswith(".dist-info") for part in place.parts):
        return place.name == "METADATA"
    return not any(part in _NOT_NEEDED_FOLDERS for part in place.parts[:-1])


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if path.name == "METADATA":  # the name and the version are asked for, the description is not
        return content.replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n"
    return content


def _distributions(folder: Path) -> dict[str, str]:
    """File -> the distribution it came with, as pip has recorded it."""
    owners: dict[str, str] = {}
    for record in sorted(folder.glob("*.dist-info/RECORD")):
        name = record.parent.name.removesuffix(".dist-info").rpartition("-")[0].replace("_", "-")
        for line in record.read_text("utf-8").splitlines():
            owners[line.rsplit(",", 2)[0].strip('"')] = name
    return owners


def _top(place: str) -> str:
    return place.partition("/")[0].removesuffix(".py")


def _config(project: Project, entry: str, rules: Iterable[str]) -> str:
    """The user's configuration with the entry where the bundle has it."""
    text = json.dumps(f"{SOURCE}/{entry}")
    globs = list(rules)
    if globs and project.view().get("rules") is None:
        rule = {"type": "Data", "globs": globs, "fallthrough": True}
        text += f', "rules": {json.dumps([rule])}'
    main = project.config.get("main")
    if main is None:  # collect_bundle has looked
        return project.config_text
    return project.config_text[: main.start] + text + project.config_text[main.end :]


def _manifest(files: Iterable[BundleFile]) -> bytes:
    hashes: Mapping[str, str] = {file.place: hashlib.sha256(file.content).hexdigest() for file in files}
    digest = hashlib.sha256("".join(f"{place} {value}\n" for place, value in hashes.items()).encode())
    document = {"schema": MANIFEST_SCHEMA, "digest": digest.hexdigest(), "files": hashes}
    return (json.dumps(document, indent=1) + "\n").encode()
