"""The platform's own binary, for the tests that need it."""

from __future__ import annotations

import asyncio

import pytest

from temporal_do.edge_adapter.tooling.platform import EdgeUnavailableError, Platform, install_platform


def platform_or_skip() -> Platform:
    """The platform, fetched when it is not there; where it cannot be had the test is skipped and says why."""
    try:
        return asyncio.run(install_platform())
    except EdgeUnavailableError as error:
        pytest.skip(str(error).splitlines()[0])
