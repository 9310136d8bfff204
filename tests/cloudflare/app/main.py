"""The Worker of the tests: the entry as a user writes it, and a back door that lets a test drive the client
from inside the Worker."""

from __future__ import annotations

import json
import traceback
from typing import Any

from flows import temporal, worker
from workers import Response

from temporal_do.edge_adapter.cloudflare import (
    ActivityDO,
    ActivityRunner,
    Edge,
    HistoryDO,
    TaskQueueDO,
    TimerDO,
    VisibilityDO,
    WorkflowDO,
)
from temporal_do.runtime import use_host

__all__ = [
    "ActivityDO",
    "ActivityRunner",
    "Default",
    "HistoryDO",
    "TaskQueueDO",
    "TimerDO",
    "VisibilityDO",
    "WorkflowDO",
]


class Default(Edge):
    workers = [worker]

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        wait = getattr(env, "WAIT_SECONDS", None)
        if wait is not None:
            self.settings = {"wait_seconds_max": float(wait)}

    async def fetch(self, request: Any) -> Any:
        if not request.url.partition("//")[2].partition("/")[2].startswith("test"):
            return await self.respond(request)
        command = json.loads(await request.text())
        with use_host(self.host):
            try:
                return Response(json.dumps({"value": await drive(self.host, **command)}))
            except Exception:
                return Response(json.dumps({"error": traceback.format_exc()}), status=500)


async def drive(host: Any, do: str, id: str = "", **values: Any) -> Any:
    """One call of the client."""
    if do == "start":
        options = values.get("options", {})
        handle = await temporal.start_workflow(values["type"], workflow_id=id, args=values["args"], **options)
        return handle.run_id
    if do == "schedule":
        await temporal.schedule_workflow(
            values["type"], schedule_id=id, args=values["args"], **values["options"]
        )
        return None
    if do == "list":
        return [each.workflow_id for each in await temporal.list_workflows(values.get("query", ""))]
    if do == "blob":
        data = values["data"].encode()
        stored = await host.put_blob(id, data, only_if_absent=values.get("only_if_absent", False))
        found = await host.get_blob(id)
        return [stored, None if found is None else found.decode(), await host.get_blob("nothing here")]
    if do == "fetch":
        data = await host.get_blob(id)
        return "" if data is None else data.decode()
    handle = temporal.get_handle(id)
    if do == "result":
        return await handle.result()
    if do == "signal":
        return await handle.signal(values["name"], values["value"])
    if do == "query":
        return await handle.query(values["name"])
    raise ValueError(do)
