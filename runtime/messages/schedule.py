"""What a TimerDO (one schedule) hears from the workflows it started.

What its owner asks of it is in ``schedules/messages.py``, which is only loaded where schedules are used; this
module announces those records, so that a host can decode them.
"""

from __future__ import annotations

from ..records import record, register_lazy


@record
class ScheduledRunStarted:
    """Answer of a workflow start, as a fact: ``run_id`` "" means it was refused because one was running.

    ``request_id`` is that of the start, "" where it is not known.
    """

    workflow_id: str
    run_id: str
    request_id: str = ""


@record
class ScheduledRunClosed:
    """A workflow started by the schedule is over (its whole chain of runs).

    ``run_id`` is the last run of the chain, ``first_run_id`` the one that the schedule started, "" where it
    is not known.
    """

    workflow_id: str
    run_id: str
    status: str
    first_run_id: str = ""


register_lazy(
    f"{__package__.rpartition('.')[0]}.schedules.messages",
    (
        "BackfillSchedule",
        "CreateSchedule",
        "DeleteSchedule",
        "DescribeSchedule",
        "PauseSchedule",
        "ScheduleDefinition",
        "ScheduleReply",
        "TriggerSchedule",
        "UnpauseSchedule",
        "UpdateSchedule",
        "WorkflowToStart",
        # Loaded with them: what they are made of.
        "CalendarSpec",
        "RecentAction",
        "ScheduleCounters",
        "SchedulePolicies",
        "ScheduleSnapshot",
        "ScheduleSpec",
        "ScheduledRun",
    ),
)
