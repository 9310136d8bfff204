"""What the tests of ``temporal-do history fetch`` share: an application with runs, and the command."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from temporal_do.edge_adapter.remote import RemoteHost
from temporal_do.runtime.errors import WorkflowFailureError
from tests.command import Command, command_line
from tests.http_api.app import temporal as application
from tests.http_api.server import Server

TOKEN = "the-token"
STRANGE = "../Böse: id?"
"""The workflow id of the run that failed."""


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run ``temporal-do history fetch`` in this process, with the token in the environment."""
    monkeypatch.setenv("TEMPORAL_DO_TOKEN", TOKEN)
    return command_line(capsys)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An application over HTTP with three closed runs, one failed one and one that waits."""
    with Server(token=TOKEN) as server:
        asyncio.run(_start(server.url))
        yield server.url


async def _start(url: str) -> None:
    async with RemoteHost(url, token=TOKEN) as host:
        shop = application.connect(host)
        for number in range(3):
            await shop.execute_workflow("doubled", workflow_id=f"doubled-{number}", args=[number])
        with pytest.raises(WorkflowFailureError):
            await shop.execute_workflow("failing", workflow_id=STRANGE, args=["secret"])
        await shop.start_workflow("order", workflow_id="order-1", args=["pen"])
