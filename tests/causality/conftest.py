"""Real histories, and such as are made by hand for what the graph should say about them."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_do.runtime.history import (
    EventType,
    History,
    HistoryEvent,
    attributes_class,
    read_history_file,
)
from tests.real_histories import corpus_files, own_files

SECOND = 1_000_000_000
START = 1_767_225_600 * SECOND


def make_history(*rows: tuple[str, float, dict[str, Any]], workflow_id: str = "w") -> History:
    """A history from (event type, seconds since the start, attributes); ids count from 1."""
    events = []
    for number, (kind, seconds, attributes) in enumerate(rows, start=1):
        cls = attributes_class(kind)
        assert cls is not None
        events.append(
            HistoryEvent(
                event_id=number,
                event_time=START + round(seconds * SECOND),
                event_type=kind,
                attributes=cls(**attributes),
            )
        )
    return History(events=tuple(events), workflow_id=workflow_id)


@pytest.fixture(scope="session")
def histories() -> list[tuple[str, History]]:
    """The names of real histories, and what they hold."""
    return [(path.name, read_history_file(path)) for path in (*own_files(), *corpus_files())]


@pytest.fixture
def parallel() -> History:
    """An activity of one second beside a timer of three; two signals come meanwhile."""
    return make_history(
        (EventType.WORKFLOW_EXECUTION_STARTED, 0, {}),
        (EventType.WORKFLOW_TASK_SCHEDULED, 0, {}),
        (EventType.WORKFLOW_TASK_STARTED, 0, {"scheduled_event_id": 2}),
        (EventType.WORKFLOW_TASK_COMPLETED, 0, {"scheduled_event_id": 2, "started_event_id": 3}),
        (
            EventType.ACTIVITY_TASK_SCHEDULED,
            0,
            {"activity_id": "1", "workflow_task_completed_event_id": 4},
        ),
        (
            EventType.TIMER_STARTED,
            0,
            {
                "timer_id": "1",
                "start_to_fire_timeout": 3 * SECOND,
                "workflow_task_completed_event_id": 4,
            },
        ),
        (EventType.ACTIVITY_TASK_STARTED, 0.1, {"scheduled_event_id": 5, "attempt": 1}),
        (EventType.ACTIVITY_TASK_COMPLETED, 1, {"scheduled_event_id": 5, "started_event_id": 7}),
        (EventType.WORKFLOW_EXECUTION_SIGNALED, 2, {"signal_name": "one"}),
        (EventType.WORKFLOW_EXECUTION_SIGNALED, 2, {"signal_name": "two"}),
        (EventType.TIMER_FIRED, 3, {"timer_id": "1", "started_event_id": 6}),
        (EventType.WORKFLOW_TASK_SCHEDULED, 3, {}),
        (EventType.WORKFLOW_TASK_STARTED, 3, {"scheduled_event_id": 12}),
        (EventType.WORKFLOW_TASK_COMPLETED, 3, {"scheduled_event_id": 12, "started_event_id": 13}),
        (EventType.WORKFLOW_EXECUTION_COMPLETED, 3, {"workflow_task_completed_event_id": 14}),
    )
