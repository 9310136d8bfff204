"""What several checkers know of histories: which events open, end and close what. Tables only."""

from __future__ import annotations

from typing import Final

from ...runtime.history import EventType

RUNNING: Final = "WORKFLOW_EXECUTION_STATUS_RUNNING"

ACTIVITY_ENDS: Final = frozenset(
    (
        EventType.ACTIVITY_TASK_COMPLETED,
        EventType.ACTIVITY_TASK_FAILED,
        EventType.ACTIVITY_TASK_TIMED_OUT,
        EventType.ACTIVITY_TASK_CANCELED,
    )
)
TIMER_ENDS: Final = frozenset((EventType.TIMER_FIRED, EventType.TIMER_CANCELED))
CHILD_ENDS: Final = frozenset(
    (
        EventType.CHILD_WORKFLOW_EXECUTION_COMPLETED,
        EventType.CHILD_WORKFLOW_EXECUTION_FAILED,
        EventType.CHILD_WORKFLOW_EXECUTION_CANCELED,
        EventType.CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.CHILD_WORKFLOW_EXECUTION_TERMINATED,
    )
)
TASK_ENDS: Final = frozenset(
    (
        EventType.WORKFLOW_TASK_COMPLETED,
        EventType.WORKFLOW_TASK_FAILED,
        EventType.WORKFLOW_TASK_TIMED_OUT,
    )
)


def short(event_type: str) -> str:
    """An event type as people say it."""
    return event_type.removeprefix("EVENT_TYPE_").lower().replace("_", " ")


def run_of(table: str) -> str:
    """The run whose history the table ``events:<run id>`` is."""
    return table[7:]
