"""The platform and the shop's bundle; without a platform, the skip and its reason."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from temporal_do.edge_adapter.tooling.platform import EdgeUnavailableError, Platform, install_platform

from .shop import build


@pytest.fixture(scope="session")
def platform() -> Platform:
    try:
        return asyncio.run(install_platform())
    except EdgeUnavailableError as error:
        pytest.skip(str(error).splitlines()[0])


@pytest.fixture(scope="session")
def bundle(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that would be deployed."""
    out = tmp_path_factory.mktemp("shop") / "bundle"
    build(platform, out)
    return out
