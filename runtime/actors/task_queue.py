"""TaskQueueDO: tasks of one task queue that no worker of a deployment takes, until one does.

Owns the parked tasks by reference: an ActivityDO or WorkflowDO still owns its task. A parked task leaves when
its owner hears that it may be handed out again, since a worker has come; or when an activity says that it
waits no longer, for instance because an external worker that polled has leased it (``task_queue_polls``).
Invariants: whatever is parked while a worker polls, or polled just before, moves again by itself; a queue
without workers and without news costs nothing, not even an alarm.

    ParkWorkflowTask    remember the workflow                          (twice: once)
    ParkActivityTask    remember the activity, tell it ActivityParked  (a newer attempt replaces an older)
    ActivityUnparked    forget the activity
    WorkerStarted       remember the worker; release everything
    WorkerStopped       forget the worker
    PollActivityTasks   give tasks, or remember the poll until there are some
    LeavePoll           forget the poll, take back what it was given
    Alarm, Poke         release everything if it is time; end polls; give again what a poll was given in vain

The race. "No worker polls" is seen elsewhere and may arrive here after the worker has announced itself; it
would then wait for ever. So this object remembers who polls, and what is parked while somebody does is
released by an alarm: after 5 s, then twice that, at most an hour, because the worker may be one that died
without a word, or one that runs only the other kind of tasks. A new announcement starts at 5 s again.

Must not import the worker side or the other actors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..actor import Actor, Alarm, Ok, Turn
from ..durations import HOUR, SECOND
from ..host import RowKey, Tables
from ..keys import TASK_QUEUE
from ..messages.activity import ActivityParked, DispatchActivity
from ..messages.task_queue import (
    ActivityUnparked,
    LeavePoll,
    ParkActivityTask,
    ParkWorkflowTask,
    PollActivityTasks,
    WorkerStarted,
    WorkerStopped,
)
from ..messages.workflow import Poke, WorkerAvailable
from ..records import record
from .task_queue_polls import ParkedActivity, TaskQueueState, leave, match, next_poll_event, poll

RELEASE_DELAY_NS: Final = 5 * SECOND
RELEASE_DELAY_MAX_NS: Final = HOUR

OK: Final = Ok()


@record
class PollingWorker:
    """A worker that announced itself."""

    task_queue: str
    since_ns: int


@record
class ParkedWorkflow:
    """A workflow whose task waits for a worker."""

    parked_ns: int


@record
class ReleasePlan:
    """When parked tasks are released although nobody announced himself anew; ``at_ns`` None: not planned."""

    delay_ns: int
    at_ns: int | None = None


class TaskQueueActor(Actor[TaskQueueState]):
    """The behaviour of every TaskQueueDO."""

    kind = TASK_QUEUE

    def __init__(self) -> None:
        self.handlers = {
            ParkWorkflowTask: _park_workflow,
            ParkActivityTask: _park_activity,
            ActivityUnparked: _unpark_activity,
            WorkerStarted: _worker_started,
            WorkerStopped: _worker_stopped,
            PollActivityTasks: poll,
            LeavePoll: leave,
            Alarm: _wake,
            Poke: _wake,
        }

    def load(self, key: str, tables: Tables) -> TaskQueueState:
        """The queue ``key`` from its rows."""
        return TaskQueueState(key, tables)

    def next_alarm(self, state: TaskQueueState) -> int | None:
        """The planned release, the end of a poll, or of a poll lease that somebody waits for."""
        plan = _plan(state)
        moments = [None if plan is None else plan.at_ns, next_poll_event(state)]
        return min((moment for moment in moments if moment is not None), default=None)


def _plan(state: TaskQueueState) -> ReleasePlan | None:
    return state.get("plan", "release")


def _park_workflow(state: TaskQueueState, message: ParkWorkflowTask, turn: Turn) -> Any:
    if state.get("workflow", message.workflow_key) is None:
        turn.put("workflow", message.workflow_key, ParkedWorkflow(parked_ns=turn.now))
    _plan_release(state, turn)
    return OK


def _park_activity(state: TaskQueueState, message: ParkActivityTask, turn: Turn) -> Any:
    task = message.task
    parked: ParkedActivity | None = state.get("activity", task.activity_key)
    # A late copy of an earlier attempt's task must not hide that of the attempt that waits now. Earlier
    # versions of this package do not number them.
    if parked is None or (
        parked.token != task.token and (not task.attempt or parked.attempt <= task.attempt)
    ):
        row = ParkedActivity(token=task.token, parked_ns=turn.now, attempt=task.attempt)
        turn.put("activity", task.activity_key, row)
        turn.send(task.activity_key, ActivityParked(token=task.token, parked_with=state.key))
        state.parked(task.activity_key, row)
        match(state, turn)
    _plan_release(state, turn)
    return OK


def _unpark_activity(state: TaskQueueState, message: ActivityUnparked, turn: Turn) -> Any:
    parked: ParkedActivity | None = state.get("activity", message.activity_key)
    if parked is not None and parked.token == message.token:
        turn.delete("activity", message.activity_key)
        plan = _plan(state)
        if plan is not None and plan.at_ns is not None and not _holds_any(state):
            turn.put("plan", "release", ReleasePlan(delay_ns=plan.delay_ns))
    return OK


def _holds_any(state: TaskQueueState) -> bool:
    return bool(state.rows.get("workflow") or state.rows.get("activity"))


def _plan_release(state: TaskQueueState, turn: Turn) -> None:
    plan = _plan(state)
    if state.rows.get("worker") and plan is not None and plan.at_ns is None:
        turn.put("plan", "release", ReleasePlan(delay_ns=plan.delay_ns, at_ns=turn.now + plan.delay_ns))


def _worker_started(state: TaskQueueState, message: WorkerStarted, turn: Turn) -> Any:
    worker = PollingWorker(task_queue=message.task_queue, since_ns=turn.now)
    turn.put("worker", message.identity, worker)
    turn.put("plan", "release", ReleasePlan(delay_ns=RELEASE_DELAY_NS))
    _release(state, message.task_queue, turn)
    return OK


def _worker_stopped(state: TaskQueueState, message: WorkerStopped, turn: Turn) -> Any:
    turn.delete("worker", message.identity)
    if not state.rows.get("worker"):
        turn.delete("plan", "release")
    return OK


def _wake(state: TaskQueueState, message: Any, turn: Turn) -> Any:
    plan = _plan(state)
    if plan is not None and plan.at_ns is not None and plan.at_ns <= turn.now:
        task_queue = next((worker.task_queue for worker in state.table("worker").values()), "")
        turn.put("plan", "release", ReleasePlan(delay_ns=min(2 * plan.delay_ns, RELEASE_DELAY_MAX_NS)))
        _release(state, task_queue, turn)
    match(state, turn)
    return OK


def _release(state: TaskQueueState, task_queue: str, turn: Turn) -> None:
    for workflow_key in _oldest_first(state.table("workflow")):
        turn.send(workflow_key, WorkerAvailable(task_queue=task_queue))
    turn.drop_table("workflow")
    activities = state.table("activity")
    for activity_key in _oldest_first(activities):
        turn.send(activity_key, DispatchActivity(token=activities[activity_key].token))
    turn.drop_table("activity")
    state.released()


def _oldest_first(table: Mapping[RowKey, Any]) -> list[str]:
    """The keys in an order that a reload does not change."""
    return sorted(map(str, table), key=lambda key: (table[key].parked_ns, key))
