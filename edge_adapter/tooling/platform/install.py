"""Fetches the platform once: the packages of npm, the Python packages of the Worker, and the bundle.

Everything is pinned with hashes in files of the project (`node/package-lock.json`, `python_modules.lock`), so
an entry of the cache is named by a hash of what it is made from. Scripts of packages are not run.
Must not import: anything of this package but `bundle`, `cache`, `errors`.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import attrs

from .bundle import BUNDLE_NAME, python_bundle
from .cache import cached, default_cache
from .errors import EdgeUnavailableError

TOOLING = Path(__file__).resolve().parent.parent
NODE_FILES = TOOLING / "node"
PYTHON_LOCK = TOOLING / "python_modules.lock"
LAUNCHER_NAME = "launcher.sh"
_PYTHON_INSIDE = "3.14"
_OUTPUT_LINES = 10

Progress = Callable[[str], None]


@attrs.frozen(kw_only=True)
class Platform:
    """Where the pieces are: the node executable, the npm packages, the binary, the folder of the bundle, the
    launcher of the binary, and the Python packages that go into every Worker. `cache` is where more can be
    kept, and `key` names this set of versions.
    """

    node: Path
    packages: Path
    workerd: Path
    bundle: Path
    launcher: Path
    python_modules: Path
    cache: Path
    key: str


def _hash_of(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:16]


def find_program(name: str) -> Path:
    """The executable `name` on the path. Raises EdgeUnavailableError with what to do when it is missing."""
    found = shutil.which(name)
    if found is None:
        raise EdgeUnavailableError(
            f"{name} is not installed, and the platform's binary cannot run locally without it. Install "
            "Node.js 20 or later with npm. Everything that needs no Worker works without it."
        )
    return Path(found)


async def _run(what: str, command: Sequence[str], folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    except BaseException:
        process.kill()
        raise
    if process.returncode:
        said = output.decode(errors="replace").strip().splitlines()
        if len(said) > 2 * _OUTPUT_LINES:  # npm says what matters first, pip last
            said = [*said[:_OUTPUT_LINES], "...", *said[-_OUTPUT_LINES:]]
        raise EdgeUnavailableError(
            f"{what} could not be fetched (`{' '.join(command[:3])} ...` ended with {process.returncode}). "
            f"It is fetched once and needs the network that time; then it is kept.\n" + "\n".join(said)
        )


def _installer() -> list[str]:
    """How to install Python packages from here: pip, else uv, whose environments have no pip."""
    if find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-compile"]
        return [*command, "--implementation", "py", "--abi", "none", "--platform", "any"]
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "pip", "install", "--quiet"]
    raise EdgeUnavailableError(
        "neither pip nor uv is there to fetch the Worker's Python packages; `python -m ensurepip` gives this "
        "environment its pip"
    )


async def install_python_modules(cache: Path | None = None, *, progress: Progress | None = None) -> Path:
    """The folder with the pinned Python packages that go into every Worker. Raises EdgeUnavailableError."""

    async def make(folder: Path) -> None:
        if progress is not None:
            progress("fetching the Worker's Python packages")
        command = [*_installer(), "--target", str(folder), "--require-hashes", "--no-deps"]
        command += ["--only-binary", ":all:", "--python-version", _PYTHON_INSIDE]
        command += ["--requirement", str(PYTHON_LOCK)]
        await _run("the Worker's Python packages", command, folder)
        shutil.rmtree(folder / "bin", ignore_errors=True)
        (folder / ".lock").unlink(missing_ok=True)  # uv's

    name = f"python-modules-{_hash_of(PYTHON_LOCK)}"
    return await cached(cache or default_cache(), name, make)


def _workerd_in(packages: Path) -> Path:
    found = sorted(packages.glob("node_modules/@cloudflare/workerd-*/bin/workerd*"))
    if not found:
        raise EdgeUnavailableError("npm installed no binary of the platform for this kind of machine")
    return found[0]


async def install_platform(cache: Path | None = None, *, progress: Progress | None = None) -> Platform:
    """Everything that a Worker needs to run here; quick when it is in the cache already.

    `cache` overrides the user's cache folder; `progress` is told what takes long. Raises
    EdgeUnavailableError when node or npm or the network is missing, EdgePlatformError for the rest.
    """
    cache = cache or default_cache()
    if sys.platform == "win32":
        raise EdgeUnavailableError("the platform's binary runs locally on Linux and macOS only")
    node = find_program("node")
    manifest, lock = NODE_FILES / "package.json", NODE_FILES / "package-lock.json"

    async def make_packages(folder: Path) -> None:
        npm = find_program("npm")
        if progress is not None:
            progress("fetching the platform's binary and its Python (once, about 60 MB)")
        for file in (manifest, lock):
            shutil.copy(file, folder / file.name)
        flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        await _run("the platform's binary", [str(npm), "ci", *flags], folder)
        _workerd_in(folder)

    packages = await cached(cache, f"edge-{_hash_of(manifest, lock)}", make_packages)
    glue = [NODE_FILES / "prelude.mjs", NODE_FILES / "tail.mjs"]

    async def make_bundle(folder: Path) -> None:
        prelude, tail = (file.read_text(encoding="utf-8") for file in glue)
        content = python_bundle(packages / "node_modules" / "pyodide", prelude=prelude, tail=tail)
        (folder / BUNDLE_NAME).write_bytes(content)
        # An installation may have lost the permission to run it.
        shutil.copy(launcher, folder / LAUNCHER_NAME)
        (folder / LAUNCHER_NAME).chmod(0o755)

    source = Path(__file__).with_name("bundle.py")
    launcher = NODE_FILES / LAUNCHER_NAME
    bundle = await cached(cache, f"bundle-{_hash_of(lock, source, launcher, *glue)}", make_bundle)
    python_modules = await install_python_modules(cache, progress=progress)
    return Platform(
        node=node,
        packages=packages,
        workerd=_workerd_in(packages),
        bundle=bundle,
        launcher=bundle / LAUNCHER_NAME,
        python_modules=python_modules,
        cache=cache,
        key=_hash_of(lock, source, *glue, PYTHON_LOCK),
    )
