"""``edge init``: writes what a user's project needs to become a Worker.

Owns which files, and that nothing a user has changed is ever overwritten unless asked for. Invariants: a
second call changes nothing; every file that is told as written is complete. Must not import: the user's
code.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import attrs

from . import templates
from .errors import EdgeProjectError
from .names import WORKER_NAME_LENGTH_MAX, name_from, problem_with_name
from .project import SETTINGS_TABLE, read_settings, roots_of
from .secrets_file import new_secrets_text, read_secrets
from .worker_shape import CONFIG, ENTRY, OTHER_CONFIGS, SECRETS_FILE, TOKEN


class Outcome(StrEnum):
    """What became of a file."""

    WRITTEN = "wrote"
    REPLACED = "replaced"
    EXTENDED = "extended"
    UNCHANGED = "unchanged"
    KEPT = "kept"


@attrs.frozen(kw_only=True)
class InitializedFile:
    """One file of ``edge init``: its path from the project, what became of it, what it is for."""

    path: str
    outcome: Outcome
    purpose: str


def initialize(
    root: Path,
    *,
    module: str,
    workers: Sequence[str],
    name: str | None = None,
    entry: str = ENTRY,
    force: bool = False,
) -> list[InitializedFile]:
    """Write the files into ``root`` and say what became of each. Raises EdgeProjectError.

    ``module`` and ``workers``: where the workers are, as ``templates.entry`` takes them. ``name``: of the
    Worker; else made from the folder's. ``force``: replace what differs.
    """
    name = _worker_name(root, name)
    _check_entry(entry, module)
    for other in OTHER_CONFIGS:
        if (root / other).is_file():
            raise EdgeProjectError(
                f"the deploy tool would find two configurations: there is a {other}; move it away, for its "
                "Worker needs a folder of its own"
            )
    done = [
        _write(root, CONFIG, templates.configuration(name, entry), "the Worker's configuration", force),
        _write(root, entry, templates.entry(module, workers), "the entry", force),
        _secrets(root),
        _ignore(root),
    ]
    return done


def check_reachable(root: Path, module: str) -> None:
    """The bundle will hold the module. Raises EdgeProjectError if it lies outside the project."""
    settings = read_settings(root / "pyproject.toml")
    for folder in roots_of(root, settings):
        path = folder.joinpath(*module.split("."))
        if path.with_suffix(".py").is_file() or path.is_dir():
            return
    raise EdgeProjectError(
        f"module {module!r} is not in the project {root}: run this where its top-level package is, or name "
        f"the folder it is in: source = [...] under [{SETTINGS_TABLE}] in pyproject.toml"
    )


def _worker_name(root: Path, name: str | None) -> str:
    given = name_from(root.resolve().name) or "worker" if name is None else name
    if problem := problem_with_name(given, most=WORKER_NAME_LENGTH_MAX):
        raise EdgeProjectError(f"--name: {given!r} {problem}")
    return given


def _check_entry(entry: str, module: str) -> None:
    path = Path(entry)
    if path.suffix != ".py" or not path.stem.isidentifier() or path.is_absolute() or ".." in path.parts:
        raise EdgeProjectError(f"--entry: {entry!r} must be a Python file inside the project")
    if path.stem == module.partition(".")[0]:
        raise EdgeProjectError(f"--entry: {entry!r} would hide the module {module!r}; choose another name")


def _write(root: Path, place: str, text: str, purpose: str, force: bool) -> InitializedFile:
    path = root / place
    try:
        there = path.read_bytes() if path.exists() else None
        if there == text.encode():
            outcome = Outcome.UNCHANGED
        elif there is not None and not force:
            outcome = Outcome.KEPT
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            outcome = Outcome.WRITTEN if there is None else Outcome.REPLACED
    except OSError as error:
        raise EdgeProjectError(f"{path} cannot be written: {error}") from None
    return InitializedFile(path=place, outcome=outcome, purpose=purpose)


def _secrets(root: Path) -> InitializedFile:
    """A token for this laptop. One that is there is never replaced, not even by force."""
    path = root / SECRETS_FILE
    purpose = f"the token for this laptop ({TOKEN}); never commit it"
    there = path.exists()
    if TOKEN in read_secrets(path):
        return InitializedFile(path=SECRETS_FILE, outcome=Outcome.UNCHANGED, purpose=purpose)
    try:
        before = path.read_text("utf-8") if there else ""
        path.touch(mode=0o600)
        path.write_text(
            before + ("\n" if before and not before.endswith("\n") else "") + new_secrets_text(), "utf-8"
        )
    except OSError as error:
        raise EdgeProjectError(f"{path} cannot be written: {error}") from None
    return InitializedFile(
        path=SECRETS_FILE, outcome=Outcome.EXTENDED if there else Outcome.WRITTEN, purpose=purpose
    )


def _ignore(root: Path) -> InitializedFile:
    path = root / ".gitignore"
    try:
        there = path.exists()
        lines = path.read_text("utf-8").splitlines() if there else []
        known = {line.strip().strip("/") for line in lines}
        missing = [line for line in templates.IGNORED if line.strip("/") not in known]
        if missing:
            path.write_text("\n".join([*lines, *missing]) + "\n", "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EdgeProjectError(f"{path} cannot be written: {error}") from None
    outcome = Outcome.UNCHANGED if not missing else Outcome.EXTENDED if there else Outcome.WRITTEN
    return InitializedFile(path=".gitignore", outcome=outcome, purpose="keeps secrets and bundles out of git")
