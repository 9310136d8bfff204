"""The user's own pure-Python packages for the Worker, fetched once per requirements file.

Owns the call of pip and the folder that keeps its result, named by a hash of the file. Invariants: wheels
only, for the Worker's Python, pure Python only; nothing of them is run; an interrupted call leaves nothing
that counts.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .errors import EdgeProjectError

PYTHON_INSIDE: Final = "3.14"
_FLAGS: Final = (
    *("--quiet", "--no-input", "--no-compile", "--disable-pip-version-check", "--only-binary=:all:"),
    *("--python-version", PYTHON_INSIDE, "--implementation", "py", "--abi", "none", "--platform", "any"),
)
_NOT_PURE: Final = ("No matching distribution", "Could not find a version", "is not a supported wheel")
_OUTPUT_LINES: Final = 6


def install_requirements(
    file: Path, cache: Path, pins: Path, progress: Callable[[str], None] | None = None
) -> Path:
    """The folder with what ``file`` (in pip's format) asks for. Raises EdgeProjectError.

    ``cache``: the folder that keeps it. ``pins``: the file of the runtime's own pins, whose versions count.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise EdgeProjectError(f"the requirements {file} cannot be read: {error}") from None
    digest = hashlib.sha256(content + b"\0" + pins.read_bytes()).hexdigest()[:16]
    final = cache / f"requirements-{digest}"
    if final.is_dir():
        return final
    if find_spec("pip") is None:
        raise EdgeProjectError(
            f"the packages of {file} are fetched by pip, which this environment lacks: "
            f"{sys.executable} -m ensurepip"
        )
    if progress is not None:
        progress(f"fetching the packages of {file.name}")
    partial = cache / f"requirements-{digest}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        constraints = cache / f"requirements-{digest}.pins"
        constraints.write_text(_without_hashes(pins.read_text("utf-8")), "utf-8")
        command = [sys.executable, "-m", "pip", "install", *_FLAGS, "--target", str(partial)]
        command += ["--constraint", str(constraints), "--requirement", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EdgeProjectError(_why(file, done.stderr or done.stdout))
        partial.replace(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


def _without_hashes(pins: str) -> str:
    """Constraints with hashes would ask for hashes of everything else."""
    kept = [line.partition(" \\")[0] for line in pins.splitlines() if "==" in line]
    return "\n".join(kept) + "\n"


def _why(file: Path, output: str) -> str:
    told = "\n".join(f"  {line}" for line in output.strip().splitlines()[-_OUTPUT_LINES:])
    if any(text in output for text in _NOT_PURE):
        return (
            f"not everything in {file} can run in a Worker: only pure-Python wheels can. Take out what is "
            f"native, and run the activities that need it in an external worker.\n{told}"
        )
    return f"the packages of {file} could not be fetched:\n{told}"
