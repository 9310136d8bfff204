"""Where real histories are found: those beside this file, and the whole corpus where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
CORPUS = Path(os.environ.get("TEMPORAL_DO_HISTORIES") or HERE.parents[1] / "../shared/histories").resolve()


def own_files() -> list[Path]:
    """The histories that are part of the repository."""
    return sorted(DATA.glob("*.json"))


def corpus_files() -> list[Path]:
    """The histories of the corpus; empty where there is none."""
    return sorted(path for path in CORPUS.rglob("*.json") if path.name != "index.json")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "real_history" in metafunc.fixturenames:
        metafunc.parametrize("real_history", own_files(), ids=lambda path: path.stem)


@pytest.fixture(scope="session")
def corpus() -> list[Path]:
    files = corpus_files()
    if not files:
        pytest.skip("no corpus of histories: set TEMPORAL_DO_HISTORIES to its folder")
    return files
