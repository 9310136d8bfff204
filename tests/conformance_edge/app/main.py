"""The Worker of the scripts: performs whatever cases it is sent, many at a time."""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import Any

from workers import Response

from temporal_do.edge_adapter.cloudflare import consumer, entry, incarnation, names, objects
from temporal_do.edge_adapter.cloudflare.deployed import deployed
from temporal_do.edge_adapter.cloudflare.entry import Edge, EngineObject
from temporal_do.runtime.host import Commit
from tests.conformance_edge.app import ports

incarnation.Shell = ports.make_shell
consumer.RETRY_SECONDS = 0
objects.ALARM_RETRY_MS = 20
deployed.actors = ports.ACTORS
names.OBJECT_BINDINGS.update({"Port": "PORT_DO", "Pure": "PURE_DO"})


class Port(EngineObject):
    kind = "Port"


class Pure(EngineObject):
    kind = "Pure"


sabotage = ""
"""A bug to be found: "abort loses rows" or "blobs are replaced"."""


class Sabotaged(incarnation.Incarnation):
    """An incarnation that may have that bug."""

    last: tuple[Any, ...] = ()

    async def commit(self, commit: Any) -> None:
        self.last = tuple((table, key, None) for table, key, _ in commit.changes if table != "meta")
        await super().commit(commit)

    def abort(self, reason: str) -> None:
        if sabotage == "abort loses rows" and self.last:
            self.storage.commit(self.key, Commit(self.last, None))
        super().abort(reason)

    async def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        only_if_absent = only_if_absent and sabotage != "blobs are replaced"
        return await super().put_blob(key, data, only_if_absent=only_if_absent)


objects.Incarnation = Sabotaged


class Consumers:
    consume = staticmethod(ports.consume)


class Default(Edge):
    async def fetch(self, request: Any) -> Any:
        global sabotage
        asked = json.loads(await request.text())
        sabotage = asked["sabotage"]
        gate = asyncio.Semaphore(asked["at_once"])

        async def perform(case: Any) -> Any:
            async with gate:
                host = entry.CloudflareHost(self.env._env)
                try:
                    driver = ports.Driver(host, case["case"])
                    return await driver.part(case["steps"], tuple(case["names"]), case["across"])
                except Exception:
                    return {"error": traceback.format_exc()}

        return Response(json.dumps(await asyncio.gather(*map(perform, asked["cases"]))))

    async def queue(self, batch: Any, env: Any = None, ctx: Any = None) -> None:
        await entry.consume_batch(Consumers(), self.host, batch._binding)
