"""The probe in JavaScript on the platform's own binary: no Python, hence up in a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import httpx

from temporal_do.edge_adapter.tooling.platform import ModuleFile, Platform, QueueConsumer, WorkerConfig
from temporal_do.edge_adapter.tooling.platform.runner import Runner

PROBE = Path(__file__).parent / "probe" / "probe.mjs"
START_TIMEOUT_S = 30.0


class JavaScriptFile(ModuleFile):
    """The platform's word for a module of JavaScript."""

    @property
    def kind(self) -> str:
        return "ESModule"


def probe_worker() -> WorkerConfig:
    """The bindings that the cases use."""
    return WorkerConfig(
        main=PROBE,
        name="probe",
        durable_objects={"PROBE": "Probe", "PEER": "Peer"},
        queue_producers={"QUEUE": "probe"},
        queue_consumers=[
            QueueConsumer(
                queue="probe",
                max_batch_size=3,
                max_batch_timeout_s=0,
                max_retries=3,
                dead_letter_queue="dead",
            ),
            QueueConsumer(queue="dead", max_batch_timeout_s=0),
        ],
        r2_buckets={"BUCKET": "bucket"},
        compatibility_flags=(),
    )


@attrs.define
class JavaScriptEdge:
    """A running probe, and how cases are asked of it."""

    platform: Platform
    folder: Path
    loop: asyncio.Runner
    url: str = ""
    runner: Any = None
    _asked: int = 0

    def start(self) -> None:
        """Start it on the state in ``folder``."""
        self.runner = self.loop.run(
            Runner.start(
                self.platform,
                options={
                    **probe_worker().options(),
                    "host": "127.0.0.1",
                    "port": 0,
                    "defaultPersistRoot": str(self.folder / "state"),
                },
                modules=[JavaScriptFile(name="probe.mjs", file=PROBE)],
                folder=self.folder,
                log=self.folder / "worker.log",
                snapshot=None,
                snapshot_mode="none",
                timeout_s=START_TIMEOUT_S,
            )
        )
        self.url = str(self.runner.url).rstrip("/")

    def stop(self) -> None:
        """End it in order."""
        self.loop.run(self.runner.stop())

    def kill(self) -> None:
        """kill -9."""
        self.loop.run(self.runner.kill())

    def crash(self) -> dict[str, Any]:
        """What a crash leaves: both halves of the case."""
        before = self.ask(["crash-1"])
        self.kill()
        self.start()
        return {**before, **self.ask(["crash-2"])}

    def ask(self, names: Sequence[str], *, at_once: int = 8, timeout_s: float = 60.0) -> dict[str, Any]:
        """What each of these cases sees, several at a time; a text that begins with "failed" where none.

        Each time on objects of their own, but for the two halves of a crash.
        """
        self._asked += 1
        return self.loop.run(self._ask(names, at_once, timeout_s))

    async def _ask(self, names: Sequence[str], at_once: int, timeout_s: float) -> dict[str, Any]:
        gate = asyncio.Semaphore(at_once)
        found: dict[str, Any] = {}
        async with httpx.AsyncClient(timeout=timeout_s, trust_env=False) as http:

            async def one(name: str) -> None:
                async with gate:
                    objects = "crash" if name.startswith("crash") else f"{name}-{self._asked}"
                    answer = (await http.post(f"{self.url}/{name}/{objects}")).json()
                    found[name] = answer["seen"] if "seen" in answer else f"failed: {answer['failed']}"

            await asyncio.gather(*map(one, names))
        return found
