"""The liveness phase after the workload: waiting until a healed world has come to rest.

Owns what *at rest* means: every run that was open when the workload ended is closed, or waits for something
that has a name outside of it (a signal, an update, a worker that nobody has deployed); every outbox is empty;
every worker process has ended. Runs that start later (a schedule goes on for ever) are none of its business.

Must not import: the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..runtime.durations import SECOND
from ..runtime.keys import WORKFLOW, kind_of
from .waiting import RUNNING, describe

if TYPE_CHECKING:
    from .simulation import Simulation


async def settle(simulation: Simulation, settle_ns: int) -> bool:
    """Let at most ``settle_ns`` of virtual time pass; true as soon as the world is at rest.

    False: time is over and something is still under way.
    """
    platform = simulation.platform
    end_ns = platform.now() + settle_ns
    runs = _open_runs(simulation)
    pause_ns = SECOND
    while True:
        await simulation.sleep_until_ns(platform.now())
        if not _is_under_way(simulation, runs):
            return True
        left_ns = end_ns - platform.now()
        if left_ns <= 0:
            return False
        await simulation.sleep_until_ns(platform.now() + min(pause_ns, left_ns))
        pause_ns *= 2


def _open_runs(simulation: Simulation) -> dict[str, str]:
    """Key of the workflow object -> id of its open run."""
    found = {}
    for key in simulation.platform.objects:
        if kind_of(key) == WORKFLOW:
            description = describe(simulation.platform, key)
            if description is not None and description.status == RUNNING:
                found[key] = description.run_id
    return found


def _is_under_way(simulation: Simulation, runs: dict[str, str]) -> bool:
    platform = simulation.platform
    if platform.queues.workers:
        return True
    for each in platform.objects.values():
        if each.tables.get("outbox") or getattr(each.incarnation, "unconfirmed", ()):
            return True
    return any(_goes_on(simulation, key, run_id) for key, run_id in runs.items())


def _goes_on(simulation: Simulation, key: str, run_id: str) -> bool:
    """Will the run that was open do something by itself?"""
    found: Any = describe(simulation.platform, key)
    if found is None or found.status != RUNNING or found.run_id != run_id:
        return False
    deployment = simulation.deployment
    if not deployment.polls_workflows(found.namespace, found.task_queue):
        return False
    if found.workflow_task_state or found.pending_timers:
        return True
    return any(
        deployment.polls_activities(found.namespace, each.task_queue or found.task_queue)
        for each in found.pending_activities
    )
