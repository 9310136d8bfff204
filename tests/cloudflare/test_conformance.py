"""The conformance suite of the host port, on the Cloudflare host over fake bindings.

The same tests as for the other hosts, collected here once more; the platform's own binary is asked elsewhere.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.edge_adapter.cloudflare import host, names, objects
from tests.conformance.test_alarms import *  # noqa: F403
from tests.conformance.test_messages import *  # noqa: F403
from tests.conformance.test_storage import *  # noqa: F403
from tests.conformance.world import ACTORS, Runner, Scenario

from .fake import FakePlatform, use_actors


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs a scenario on the Cloudflare host."""
    bindings = {kind: f"{kind.upper()}_DO" for kind in ACTORS}
    monkeypatch.setattr(names, "OBJECT_BINDINGS", bindings)
    monkeypatch.setattr(host, "OBJECT_BINDINGS", bindings)
    monkeypatch.setattr(objects, "ALARM_RETRY_MS", 20)
    use_actors(ACTORS)

    def runner(scenario: Scenario[Any]) -> Any:
        async def main() -> Any:
            platform = FakePlatform(bindings)
            try:
                return await asyncio.wait_for(scenario(platform), 30)
            finally:
                await platform.close()

        return asyncio.run(main())

    return runner
