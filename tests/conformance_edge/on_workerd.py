"""Cases on the platform's own binary: hundreds in one request, a restart of all of it between parts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import httpx

from temporal_do.edge_adapter.tooling.platform import (
    LocalEdge,
    Platform,
    QueueConsumer,
    WorkerConfig,
    engine_folders,
)
from temporal_do.edge_adapter.tooling.platform.config import LOCAL_FLAGS

from .app import ports
from .cases import Case
from .compare import AT_ONCE

APP = Path(__file__).parent / "app"
TIMEOUT_S = 300.0


def scripts_worker() -> WorkerConfig:
    """The Worker that performs scripts."""
    return WorkerConfig(
        main=APP / "main.py",
        name="scripts",
        folders={**engine_folders(), "tests/conformance_edge/app": APP},
        durable_objects={"PORT_DO": "Port", "PURE_DO": "Pure"},
        queue_producers={ports.QUEUE: "scripts"},
        queue_consumers=[QueueConsumer(queue="scripts", max_batch_timeout_s=0, max_retries=5)],
        r2_buckets={"BLOBS": "blobs"},
        compatibility_flags=(*LOCAL_FLAGS, "queue_consumer_no_wait_for_wait_until"),
    )


@attrs.define
class ScriptsEdge:
    """A running Worker, and how cases are performed on it."""

    edge: LocalEdge
    loop: asyncio.Runner
    runs: int = 0
    sabotage: str = ""
    """A bug that the Worker's host shall have; see `app/main.py`."""

    @classmethod
    def start(cls, platform: Platform, folder: Path, loop: asyncio.Runner) -> ScriptsEdge:
        """Start the Worker with its state in ``folder``."""
        found = cls(LocalEdge(scripts_worker(), persist=folder, platform=platform), loop)
        loop.run(found.edge.start())
        return found

    def perform(self, cases: Sequence[Case], at_once: int = AT_ONCE[0]) -> list[list[Any]]:
        """What each part of each case sees."""
        self.runs += 1
        # Objects of its own, however often a case is performed.
        names = [f"{case.name}.{self.runs}" for case in cases]
        seen: list[list[Any]] = [[] for _ in cases]
        for number in range(max((len(case.parts) for case in cases), default=0)):
            if number:
                self.loop.run(self.restart())
            numbers = [index for index, case in enumerate(cases) if len(case.parts) > number]
            asked = [
                {
                    "case": names[index],
                    "names": cases[index].names,
                    "steps": cases[index].parts[number].steps,
                    "across": cases[index].parts[number].across,
                }
                for index in numbers
            ]
            answers = self._ask(asked, at_once)
            for index, answer in zip(numbers, answers, strict=True):
                seen[index].append(answer)
        return seen

    def _ask(self, cases: list[Any], at_once: int) -> list[Any]:
        answer = httpx.post(
            self.edge.url,
            json={"cases": cases, "at_once": at_once, "sabotage": self.sabotage},
            timeout=TIMEOUT_S,
            trust_env=False,
        )
        answer.raise_for_status()
        found: list[Any] = answer.json()
        return found

    async def restart(self) -> None:
        """kill -9, and up again."""
        await self.edge.kill()
        await self.edge.start()
