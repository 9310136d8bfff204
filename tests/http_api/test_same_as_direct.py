"""The tests of the client, once more, with HTTP between the client and the application.

Every test below is one of `tests/api`, unchanged; only its application is reached through the API here, in
the same simulated world. Those that are about the simulation itself are left out by name.
"""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest

from temporal_do.edge_adapter.api import Api, asgi
from temporal_do.edge_adapter.remote import RemoteHost, wire
from temporal_do.sim import Simulation
from tests.api import (
    test_cancelling,
    test_client,
    test_queries_and_updates,
    test_runs,
    test_signals,
    test_types,
)
from tests.api.conftest import App

pytestmark = pytest.mark.sim(step_budget=400_000)

PATIENCE_SECONDS = 365.0 * 24 * 3600
"""Virtual time passes at once; thousands of "not yet" would not."""
LEFT_OUT: dict[str, str] = {
    "test_a_wait_for_a_signal_that_never_comes_is_told_with_the_line": "who asks again is no deadlock",
}

for _module in (
    test_cancelling,
    test_client,
    test_queries_and_updates,
    test_runs,
    test_signals,
    test_types,
):
    for _name, _test in vars(_module).items():
        if _name.startswith("test_") and inspect.iscoroutinefunction(_test) and _name not in LEFT_OUT:
            if "app" in inspect.signature(_test).parameters:
                globals()[_name] = _test


class HostOverHttp(RemoteHost):
    """A remote host in a simulated world: its clock and its entropy are the world's."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.calls = 0
        api = Api(token="t", wait_seconds_max=PATIENCE_SECONDS, answer_seconds_max=PATIENCE_SECONDS)
        transport = httpx.ASGITransport(app=asgi(sim.host, api=api))
        super().__init__("http://api.test", token="t", transport=transport)

    def now(self) -> int:
        return self.sim.host.now()

    def entropy(self, size: int) -> bytes:
        return self.sim.host.entropy(size)

    async def call(self, receiver: str, message: Any) -> Any:
        self.calls += 1
        return await super().call(receiver, message)


@pytest.fixture
def app(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setattr(wire, "ANSWER_SECONDS", PATIENCE_SECONDS)
    made = App(sim)
    made.temporal = made.temporal.connect(HostOverHttp(sim))
    return made
