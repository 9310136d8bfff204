"""Attributes of the history events about timers.

Owns: one record per event type, fields as in Temporal's protobuf. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..records import record
from .values import Message

if TYPE_CHECKING:
    from .values import Duration, Int64


@record
class TimerStarted(Message):
    """The workflow started a timer."""

    timer_id: str = ""
    start_to_fire_timeout: Duration | None = None
    workflow_task_completed_event_id: Int64 = 0


@record
class TimerFired(Message):
    """The timer was due."""

    timer_id: str = ""
    started_event_id: Int64 = 0


@record
class TimerCanceled(Message):
    """The workflow cancelled the timer."""

    timer_id: str = ""
    started_event_id: Int64 = 0
    workflow_task_completed_event_id: Int64 = 0
    identity: str = ""
