"""The platform, or the plain reason why it is not there; without it the rest of the folder still runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from temporal_do.edge_adapter.tooling.platform import EdgeUnavailableError, Platform, install_platform


@pytest.fixture(scope="session")
def platform() -> Platform:
    """What runs Workers on this machine."""
    try:
        return asyncio.run(install_platform())
    except EdgeUnavailableError as error:
        pytest.skip(str(error).splitlines()[0])


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    """A loop to speak with Workers from plain test code."""
    with asyncio.Runner() as runner:
        yield runner
