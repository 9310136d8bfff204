"""The platform and the shop's bundle; without a platform, the skip and its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from temporal_do.edge_adapter.tooling.platform import Platform
from tests.on_workerd import platform_or_skip

from .shop import build


@pytest.fixture(scope="session")
def platform() -> Platform:
    return platform_or_skip()


@pytest.fixture(scope="session")
def bundle(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that would be deployed."""
    out = tmp_path_factory.mktemp("shop") / "bundle"
    build(platform, out)
    return out
