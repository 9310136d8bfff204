"""What the open workflows of a simulation wait for, in words: the text of a deadlock.

Asks the workflow objects' own state machine (`DescribeWorkflow`) on their committed rows, so it disturbs
nothing and leaves no trace. Must not import: the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..runtime.actor import Turn
from ..runtime.durations import format_duration
from ..runtime.keys import WORKFLOW, activity_key, kind_of

if TYPE_CHECKING:
    from ..runtime.deployment import Deployment
    from .platform import Platform

SHOWN_MAX = 10
RUNNING = "WORKFLOW_EXECUTION_STATUS_RUNNING"


def open_workflows(platform: Platform, deployment: Deployment | None) -> list[str]:
    """One line per open workflow, oldest object first; at most SHOWN_MAX and a line that counts the rest."""
    lines = []
    for key in list(platform.objects):
        if kind_of(key) == WORKFLOW:
            description = describe(platform, key)
            if description is not None and getattr(description, "status", "") == RUNNING:
                lines.append(_line(platform, description, deployment))
    if len(lines) > SHOWN_MAX:
        lines[SHOWN_MAX:] = [f"... and {len(lines) - SHOWN_MAX} more"]
    return lines


def describe(platform: Platform, key: str) -> Any:
    """The WorkflowDescription of the newest run of ``key``, from its committed rows; None: there is none."""
    from ..runtime.messages.workflow import DescribeWorkflow, WorkflowDescription

    found = platform.objects[key]
    if not found.version:
        return None
    state = found.actor.load(key, found.read(platform.strict))
    turn = Turn(state, platform.now(), lambda namespace, task_queue: True)
    reply = found.actor.receive(state, DescribeWorkflow(), turn)
    return reply if isinstance(reply, WorkflowDescription) else None


def _line(platform: Platform, description: Any, deployment: Deployment | None) -> str:
    waits = []
    now = platform.now()
    namespace = description.namespace
    if description.workflow_task_state:
        text = f"its workflow task (attempt {max(1, description.workflow_task_attempt)})"
        if deployment is not None and not deployment.polls_workflows(namespace, description.task_queue):
            text += (
                f", but no worker with workflows runs for task queue {description.task_queue!r}: "
                "deploy one with simulation.run(worker)"
            )
        failure = description.last_workflow_task_failure
        if failure is not None:
            text += f"; it failed with: {failure.message}"
        waits.append(text)
    for activity in description.pending_activities:
        text = f"activity {activity.activity_type!r} (id {activity.activity_id})"
        queue = activity.task_queue or description.task_queue
        if deployment is not None and not deployment.polls_activities(namespace, queue):
            text += f", but no worker with activities runs for task queue {queue!r}"
        waits.append(text + _attempts(platform, description, activity.activity_id))
    for child in description.pending_children:
        waits.append(f"child workflow {child.workflow_id!r}")
    for timer in description.pending_timers:
        name = timer.summary or timer.timer_id
        waits.append(f"timer {name!r} in {format_duration(max(0, timer.fire_ns - now))}")
    if not waits:
        waits.append("a signal, an update or a condition that becomes true")
    kind = description.workflow_type
    return f"{description.workflow_id!r} ({kind}) waits for " + "; ".join(waits)


def _attempts(platform: Platform, description: Any, activity_id: str) -> str:
    """How often the activity has been tried and what became of it, as far as its object's rows tell."""
    found = platform.objects.get(activity_key(description.namespace, description.run_id, activity_id))
    if found is None:
        return ""
    rows = found.read(platform.strict).get("activity", {})
    attempt, failure = rows.get("attempt"), rows.get("failure")
    text = "" if attempt is None else f", {attempt.phase}, attempt {attempt.number}"
    return text if failure is None else f"{text}; it failed with: {failure.failure.message}"
