"""One Worker for all tests of a module that only talk to it; without a platform, the skip and its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import attrs
import httpx
import pytest

from temporal_do.edge_adapter.tooling.platform import (
    LocalEdge,
    Platform,
    QueueConsumer,
    WorkerConfig,
    engine_folders,
)
from tests.on_workerd import platform_or_skip

WORKER = Path(__file__).parent / "worker"


def notebook_worker() -> WorkerConfig:
    """The Worker in `worker/`, with all its bindings."""
    return WorkerConfig(
        main=WORKER / "main.py",
        name="notebooks",
        folders={**engine_folders(), "": WORKER},
        durable_objects={"NOTEBOOK": "Notebook"},
        queue_producers={"LETTERS": "letters"},
        queue_consumers=[QueueConsumer(queue="letters", max_batch_size=2, max_batch_timeout_s=0)],
        r2_buckets={"SHELF": "shelf"},
        vars={"GREETING": "hello", "COUNT": 3},
    )


@attrs.frozen(kw_only=True)
class Client:
    """Asks the Worker, from plain test code; `edge` and `loop` are there for what is not a request."""

    edge: LocalEdge
    loop: asyncio.Runner
    http: httpx.Client

    def ask(self, operation: str, name: str = "-", text: str = "-") -> str:
        answer = self.http.get(f"{self.edge.url}/{operation}/{name}/{text}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def kill_and_start(self) -> None:
        self.loop.run(self.edge.kill())
        self.loop.run(self.edge.start())


@pytest.fixture(scope="session")
def platform() -> Platform:
    return platform_or_skip()


@pytest.fixture(scope="module")
def worker(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The notebook Worker, running."""
    folder = tmp_path_factory.mktemp("edge")
    with asyncio.Runner() as loop, httpx.Client(timeout=30) as http:
        edge = LocalEdge(notebook_worker(), persist=folder, platform=platform)
        loop.run(edge.start())
        try:
            yield Client(edge=edge, loop=loop, http=http)
        finally:
            loop.run(edge.stop())
