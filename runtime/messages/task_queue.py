"""What a TaskQueueDO is told: tasks that nobody polls are parked with it. Records only."""

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
