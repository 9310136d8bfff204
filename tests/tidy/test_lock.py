"""The lock covers what pyproject asks for, by exact version and hash, and names no registry."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

from tests.tidy.rules.source import ROOT

_PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)( ; [^\\]+)? \\$")


def unlocked(requirements: Iterable[str], lock: str) -> list[str]:
    """The requirements whose package the lock does not pin."""
    pinned = {match.group(1) for line in lock.splitlines() if (match := _PIN.match(line))}
    names = [re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower() for requirement in requirements]
    return [name for name in names if name not in pinned]


def unhashed(lock: str) -> list[str]:
    """The pins that no hash follows, and lines that are neither pin, hash nor comment."""
    lines = [line for line in lock.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    bad = [line for line in lines if not _PIN.match(line) and not line.startswith("    --hash=sha256:")]
    follows = zip(lines, [*lines[1:], ""], strict=True)
    return bad + [line for line, after in follows if _PIN.match(line) and "--hash=" not in after]


def test_every_requirement_is_locked_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert unlocked(wanted, lock) == [], "run: make lock"
    assert unhashed(lock) == []


def test_a_planted_gap_in_the_lock_is_reported() -> None:
    lock = "attrs==26.1.0 \\\n    --hash=sha256:00\n"
    assert unlocked(["attrs>=23", "croniter>=3"], lock) == ["croniter"]
    assert unhashed(lock) == []
    assert unhashed("attrs==26.1.0 \\\n    # via x\n") == ["attrs==26.1.0 \\"]
    assert unhashed("--index-url somewhere\n" + lock) == ["--index-url somewhere"]
