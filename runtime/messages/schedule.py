"""What a TimerDO (one schedule) hears from the workflows it started; its requests live with the schedules."""

from __future__ import annotations

from ..records import record


@record
class ScheduledRunStarted:
    """Answer of a workflow start, as a fact: ``run_id`` "" means it was refused because one was running."""

    workflow_id: str
    run_id: str


@record
class ScheduledRunClosed:
    """A workflow started by the schedule is over (its whole chain of runs)."""

    workflow_id: str
    run_id: str
    status: str
