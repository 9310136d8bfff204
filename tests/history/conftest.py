"""The real histories of the repository one by one, and the whole corpus where it is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real_histories import corpus_or_skip, own_files


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "real_history" in metafunc.fixturenames:
        metafunc.parametrize("real_history", own_files(), ids=lambda path: path.stem)


@pytest.fixture(scope="session")
def corpus() -> list[Path]:
    return corpus_or_skip()
