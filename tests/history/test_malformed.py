"""What is not a history is refused: always with HistoryReadError, naming the place and the reason."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.errors import HistoryReadError
from temporal_do.runtime.history import (
    EventType,
    History,
    HistoryEvent,
    TimerFired,
    TimerStarted,
    WorkflowExecutionStarted,
    check_history,
    read_event,
    read_history,
    read_history_file,
)

GOOD = json.loads((Path(__file__).parent / "data" / "helloworld.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"\x00\xff\xfe\x80", "is not text in UTF-8 (byte 1)"),
        (gzip.compress(b"{}", mtime=0), "compressed with gzip"),
        (b'{"events": [{"eventId": "1", "event', "is cut off"),
        (b'{"events": [', "is cut off"),
        (b'{"events": [}', "is not JSON: "),
        (b"hello", "is not JSON: "),
        (b"42", "expected a list of events, found 42"),
        (b"null", "expected a list of events, found null"),
        (b"{}", "has no 'events'"),
        (b'{"events": {}}', "expected a list of events, found an object"),
        (b'{"events": [3]}', "expected an event, found 3"),
        (b'{"events": [], "nextPageToken": "abc"}', "only one page"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"events": [{"eventId": "1", "x": ' + b"[" * 100_000, "nested too deeply"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_a_file_that_is_no_history_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(content)
    with pytest.raises(HistoryReadError) as caught:
        read_history_file(path)
    assert caught.value.file == str(path)
    assert reason in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryReadError, match="nowhere.json: cannot be opened: No such file"):
        read_history_file(tmp_path / "nowhere.json")


def test_a_folder_is_not_a_history(tmp_path: Path) -> None:
    with pytest.raises(HistoryReadError, match="cannot be opened"):
        read_history_file(tmp_path)


@pytest.mark.parametrize(
    ("attributes", "position", "reason"),
    [
        ({"timerId": 5}, "timerId", "expected text, found 5"),
        ({"timerId": ["5"]}, "timerId", "expected text, found a list"),
        (
            {"startToFireTimeout": "5m"},
            "startToFireTimeout",
            "expected a duration such as '1.5s', found '5m'",
        ),
        ({"startToFireTimeout": 5}, "startToFireTimeout", "expected a duration"),
        ({"workflowTaskCompletedEventId": "x"}, "workflowTaskCompletedEventId", "expected a whole number"),
        ({"workflowTaskCompletedEventId": True}, "workflowTaskCompletedEventId", "expected a whole number"),
        ({"workflowTaskCompletedEventId": 1.5}, "workflowTaskCompletedEventId", "expected a whole number"),
        ({"workflowTaskCompletedEventId": 2**63}, "workflowTaskCompletedEventId", "out of range"),
        ("TimerStarted", "", "expected an object, found 'TimerStarted'"),
    ],
)
def test_a_bad_field_is_named_with_its_event(attributes: Any, position: str, reason: str) -> None:
    event = {"eventId": "7", "eventType": "TimerStarted", "timerStartedEventAttributes": attributes}
    with pytest.raises(HistoryReadError) as caught:
        read_history({"events": [event]}, file="f.json")
    place = f"timerStartedEventAttributes.{position}".rstrip(".")
    assert caught.value.position == f"events[0] (event 7 TimerStarted), {place}"
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("eventTime", "yesterday", "expected a time"),
        ("eventTime", "2024-02-30T00:00:00Z", "expected a time"),
        ("eventTime", "2024-02-03T25:00:00Z", "no such time of day"),
        ("eventType", ["x"], "expected the name of a EventType"),
        ("workerMayIgnore", "yes", "expected true or false"),
        ("userMetadata", {"summary": {"data": "%%%"}}, "expected base64 text"),
        ("links", {}, "expected a list"),
    ],
)
def test_a_bad_field_of_the_event_itself_is_named(field: str, value: Any, reason: str) -> None:
    with pytest.raises(HistoryReadError) as caught:
        read_event({"eventId": 1, field: value})
    assert caught.value.position.startswith(field)
    assert reason in caught.value.reason


def test_two_sets_of_attributes_are_refused() -> None:
    event = {"eventId": 1, "timerStartedEventAttributes": {}, "timerFiredEventAttributes": {}}
    with pytest.raises(HistoryReadError, match="two sets of attributes"):
        read_event(event)


@given(data=st.data())
def test_whatever_is_put_into_a_history_it_is_read_or_refused(data: st.DataObject) -> None:
    """One value somewhere in a good history is replaced by any JSON value."""
    history = copy.deepcopy(GOOD)
    junk = data.draw(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.integers(), max_size=2)
        | st.dictionaries(st.text(max_size=5), st.integers(), max_size=2)
    )
    target: Any = history
    while True:
        key = data.draw(st.sampled_from(sorted(target) if isinstance(target, dict) else range(len(target))))
        if isinstance(target[key], (dict, list)) and target[key] and data.draw(st.integers(0, 4)):
            target = target[key]
            continue
        target[key] = junk
        break
    try:
        assert isinstance(read_history(history), History)
    except HistoryReadError as error:
        assert error.reason


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    try:
        assert isinstance(read_history(content), History)
    except HistoryReadError as error:
        assert error.fault == "history"


def started() -> HistoryEvent:
    return HistoryEvent(
        event_id=1, event_type=EventType.WORKFLOW_EXECUTION_STARTED, attributes=WorkflowExecutionStarted()
    )


def timer(event_id: int) -> HistoryEvent:
    return HistoryEvent(event_id=event_id, event_type=EventType.TIMER_STARTED, attributes=TimerStarted())


def fired(event_id: int, started_event_id: int) -> HistoryEvent:
    attributes = TimerFired(started_event_id=started_event_id)
    return HistoryEvent(event_id=event_id, event_type=EventType.TIMER_FIRED, attributes=attributes)


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((), "has no events"),
        ((started(), timer(3)), "the event id is 3 instead of 2"),
        ((timer(0),), "the event id is 0 instead of 1"),
        ((timer(1),), "the first event is not EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"),
        ((started(), timer(2), fired(3, 1)), "started_event_id 1 names an event of type"),
        ((started(), fired(2, 3), timer(3)), "started_event_id 3 does not name an earlier event"),
        ((started(), fired(2, 2)), "started_event_id 2 does not name an earlier event"),
        (
            (
                started(),
                HistoryEvent(event_id=2, event_type=EventType.TIMER_FIRED, attributes=TimerStarted()),
            ),
            "those of another event type (TimerStarted)",
        ),
        ((started(), HistoryEvent(event_id=2, event_type=EventType.TIMER_FIRED)), "has no attributes"),
    ],
)
def test_a_history_that_does_not_hang_together_is_refused(
    events: tuple[HistoryEvent, ...], reason: str
) -> None:
    with pytest.raises(HistoryReadError) as caught:
        check_history(History(events=events))
    assert reason in caught.value.reason


def test_a_history_that_hangs_together_passes() -> None:
    assert check_history(History(events=(started(), timer(2), fired(3, 2)))) is None


def test_a_history_may_begin_in_the_middle() -> None:
    assert check_history(History(events=(timer(5), fired(6, 5), fired(7, 3)))) is None
