"""What a TaskQueueDO is told: tasks that nobody takes are parked with it, external workers poll for them.
Records only."""

from __future__ import annotations

from ..records import record
from .activity import ActivityTask


@record
class ParkWorkflowTask:
    """From a WorkflowDO whose workflow task no worker takes; it hears WorkerAvailable."""

    workflow_key: str


@record
class ParkActivityTask:
    """From a queue consumer that has no worker for the task; it goes back on the queue when there is one."""

    task: ActivityTask


@record
class WorkerStarted:
    """A worker polls ``task_queue`` from now on: everything parked moves.

    ``identity`` names the worker, so that two of them are told apart when one stops.
    """

    namespace: str
    task_queue: str
    identity: str = ""


@record
class WorkerStopped:
    """The worker that announced itself under ``identity`` polls no more."""

    namespace: str
    task_queue: str
    identity: str = ""


@record
class ActivityUnparked:
    """From an ActivityDO: its attempt ``token`` waits for a worker no longer; forget the task."""

    activity_key: str
    token: str


@record
class PollActivityTasks:
    """From an external worker: has it anything for me? Answered by :class:`PolledActivityTasks`, at once or
    when a task comes, after ``wait_ns`` at the latest.

    ``poll_id`` is the request id: while nobody knows what became of a poll it is made again with the same
    one, and gets the same tasks. ``max_tasks``: so many are welcome.
    """

    namespace: str
    task_queue: str
    poll_id: str
    identity: str = ""
    wait_ns: int = 0
    max_tasks: int = 1


@record
class PolledActivityTasks:
    """Tasks, longest waiting first; none: nothing came. Lease each with its ActivityDO within seconds, or it
    is given to another poll."""

    tasks: tuple[ActivityTask, ...] = ()


@record
class LeavePoll:
    """From an external worker that goes away while its poll is open: what that poll was given may be given to
    another at once."""

    namespace: str
    task_queue: str
    poll_id: str
