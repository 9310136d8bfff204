"""Every test of this folder that takes ``run`` runs on every host."""

from __future__ import annotations

from typing import Any

import pytest

from .world import RUNNERS, Runner


@pytest.fixture(params=list(RUNNERS))
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs a scenario on one of the hosts; retries that take seconds there take milliseconds here."""
    from temporal_do.edge_adapter.local import alarms, queues

    monkeypatch.setattr(alarms, "RETRY_DELAY_NS", 20_000_000)
    monkeypatch.setattr(queues, "RETRY_DELAY_NS", 20_000_000)
    runner: Any = RUNNERS[request.param]
    return runner  # type: ignore[no-any-return]
