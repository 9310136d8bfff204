"""Run mypy --strict over the rooms under the names users import them by. `make types` calls it.

The rooms are top-level folders that are installed as `temporal_do.<room>`; an editable install maps them
through an import hook, which mypy does not follow. So this writes a folder of links,
`build/typecheck/temporal_do/<room>`, out of the package-dir table of pyproject.toml, and points mypy at it.
Links never go stale when files come and go. Paths in the messages are those of the checkout.

Extra arguments go to mypy. Exit code: mypy's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def link_rooms(root: Path, tree: Path) -> list[str]:
    """Make a link `tree/temporal_do/<room>` for every room of the package-dir table; return their folders."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    table: dict[str, str] = project["tool"]["setuptools"]["package-dir"]
    rooms: list[str] = []
    (tree / "temporal_do").mkdir(parents=True, exist_ok=True)
    for old in (tree / "temporal_do").iterdir():
        if old.is_symlink():
            old.unlink()
    for package, folder in sorted(table.items()):
        if package.count(".") != 1:
            continue  # a sub-package: inside its room's link already
        (tree / "temporal_do" / package.split(".")[1]).symlink_to(root / folder, target_is_directory=True)
        rooms.append(folder)
    return rooms


def main(arguments: Sequence[str]) -> int:
    """Type check the rooms and the examples; print mypy's findings with the checkout's paths."""
    tree = ROOT / "build" / "typecheck"
    link_rooms(ROOT, tree)
    command = [sys.executable, "-m", "mypy", "--package", "temporal_do", *arguments]
    if any((ROOT / "examples").rglob("*.py")):
        command += ["--package", "examples"]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join((str(tree), str(ROOT)))}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    prefix = os.path.join("build", "typecheck", "temporal_do") + os.sep
    sys.stdout.write(run.stdout.replace(prefix, ""))
    sys.stderr.write(run.stderr.replace(prefix, ""))
    return run.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
