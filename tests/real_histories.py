"""Where real histories are found: those of the repository, and the whole corpus where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
CORPUS = Path(os.environ.get("TEMPORAL_DO_HISTORIES") or _HERE.parent / "../shared/histories").resolve()
"""The folder of the corpus, which may not be there."""


def own_files() -> list[Path]:
    """The histories that are part of the repository."""
    return sorted((_HERE / "history" / "data").glob("*.json"))


def corpus_files() -> list[Path]:
    """The histories of the corpus; empty where there is none."""
    return sorted(path for path in CORPUS.rglob("*.json") if path.name != "index.json")


def corpus_or_skip() -> list[Path]:
    """The histories of the corpus; where there is none the test is skipped, and says what to do."""
    files = corpus_files()
    if not files:
        pytest.skip("no corpus of histories: set TEMPORAL_DO_HISTORIES to its folder")
    return files
