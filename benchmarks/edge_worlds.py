"""The Workers that the benchmark `edge` measures, each on a workerd of its own: ours, ours without early
starts, and one on Cloudflare's own Workflows engine. All are driven the same way, over HTTP; `edge_entry.py`
and `edge_peer.mjs` run inside.

Owns what is read from outside: the processor time of the binary's process (None where there is no /proc), and
the sizes of SQLite's logs. State lies in the folder for temporary files, so TMPDIR says on which disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

import attrs

from temporal_do.edge_adapter.cloudflare.names import OBJECT_BINDINGS
from temporal_do.edge_adapter.tooling.platform import (
    LocalEdge,
    ModuleFile,
    Platform,
    QueueConsumer,
    WorkerConfig,
    engine_folders,
)
from temporal_do.edge_adapter.tooling.platform.config import COMPATIBILITY_DATE, LOCAL_FLAGS
from temporal_do.edge_adapter.tooling.platform.runner import Runner

HERE = Path(__file__).resolve().parent
ENTRY = HERE / "edge_entry.py"
TOKEN = "benchmark"
QUEUE_FLAG = "queue_consumer_no_wait_for_wait_until"
WARM = (
    "temporal_do.runtime.deployment",
    "temporal_do.runtime.shell",
    "temporal_do.runtime.actors",
    "temporal_do.runtime.workflow.executor",
)
POLL_S = 0.01
PATIENCE_S = 120.0
IDLE_S = 1.0
"""After some seconds without a request workerd closes a connection."""


def worker_config(*, eager: bool = True, warm: bool = False) -> WorkerConfig:
    """Our Worker, with all its bindings."""
    return WorkerConfig(
        main=ENTRY,
        name="benchmark",
        folders=engine_folders(),
        durable_objects={binding: kind for kind, binding in OBJECT_BINDINGS.items()},
        queue_producers={"ACTIVITY_QUEUE": "tasks"},
        queue_consumers=[
            QueueConsumer(
                queue="tasks",
                max_batch_size=10,
                max_batch_timeout_s=0,
                max_retries=3,
                dead_letter_queue="tasks-dead",
            ),
            QueueConsumer(queue="tasks-dead", max_batch_timeout_s=0),
        ],
        r2_buckets={"BLOBS": "blobs"},
        vars={"TEMPORAL_DO_TOKEN": TOKEN, **({} if eager else {"TEMPORAL_DO_EAGER": "off"})},
        warm=WARM if warm else (),
        compatibility_flags=(*LOCAL_FLAGS, QUEUE_FLAG),
    )


@attrs.frozen(kw_only=True)
class _JavaScript(ModuleFile):
    @property
    def kind(self) -> str:
        return "ESModule"


@attrs.frozen(kw_only=True)
class Run:
    """So many workflows, from the moment before the first start until the last has ended."""

    wall_s: float
    cpu_s: float | None


class World:
    """One Worker that runs; ``ask`` sends a request over a connection that stays open."""

    def __init__(self, url: str, pid: int | None, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self._pid = pid
        self._life = time.time_ns() // 1_000_000  # the state, and so its ids, stays from start to start
        self._ids = count()
        self._asked_at = 0.0
        self._connection = HTTPConnection(url.partition("//")[2].rstrip("/"), timeout=PATIENCE_S)

    def ask(self, path: str, body: Any = None) -> Any:
        """POST with a body, GET without. Raises RuntimeError with what the Worker said."""
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        text = None if body is None else json.dumps(body).encode()
        if time.monotonic() - self._asked_at > IDLE_S:
            self._connection.close()  # opened again by itself
        self._connection.request("GET" if body is None else "POST", path, text, headers)
        response = self._connection.getresponse()
        answer = response.read()
        self._asked_at = time.monotonic()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {answer.decode(errors='replace')[:2000]}")
        return json.loads(answer) if answer.startswith((b"{", b"[")) else answer

    def cpu_s(self) -> float | None:
        """Processor time of the binary's process so far."""
        with suppress(OSError, TypeError, IndexError):
            words = Path(f"/proc/{self._pid}/stat").read_text("ascii").rpartition(")")[2].split()
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        return None

    def new_ids(self, number: int) -> list[str]:
        """Fresh ids of workflows."""
        return [f"w-{self._life}-{next(self._ids)}" for _ in range(number)]

    def start(self, ids: Sequence[str], workflow: str, steps: int, sleep_ms: int = 0) -> int:
        """Start one workflow for each id in one request; the moment before, in ms."""
        asked = {"ids": ids, "workflow": workflow, "steps": steps, "sleep_ms": sleep_ms}
        return int(self.ask("/bench/start", asked)["started"])

    def ends(self, ids: Sequence[str]) -> list[int]:
        """Wait until all have ended; when each did, in ms."""
        give_up_at = time.monotonic() + PATIENCE_S
        for each in ids:
            while self.ask("/bench/state", {"ids": [each]}) == [None]:
                if time.monotonic() > give_up_at:
                    raise RuntimeError(f"{each} has not ended after {PATIENCE_S:.0f} s")
                time.sleep(POLL_S)
        found: list[int] = self.ask("/bench/state", {"ids": list(ids)})
        return found

    def run(self, number: int, workflow: str, steps: int, sleep_ms: int = 0) -> Run:
        """Run so many workflows at once."""
        ids = self.new_ids(number)
        cpu = self.cpu_s()
        started = self.start(ids, workflow, steps, sleep_ms)
        wall_s = (max(self.ends(ids)) - started) / 1000
        after = self.cpu_s()
        return Run(wall_s=wall_s, cpu_s=None if cpu is None or after is None else after - cpu)

    def databases(self) -> dict[Path, int]:
        """Of every durable object: the bytes that its database's log has taken."""
        found = {}
        for file in self.folder.rglob("*.sqlite-wal"):
            if file.name != "metadata.sqlite-wal":
                with suppress(OSError):  # an object that has left memory takes its log along
                    found[file] = file.stat().st_size
        return found

    def written(self, before: Mapping[Path, int]) -> dict[str, int]:
        """Bytes of the logs of the databases that were not there before, by class of the object."""
        found: dict[str, int] = {}
        for file, size in self.databases().items():
            if file not in before:
                kind = file.parent.name.rpartition("-")[2]
                found[kind] = found.get(kind, 0) + size
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Worlds:
    """Starts Workers, each in a folder of its own, and stops them all at the end. A context manager."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform = platform
        self.folder = folder
        self.loop = asyncio.Runner()
        self._edges: list[LocalEdge] = []
        self._runners: list[Runner] = []
        self._worlds: list[World] = []

    def __enter__(self) -> Worlds:
        return self

    def __exit__(self, *_: object) -> None:
        for world in self._worlds:
            world.close()
        for running in (*self._edges, *self._runners):
            self.loop.run(running.stop())
        self.loop.close()

    def _add(self, world: World) -> World:
        self._worlds.append(world)
        return world

    def ours(self, name: str, *, eager: bool) -> World:
        """Our Worker."""
        folder = self.folder / name
        edge = LocalEdge(worker_config(eager=eager), persist=folder, platform=self.platform)
        self.loop.run(edge.start())
        self._edges.append(edge)
        return self._add(World(edge.url, edge.workerd_pid, folder))

    def peer(self) -> World:
        """Cloudflare's Workflows, in JavaScript."""
        folder = self.folder / "peer"
        runner = self.loop.run(
            Runner.start(
                self.platform,
                options={
                    "name": "peer",
                    "compatibilityDate": COMPATIBILITY_DATE,
                    "workflows": {"STEPS": {"name": "steps", "className": "Steps"}},
                    "host": "127.0.0.1",
                    "port": 0,
                    "defaultPersistRoot": str(folder / "state"),
                },
                modules=[_JavaScript(name="edge_peer.mjs", file=HERE / "edge_peer.mjs")],
                folder=folder,
                log=folder / "worker.log",
                snapshot=None,
                snapshot_mode="none",
                timeout_s=60.0,
            )
        )
        self._runners.append(runner)
        return self._add(World(runner.url, runner.workerd_pid, folder))
