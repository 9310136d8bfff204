"""The entry of the shop's Worker: which workers run in it. The classes are those that wrangler.jsonc binds.

Variables: SHOP_PACE, how long the shop waits for what (`payment=1s transit=2s`; else minutes and days), and
SHOP_OUTSIDE, where the outside world listens (`python -m examples.shop.outside_server`; else in memory).
"""

from shop.outside import set_outside  # type: ignore[import-not-found]
from shop.outside_http import HttpOutside  # type: ignore[import-not-found]
from shop.pace import parse_pace, set_pace  # type: ignore[import-not-found]
from shop.worker import worker  # type: ignore[import-not-found]
from workers import env, fetch  # type: ignore[import-not-found]

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

OUTSIDE = getattr(env, "SHOP_OUTSIDE", "")


async def post(body: str) -> str:
    """Ask the outside world."""
    answer = await fetch(OUTSIDE, method="POST", body=body)
    return str(await answer.text())


set_pace(parse_pace(getattr(env, "SHOP_PACE", "") or ""))
if OUTSIDE:
    set_outside(HttpOutside(post))


class Default(Edge):
    """Takes requests, activity tasks and cron triggers."""

    workers = [worker]
