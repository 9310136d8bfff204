"""The platform, or the plain reason why it is not there; without it the rest of the folder still runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from temporal_do.edge_adapter.tooling.platform import Platform
from tests.on_workerd import platform_or_skip


@pytest.fixture(scope="session")
def platform() -> Platform:
    """What runs Workers on this machine."""
    return platform_or_skip()


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    """A loop to speak with Workers from plain test code."""
    with asyncio.Runner() as runner:
        yield runner
