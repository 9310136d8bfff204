"""What is fetched is pinned, with hashes, and names no host to fetch it from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from temporal_do.edge_adapter.tooling.platform.install import NODE_FILES, PYTHON_LOCK

ROOT = Path(__file__).resolve().parents[2]
# Binaries for other machines than those the lock was written for: pinned by version, and verified against
# what the registry says of them.
_WITHOUT_HASH = {
    f"node_modules/@cloudflare/workerd-{machine}" for machine in ("darwin-64", "darwin-arm64", "windows-64")
}


def _packages() -> dict[str, dict[str, Any]]:
    packages: dict[str, dict[str, Any]] = json.loads((NODE_FILES / "package-lock.json").read_text())[
        "packages"
    ]
    return packages


def _python_pins(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    found = re.findall(r"^([\w.-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", text, re.MULTILINE)
    return {name: (version, frozenset(re.findall(r"sha256:\w+", hashes))) for name, version, hashes in found}


def test_the_manifest_pins_exact_versions_and_the_lock_agrees() -> None:
    wanted = json.loads((NODE_FILES / "package.json").read_text())["dependencies"]
    assert sorted(wanted) == ["miniflare", "pyodide", "workerd"]
    packages = _packages()
    for name, version in wanted.items():
        assert re.fullmatch(r"[0-9.]+", version), f"{name} is pinned to {version}"
        assert packages[f"node_modules/{name}"]["version"] == version
    assert packages[""]["dependencies"] == wanted


def test_every_npm_package_has_a_hash_and_no_host() -> None:
    without = {path for path, package in _packages().items() if path and "integrity" not in package}
    assert without == _WITHOUT_HASH
    assert not [path for path, package in _packages().items() if "resolved" in package]


def test_there_is_one_version_of_the_binary() -> None:
    found = {package["version"] for path, package in _packages().items() if "workerd" in path}
    assert len(found) == 1


def test_every_python_package_has_a_hash() -> None:
    pins = _python_pins(PYTHON_LOCK.read_text())
    assert set(pins) >= {"attrs", "croniter", "python-dateutil", "tzdata", "workers-runtime-sdk"}
    assert not [name for name, (_, hashes) in pins.items() if not hashes]
    assert len(pins) == PYTHON_LOCK.read_text().count("==")


def test_what_the_engine_needs_has_the_same_version_inside_as_here() -> None:
    here = _python_pins((ROOT / "requirements.lock").read_text())
    inside = _python_pins(PYTHON_LOCK.read_text())
    shared = inside.keys() & here.keys()
    assert {"attrs", "croniter", "tzdata"} <= shared
    assert {name: inside[name][0] for name in shared} == {name: here[name][0] for name in shared}
