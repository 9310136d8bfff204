"""The timeline: every history can be drawn, nothing is wider than asked, and what matters is on it."""

from __future__ import annotations

import json
import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.history import (
    ActivityType,
    ApplicationFailureInfo,
    EventType,
    Failure,
    History,
    Payload,
    UserMetadata,
)
from temporal_do.sim.timeline import render_timeline, timeline_as_dict
from temporal_do.sim.timeline_text import cut, duration_text, fit, plain, width_of

from .conftest import SECOND, make_history

ESCAPE = re.compile(r"\x1b\[\d+m")
DAY = 86_400


@pytest.mark.parametrize("width", [48, 80, 100, 200])
def test_every_real_history_is_drawn_within_the_asked_width(
    histories: list[tuple[str, History]], width: int
) -> None:
    for name, history in histories:
        text = render_timeline(history, width=width)
        for line in text.splitlines():
            assert width_of(line) <= width, (name, line)
        assert "\x1b" not in text


def test_colour_adds_escapes_and_nothing_else(histories: list[tuple[str, History]]) -> None:
    for name, history in histories[:40]:
        coloured = render_timeline(history, colour=True)
        stripped = ESCAPE.sub("", coloured)
        assert stripped.split() == render_timeline(history).split(), name
        assert coloured != stripped


def test_the_machine_form_is_json_and_accounts_for_every_step(histories: list[tuple[str, History]]) -> None:
    for name, history in histories:
        found = json.loads(json.dumps(timeline_as_dict(history)))
        assert found["schema"] == 1
        assert found["events"] == len(history.events)
        numbers = [number for step in found["steps"] for number in step["event_ids"]]
        assert len(numbers) == len(set(numbers)), name
        scheduled = [e for e in history.events if e.event_type == EventType.ACTIVITY_TASK_SCHEDULED]
        assert sum(step["kind"] == "activity" for step in found["steps"]) == len(scheduled), name


def test_an_empty_history_is_drawn() -> None:
    assert "0 events" in render_timeline(History(events=()))
    assert timeline_as_dict(History(events=()))["steps"] == []


def order(name: str = "charge-payment", **failed: str) -> History:
    """A week of waiting, a retried activity, a signal, a close."""
    history = make_history(
        (EventType.WORKFLOW_EXECUTION_STARTED, 0, {}),
        (EventType.WORKFLOW_TASK_SCHEDULED, 0, {}),
        (EventType.WORKFLOW_TASK_STARTED, 0, {"scheduled_event_id": 2}),
        (EventType.WORKFLOW_TASK_COMPLETED, 0, {"scheduled_event_id": 2, "started_event_id": 3}),
        (
            EventType.TIMER_STARTED,
            0,
            {
                "timer_id": "1",
                "start_to_fire_timeout": 7 * DAY * SECOND,
                "workflow_task_completed_event_id": 4,
            },
        ),
        (EventType.TIMER_FIRED, 7 * DAY, {"timer_id": "1", "started_event_id": 5}),
        (EventType.WORKFLOW_TASK_SCHEDULED, 7 * DAY, {}),
        (EventType.WORKFLOW_TASK_STARTED, 7 * DAY, {"scheduled_event_id": 7}),
        (EventType.WORKFLOW_TASK_COMPLETED, 7 * DAY, {"scheduled_event_id": 7, "started_event_id": 8}),
        (
            EventType.ACTIVITY_TASK_SCHEDULED,
            7 * DAY,
            {
                "activity_id": "1",
                "activity_type": ActivityType(name="charge"),
                "workflow_task_completed_event_id": 9,
            },
        ),
        (EventType.ACTIVITY_TASK_STARTED, 7 * DAY + 3, {"scheduled_event_id": 10, "attempt": 3}),
        (
            EventType.ACTIVITY_TASK_FAILED,
            7 * DAY + 4,
            {
                "scheduled_event_id": 10,
                "started_event_id": 11,
                "failure": Failure(
                    message="no funds",
                    application_failure_info=ApplicationFailureInfo(type="CardDeclined"),
                ),
            },
        ),
        (EventType.WORKFLOW_TASK_SCHEDULED, 7 * DAY + 4, {}),
        (EventType.WORKFLOW_TASK_STARTED, 7 * DAY + 4, {"scheduled_event_id": 13}),
        (
            EventType.WORKFLOW_TASK_COMPLETED,
            7 * DAY + 4,
            {"scheduled_event_id": 13, "started_event_id": 14},
        ),
        (EventType.WORKFLOW_EXECUTION_COMPLETED, 7 * DAY + 4, {"workflow_task_completed_event_id": 15}),
        workflow_id="order-1",
    )
    summary = UserMetadata(summary=Payload(data=json.dumps(name).encode()))
    events = list(history.events)
    events[9] = attrs.evolve(events[9], user_metadata=summary)
    return attrs.evolve(history, events=tuple(events))


def test_it_shows_the_retries_the_reason_the_idle_week_and_where_the_time_went() -> None:
    text = render_timeline(order())
    assert "charge-payment (charge)" in text
    assert "3 attempts" in text
    assert "CardDeclined: no funds" in text
    assert "· 7 d ·" in text
    assert "completed in 7 d" in text
    assert "where the time went: timer #1 7 d" in text


def test_idle_time_does_not_push_the_work_into_one_column() -> None:
    line = next(line for line in render_timeline(order()).splitlines() if "charge-payment" in line)
    assert line.count("█") + line.count("░") > 10


def test_what_lies_on_the_critical_path_is_marked() -> None:
    steps = {step["name"]: step["critical"] for step in timeline_as_dict(order())["steps"]}
    assert steps == {"#1": True, "charge-payment": True}


def test_an_unfinished_run_shows_what_is_still_open() -> None:
    text = render_timeline(History(events=order().events[:5]))
    assert "running" in text
    assert "still open" in text


def test_many_steps_are_counted_in_the_middle(histories: list[tuple[str, History]]) -> None:
    for _, history in histories:
        assert len(render_timeline(history, steps_max=10).splitlines()) < 60


@given(name=st.text(min_size=1, max_size=80))
def test_any_name_is_drawn_within_the_width_and_moves_no_cursor(name: str) -> None:
    for line in render_timeline(order(name), width=90).split("\n"):
        assert width_of(line) <= 90
        assert plain(line).split() == line.split()


@given(text=st.text(max_size=30), width=st.integers(0, 40))
def test_fitted_text_has_exactly_the_width(text: str, width: int) -> None:
    assert width_of(fit(plain(text), width)) == width
    assert width_of(cut(plain(text), width)) <= width


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0 s"),
        (12_000_000, "12 ms"),
        (1_500_000_000, "1.5 s"),
        (59_999_000_000, "1 min"),
        (300 * SECOND, "5 min"),
        (3_661 * SECOND, "1 h 1 min"),
        ((7 * DAY - 3_600) * SECOND, "6 d 23 h"),
        (-SECOND, "-1 s"),
    ],
)
def test_durations_read_as_people_say_them(duration_ns: int, text: str) -> None:
    assert duration_text(duration_ns) == text
