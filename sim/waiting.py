"""What the open workflows of a simulation wait for, in words: the text of a deadlock.

Asks the workflow objects' own state machine (`DescribeWorkflow`) on their committed rows, so it disturbs
nothing and leaves no trace. Must not import: the simulation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..runtime.actor import Turn
from ..runtime.durations import format_duration
from ..runtime.keys import WORKFLOW, activity_key, kind_of

if TYPE_CHECKING:
    from ..runtime.deployment import Deployment
    from .platform import Platform

SHOWN_MAX = 10
MANY_ATTEMPTS = 100
"""An activity that was tried so often is not on its way."""
SIGNALED = "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')
RUNNING = "WORKFLOW_EXECUTION_STATUS_RUNNING"


def open_workflows(platform: Platform, deployment: Deployment | None) -> list[str]:
    """One line per open workflow, oldest object first; at most SHOWN_MAX and a line that counts the rest."""
    lines = []
    for key in list(platform.objects):
        if kind_of(key) == WORKFLOW:
            description = describe(platform, key)
            if description is not None and getattr(description, "status", "") == RUNNING:
                lines.append(_line(platform, key, description, deployment))
    if len(lines) > SHOWN_MAX:
        lines[SHOWN_MAX:] = [f"... and {len(lines) - SHOWN_MAX} more"]
    return lines


def describe(platform: Platform, key: str) -> Any:
    """The WorkflowDescription of the newest run of ``key``, from its committed rows; None: there is none."""
    from ..runtime.messages.workflow import DescribeWorkflow, WorkflowDescription

    found = platform.objects[key]
    if not found.version:
        return None
    state = _state(platform, key)
    turn = Turn(state, platform.now(), lambda namespace, task_queue: True)
    reply = found.actor.receive(state, DescribeWorkflow(), turn)
    return reply if isinstance(reply, WorkflowDescription) else None


def _state(platform: Platform, key: str) -> Any:
    found = platform.objects[key]
    return found.actor.load(key, found.read(platform.strict))


def _line(platform: Platform, key: str, description: Any, deployment: Deployment | None) -> str:
    waits = []
    now = platform.now()
    namespace = description.namespace
    if description.workflow_task_state:
        text = f"its workflow task (attempt {max(1, description.workflow_task_attempt)})"
        if deployment is not None and not deployment.polls_workflows(namespace, description.task_queue):
            text += f", but {_no_worker(deployment, 'workflows', namespace, description.task_queue)}"
        failure = description.last_workflow_task_failure
        if failure is not None:
            text += f"; it failed with: {failure.message}"
        waits.append(text)
    for activity in description.pending_activities:
        text = f"activity {activity.activity_type!r} (id {activity.activity_id})"
        text += _attempts(platform, description, activity.activity_id)
        queue = activity.task_queue or description.task_queue
        if deployment is not None and not deployment.polls_activities(namespace, queue):
            text += f", but {_no_worker(deployment, 'activities', namespace, queue)}"
        waits.append(text)
    for child in description.pending_children:
        waits.append(f"child workflow {child.workflow_id!r}")
    for timer in description.pending_timers:
        name = timer.summary or timer.timer_id
        waits.append(f"timer {name!r} in {format_duration(max(0, timer.fire_ns - now))}")
    if not waits:
        waits.append("a signal, an update or a condition that becomes true" + _signals(platform, key))
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
    if failure is not None:
        text += f"; it failed with: {_told(failure.failure)}"
    if attempt is not None and attempt.number >= MANY_ATTEMPTS:
        text += (
            ". An activity is tried for ever unless its code is mended, or the call's "
            "retry=RetryPolicy(maximum_attempts=...) or schedule_to_close_timeout ends it"
        )
    return text


def _told(failure: Any) -> str:
    """Type, message and place of what an activity raised; the engine's places say nothing."""
    info = failure.application_failure_info
    kind = "" if info is None or not info.type else f"{info.type}: "
    places = [
        found for found in _PLACE.findall(failure.stack_trace) if not found[0].startswith("temporal_do/")
    ]
    place = "" if not places else f" ({places[-1][0]}:{places[-1][1]})"
    return f"{kind}{failure.message}{place}"


def _no_worker(deployment: Deployment, what: str, namespace: str, task_queue: str) -> str:
    """That nobody runs ``what`` there, and who runs where: names are easily misspelled."""
    text = f"no worker with {what} runs for task queue {task_queue!r} of namespace {namespace!r}"
    if not deployment.workers:
        return f"{text}: deploy one with sim.run(worker)"
    there = [
        f"{worker.task_queue!r} of {worker.namespace!r} (workflows: {len(worker.workflows)}, "
        f"activities: {len(worker.activities)})"
        for worker in deployment.workers
    ]
    hint = ""
    if any(worker.namespace == namespace for worker in deployment.workers):
        hint = "; task_queue= of Temporal(...), or of the call, says which one is asked (else 'main')"
    return f"{text}; the workers here run for {', '.join(there)}{hint}"


def _signals(platform: Platform, key: str) -> str:
    """Which signals the open run got, so that a misspelled one is seen."""
    state = _state(platform, key)
    names: dict[str, int] = {}
    for event in state.slice(state.current).after(0):
        if event.event_type == SIGNALED:
            name = event.attributes.signal_name
            names[name] = names.get(name, 0) + 1
    if not names:
        return "; it has received no signal"
    told = ", ".join(
        repr(name) if times == 1 else f"{name!r} ({times} times)" for name, times in names.items()
    )
    return f"; it has received: {told}"
