"""Early starts: an activity begins by a direct call while its message is still on its way to the queue.

The queue message is the safety net. Both carry the token of one attempt, and the second lease is refused, so
the attempt runs once. The work runs in an invocation of its own, an entrypoint of the same Worker, outside
any object; the object keeps the call open, because an invocation whose caller has gone may be ended soon
after.

Must not import: the SDK, anything of JavaScript.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from ...runtime.messages.activity import ACTIVITY_QUEUE, ActivityTask
from ...runtime.records import encode
from .deployed import deployed
from .host import CloudflareHost
from .incarnation import StartEarly
from .names import ACTIVITY_ENTRYPOINT


def start_early(ctx: Any) -> StartEarly:
    """What starts activities without the queue, for the object with this raw context."""

    def start(host: CloudflareHost, queue: str, body: Any) -> Coroutine[Any, Any, None] | None:
        if queue != ACTIVITY_QUEUE or type(body) is not ActivityTask:
            return None
        if not deployed.deployment.polls_activities(body.namespace, body.task_queue):
            return None  # an external worker's; the queue's consumer parks it
        return _run(ctx, body)

    return start


async def _run(ctx: Any, task: ActivityTask) -> None:
    try:
        await getattr(ctx.exports, ACTIVITY_ENTRYPOINT).run(str(encode(task), "ascii"))
    except Exception:
        pass  # the queue brings it again
