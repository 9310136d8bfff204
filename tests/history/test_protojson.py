"""The variants of Temporal's JSON that files hold, and the one form that is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.history import (
    ActivityTaskCompleted,
    EventType,
    Header,
    History,
    HistoryEvent,
    MarkerRecorded,
    Payload,
    TimerStarted,
    WorkflowExecutionStarted,
    read_event,
    read_history,
    write_event,
    write_history,
)
from temporal_do.runtime.history.scalars import (
    read_bytes,
    read_duration,
    read_timestamp,
    write_bytes,
    write_duration,
    write_timestamp,
)

EVENT = {"eventId": "1", "eventTime": "2024-01-01T00:00:00Z", "eventType": "EVENT_TYPE_TIMER_FIRED"}


@pytest.mark.parametrize("shape", [{"events": [EVENT]}, [EVENT], {"history": {"events": [EVENT]}}])
def test_every_wrapping_of_events_is_read(shape: Any) -> None:
    assert read_history(shape).events[0].event_type == EventType.TIMER_FIRED
    assert read_history(json.dumps(shape)) == read_history(shape)
    assert read_history(b"\xef\xbb\xbf" + json.dumps(shape).encode()) == read_history(shape)


@pytest.mark.parametrize("spelling", ["EVENT_TYPE_TIMER_FIRED", "TimerFired", "TIMER_FIRED", 18])
def test_every_spelling_of_an_event_type_is_read(spelling: Any) -> None:
    assert read_event({"eventType": spelling}).event_type == EventType.TIMER_FIRED


def test_an_unknown_number_of_an_event_type_stays_a_number() -> None:
    assert write_event(read_event({"eventType": 999}))["eventType"] == 999


@pytest.mark.parametrize("spelling", ["7", 7, 7.0])
def test_every_spelling_of_an_integer_is_read(spelling: Any) -> None:
    event = read_event({"eventId": spelling})
    assert event.event_id == 7
    assert write_event(event)["eventId"] == "7"


def test_snake_case_is_read() -> None:
    event = read_event({"event_id": 1, "event_type": 17, "timer_started_event_attributes": {"timer_id": "x"}})
    assert event.attributes == TimerStarted(timer_id="x")


def test_null_is_absent() -> None:
    event = read_event({**EVENT, "version": None, "timerFiredEventAttributes": None})
    assert event == read_event(EVENT)


def test_an_empty_message_is_not_an_absent_one() -> None:
    def read(attributes: dict[str, Any]) -> Any:
        return read_event({**EVENT, "activityTaskCompletedEventAttributes": attributes})

    assert read({"result": {}}).attributes == ActivityTaskCompleted(result=())
    assert read({}).attributes == ActivityTaskCompleted(result=None)
    for attributes in ({"result": {}}, {}):
        assert write_event(read(attributes))["activityTaskCompletedEventAttributes"] == attributes


def test_a_time_at_the_epoch_is_not_an_absent_one() -> None:
    assert write_event(HistoryEvent())["eventTime"] == "1970-01-01T00:00:00Z"
    assert "eventTime" not in write_event(read_event({"eventId": 1}))


def test_shorthand_payloads_are_read_as_the_payloads_they_stand_for() -> None:
    event = read_event(
        {
            **EVENT,
            "activityTaskCompletedEventAttributes": {
                "result": [{"a": 1}, None, "x", {"_protoMessageType": "my.Thing", "b": 2}]
            },
        }
    )
    assert event.attributes.result == (
        Payload(metadata={"encoding": b"json/plain"}, data=b'{"a":1}'),
        Payload(metadata={"encoding": b"binary/null"}),
        Payload(metadata={"encoding": b"json/plain"}, data=b'"x"'),
        Payload(metadata={"encoding": b"json/protobuf", "messageType": b"my.Thing"}, data=b'{"b":2}'),
    )


def test_a_history_is_written_as_temporal_writes_it() -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b'"hi"')
    history = History(
        events=(
            HistoryEvent(
                event_id=1,
                event_time=1_700_000_000_500_000_000,
                event_type=EventType.WORKFLOW_EXECUTION_STARTED,
                task_id=1048587,
                attributes=WorkflowExecutionStarted(
                    attempt=1, input=(payload,), workflow_task_timeout=10_000_000_000, header=Header()
                ),
            ),
            HistoryEvent(
                event_id=2,
                event_type=EventType.MARKER_RECORDED,
                attributes=MarkerRecorded(marker_name="core_patch", details={"patch-data": (payload,)}),
            ),
        )
    )
    written = {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "ImhpIg=="}
    assert json.loads(write_history(history)) == {
        "events": [
            {
                "eventId": "1",
                "eventTime": "2023-11-14T22:13:20.500Z",
                "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
                "taskId": "1048587",
                "workflowExecutionStartedEventAttributes": {
                    "input": {"payloads": [written]},
                    "workflowTaskTimeout": "10s",
                    "attempt": 1,
                    "header": {},
                },
            },
            {
                "eventId": "2",
                "eventTime": "1970-01-01T00:00:00Z",
                "eventType": "EVENT_TYPE_MARKER_RECORDED",
                "markerRecordedEventAttributes": {
                    "markerName": "core_patch",
                    "details": {"patch-data": {"payloads": [written]}},
                },
            },
        ]
    }


def test_half_a_surrogate_pair_can_be_written() -> None:
    text = write_history(read_history('{"events": [{"someText": "\\ud800"}]}'))
    assert text.encode("utf-8")
    assert read_history(text).events[0].unknown["someText"] == "\ud800"


def test_the_workflow_id_is_taken_from_the_first_event() -> None:
    attributes = {"workflowId": "order-1"}
    event = {**EVENT, "eventType": 1, "workflowExecutionStartedEventAttributes": attributes}
    assert read_history([event]).workflow_id == "order-1"


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800 * 10**9),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_800 * 10**9 - 1),
    ],
)
def test_a_timestamp_is_read_to_the_nanosecond(text: str, expected_ns: int) -> None:
    assert read_timestamp(text) == expected_ns
    assert read_timestamp(write_timestamp(expected_ns)) == expected_ns


@given(st.integers(-62_135_596_800 * 10**9, 253_402_300_800 * 10**9 - 1))
def test_any_timestamp_comes_back(time_ns: int) -> None:
    assert read_timestamp(write_timestamp(time_ns)) == time_ns


@given(st.integers(-(10**18), 10**18))
def test_any_duration_comes_back(duration_ns: int) -> None:
    assert read_duration(write_duration(duration_ns)) == duration_ns


@given(st.binary())
def test_any_bytes_come_back_from_every_form_of_base64(data: bytes) -> None:
    text = write_bytes(data)
    for form in (text, text.rstrip("="), text.replace("+", "-").replace("/", "_"), text + "\n"):
        assert read_bytes(form) == data
