"""Importing what production code imports stays light: no test tool, nothing needed only now and then."""

from __future__ import annotations

import subprocess
import sys

# Packages of the simulator, and of the runtime's rarer moments, which load them when they come.
HEAVY = (
    "_pytest",
    "coverage",
    "croniter",
    "freezegun",
    "hypothesis",
    "networkx",
    "pytest",
    "temporal_do.cli",
    "temporal_do.sim",
    "temporalio",
    "zoneinfo",
)


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_runtime_loads_no_heavy_package() -> None:
    loaded = _loaded_by("import temporal_do.runtime")
    assert "temporal_do.runtime" in loaded
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))


def test_a_heavy_import_would_be_seen() -> None:
    assert "zoneinfo" in _loaded_by("import zoneinfo")
