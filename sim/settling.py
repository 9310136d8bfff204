"""The liveness phase after the workload: waiting until a healed world has come to rest.

Owns what *at rest* means: every run that was open when the workload ended is closed, or waits for something
that has a name outside of it (a signal, an update, a worker that nobody has deployed); every outbox is empty;
every worker process has ended. Runs that start later (a schedule goes on for ever) are none of its business.

Must not import: the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..runtime.durations import SECOND
from ..runtime.keys import ACTIVITY, WORKFLOW, kind_of
from .waiting import RUNNING, describe

if TYPE_CHECKING:
    from .simulation import Simulation


async def settle(simulation: Simulation, settle_ns: int, *, gave_up: bool = False) -> str:
    """Let at most ``settle_ns`` of virtual time pass, until the world is at rest.

    ``gave_up``: the workload ended without hearing what became of its last request. Returns what is still
    under way and should not be, "" if nothing is. When time is over, timers and activities that go on are as
    they should be; a message that is not delivered, or a workflow task that is not done, is not.
    """
    platform = simulation.platform
    end_ns = platform.now() + settle_ns
    closed: dict[str, int] = {}
    runs = _open_runs(simulation, closed)
    pause_ns = SECOND
    while True:
        await simulation.sleep_until_ns(platform.now())
        undone = _undone(simulation, gave_up, closed)
        if not undone and not _goes_on(simulation, runs):
            return ""
        left_ns = end_ns - platform.now()
        if left_ns <= 0:
            return undone
        await simulation.sleep_until_ns(platform.now() + min(pause_ns, left_ns))
        pause_ns *= 2


def _open_runs(simulation: Simulation, closed: dict[str, int]) -> dict[str, str]:
    """Key of the workflow object -> id of its open run.

    ``closed`` remembers at which version of an object it had none, so that it is not asked again.
    """
    found = {}
    for key, each in simulation.platform.objects.items():
        if kind_of(key) == WORKFLOW and closed.get(key) != each.version:
            description = describe(simulation.platform, key)
            if description is not None and description.status == RUNNING:
                found[key] = description.run_id
            else:
                closed[key] = each.version
    return found


def _undone(simulation: Simulation, gave_up: bool, closed: dict[str, int]) -> str:
    """What nothing but the passing of a moment should be needed for."""
    for key, found in simulation.platform.objects.items():
        if found.tables.get("outbox") and not _is_forgotten(simulation, key, gave_up):
            return f"{key} has messages that were not delivered"
        if found.incarnation is not None and found.incarnation.unconfirmed:
            return f"{key} has commits that are not durable"
    for key, run_id in _open_runs(simulation, closed).items():
        description = _still_open(simulation, key, run_id)
        if description is None or not description.workflow_task_state:
            continue
        if not _is_forgotten(simulation, key, gave_up):
            return f"{key} has a workflow task that is not done ({description.workflow_task_state})"
    return ""


def _is_forgotten(simulation: Simulation, key: str, gave_up: bool) -> bool:
    """Has the platform lost the alarm of an object that nobody misses?

    That is a finished activity; and, when the workload gave up, whatever it has begun without hearing that it
    was begun. The recovery sweep has no need to look for them.
    """
    found = simulation.platform.objects[key]
    if found.alarm.is_running or found.alarm.is_waiting:
        return False
    return gave_up or (kind_of(key) == ACTIVITY and "spec" not in found.tables.get("activity", {}))


def _goes_on(simulation: Simulation, runs: dict[str, str]) -> bool:
    """Will a run that was open, or a worker, do something by itself?"""
    if simulation.platform.queues.workers:
        return True
    deployment = simulation.deployment
    for key, run_id in runs.items():
        found = _still_open(simulation, key, run_id)
        if found is None:
            continue
        if found.pending_timers:
            return True
        for each in found.pending_activities:
            if deployment.polls_activities(found.namespace, each.task_queue or found.task_queue):
                return True
    return False


def _still_open(simulation: Simulation, key: str, run_id: str) -> Any:
    """The description of a run that is open and has a worker; None: it is not, or nobody runs it."""
    found: Any = describe(simulation.platform, key)
    if found is None or found.status != RUNNING or found.run_id != run_id:
        return None
    if not simulation.deployment.polls_workflows(found.namespace, found.task_queue):
        return None
    return found
