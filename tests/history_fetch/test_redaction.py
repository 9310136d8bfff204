"""A redacted history holds nothing of its users' data, whatever they are and wherever they lie."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.edge_adapter.tooling.fetch_folder import FetchError
from temporal_do.edge_adapter.tooling.fetch_paths import Pattern, parse_pattern, render
from temporal_do.edge_adapter.tooling.fetch_payloads import FIELD_NAME, PayloadRedactor
from temporal_do.edge_adapter.tooling.fetch_pseudonyms import Pseudonyms
from temporal_do.edge_adapter.tooling.fetch_redaction import STAY, redact
from temporal_do.runtime.errors import HistoryReadError
from temporal_do.runtime.history import (
    History,
    HistoryEvent,
    Payload,
    WorkflowExecutionStarted,
    WorkflowType,
    read_history,
    read_history_file,
    write_history,
)
from temporal_do.runtime.records import evolve
from temporal_do.runtime.redacted import REDACTED, is_redacted
from tests.history_fetch.canaries import Canaries, contents
from tests.real_histories import corpus_or_skip

PSEUDONYMS = Pseudonyms(b"k" * 32)


def redacted(payload: Payload, *keeps: str) -> Payload:
    """The payload, as the first input of an order."""
    patterns = [parse_pattern(text) for text in keeps]
    return PayloadRedactor(PSEUDONYMS, patterns).payload(payload, ("order", "input", 0))


def of_json(value: Any) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def test_of_every_field_of_every_event_only_what_stays_stays() -> None:
    history = Canaries().history()
    assert "canary" in write_history(history)
    made, places = redact(history, PSEUDONYMS, [])
    found = [
        canary
        for text in contents(write_history(made))
        for canary in re.findall(r"canary\d+:([\w.]+)!", text)
    ]
    fields = {canary.rpartition(".")[2] for canary in found}
    assert fields <= STAY, sorted(fields - STAY)
    of_people = {"message", "stack_trace", "identity", "reason", "cause", "control", "fairness_key"}
    assert not fields & {*of_people, "operation_token", "data", "metadata", "details", "unknown", "links"}
    assert {"workflow_id", "name", "signal_name", "type"} <= fields
    assert not [each for each in places if "canary" in render(each[3:])]
    assert len(made.events) == len(history.events)
    assert [event.event_id for event in made.events] == [event.event_id for event in history.events]
    assert read_history(write_history(made)).events == made.events


def test_every_payload_of_every_event_carries_the_mark() -> None:
    made, _ = redact(Canaries().history(), PSEUDONYMS, [])
    payloads = re.findall(r'"metadata":\{[^}]*\}', write_history(made))
    assert len(payloads) > 50
    assert all(REDACTED in each for each in payloads)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def leaves(value: Any) -> Iterator[str]:
    """The texts in a JSON value, and the keys that are no names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not FIELD_NAME.fullmatch(key):
                yield key
            yield from leaves(item)


def same_shape(value: Any, other: Any) -> bool:
    if isinstance(value, list):
        return isinstance(other, list) and len(value) == len(other) and all(map(same_shape, value, other))
    if isinstance(value, dict):
        return (
            isinstance(other, dict)
            and len(value) == len(other)
            and all(map(same_shape, value.values(), other.values()))
        )
    if value is None or isinstance(value, bool):
        return value is other
    return type(value) is type(other)


@given(JSON)
def test_json_keeps_its_shape_and_none_of_its_texts(value: Any) -> None:
    made = redacted(of_json(value))
    after = json.loads(made.data)
    assert same_shape(value, after)
    assert is_redacted(made) and made.metadata["encoding"] == b"json/plain"
    here = list(leaves(after))
    for text in leaves(value):
        if text and not re.fullmatch(r"[+-]?[0.]+([eE][+-]?\d+)?", text):
            assert text not in here
            if len(text) > 10:
                assert text.encode() not in made.data


@given(JSON)
def test_what_is_kept_whole_is_left_as_it_was(value: Any) -> None:
    assert redacted(of_json(value), "order.input") == of_json(value)
    assert redacted(of_json(value), "*.input[0]") == of_json(value)
    assert json.loads(redacted(of_json([value, 1]), "order.input[*][0]").data)[0] == value


def test_only_what_is_named_is_kept() -> None:
    value = {
        "id": "o-17",
        "items": [{"sku": "A9", "by": "ada"}, {"sku": "B7", "by": "ben"}],
        "o dd": {"x": "y"},
    }
    made = json.loads(redacted(of_json(value), "order.input[0].items[*].sku", "order.input[0].id").data)
    assert made["id"] == "o-17"
    assert [item["sku"] for item in made["items"]] == ["A9", "B7"]
    assert "ada" not in str(made) and "o dd" not in made
    made = json.loads(redacted(of_json(value), 'order.input[0]["o dd"].x', "order.input[0].items[1]").data)
    assert made["items"][1] == value["items"][1]
    assert [item for item in made.values() if item == {"x": "y"}] and "o dd" not in made
    assert json.loads(redacted(of_json(value), "other.input[0]", "order.input[1]").data)["id"] != "o-17"


def test_equal_values_stay_equal_wherever_they_are() -> None:
    first = json.loads(redacted(of_json({"customer": "ada", "amount": 1750})).data)
    second = json.loads(redacted(of_json(["ada", {"ada lovelace": 1750, "ada!": "ada!"}])).data)
    assert first["customer"] == second[0] != second[1]
    assert first["amount"] in second[1].values()
    assert all(key == value for key, value in list(second[1].items())[1:])


@pytest.mark.parametrize(
    "metadata, data",
    [
        ({"encoding": b"binary/plain"}, b"a secret of bytes \xff\x00"),
        ({"encoding": b"binary/encrypted", "encryption-key-id": b"secret key id"}, b"a secret, encrypted"),
        ({"encoding": b"a secret encoding!"}, b"a secret"),
        ({}, b"a secret"),
        ({"encoding": b"json/plain"}, b'{"a": "secret", '),
        ({"encoding": b"json/plain"}, b'"a secret" \xff'),
        ({"encoding": b"json/plain"}, b"[" * 100_000 + b'"a secret"' + b"]" * 100_000),
        ({"encoding": b"json/plain"}, b"9" * 5_000),
        ({"encoding": b"json/protobuf", "messageType": b"a.B"}, b'{"a": "secret"}'),
        ({"encoding": b"binary/protobuf", "messageType": b"a.B"}, b"\x0a\x06secret"),
        ({"encoding": b"json/plain"}, '"a secret in UTF-16"'.encode("utf-16")),
        ({"encoding": b"json/plain"}, b'"\\ud800 a secret"'),
        ({"encoding": b"json/plain"}, json.dumps("secret " * 300_000).encode()),
        ({"encoding": b"json/plain", "secret": b"secret"}, b'{"a":"secret","a":"secret","\\u0000":"secret"}'),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_of_other_encodings_nothing_stays(metadata: dict[str, bytes], data: bytes) -> None:
    made = redacted(Payload(metadata=metadata, data=data))
    assert is_redacted(made) and len(made.data) < 150
    for part in (made.data, *made.metadata.values(), *(name.encode() for name in made.metadata)):
        assert b"secret" not in part and b"9999" not in part
    if metadata.get("encoding") == b"json/protobuf":
        assert made.metadata["messageType"] == b"a.B"


def test_nothing_stays_nothing() -> None:
    assert redacted(Payload(metadata={"encoding": b"binary/null"})).data == b""
    value = {"a": None, "b": True, "c": "", "d": [], "e": {}, "f": 0, "g": False}
    assert json.loads(redacted(of_json(value)).data) == value


def test_texts_of_failures_are_replaced_and_their_kinds_stay() -> None:
    history = read_history(
        {
            "events": [
                _started(),
                {
                    "eventId": "2",
                    "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_FAILED",
                    "workflowExecutionFailedEventAttributes": {
                        "failure": {
                            "message": "card 4242 of lovelace",
                            "stackTrace": "File lovelace.py",
                            "source": "PythonSDK",
                            "applicationFailureInfo": {"type": "CardError", "nonRetryable": True},
                            "cause": {"message": "inner of lovelace", "timeoutFailureInfo": {}},
                        }
                    },
                },
            ]
        }
    )
    made, places = redact(history, PSEUDONYMS, [])
    text = " ".join(contents(write_history(made)))
    assert "lovelace" not in text and "4242" not in text
    assert "CardError" in text and "PythonSDK" in text
    assert "order.failure.message" in map(render, places)
    kept, _ = redact(history, PSEUDONYMS, [parse_pattern("order.failure.message")])
    failure = kept.events[1].attributes.failure
    assert failure.message == "card 4242 of lovelace" and failure.encoded_attributes is None
    assert failure.stack_trace == ""


def _started() -> dict[str, Any]:
    return {
        "eventId": "1",
        "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
        "workflowExecutionStartedEventAttributes": {"workflowType": {"name": "order"}},
    }


PATHS = st.lists(st.none() | st.integers(0, 10**6) | st.text(), min_size=2, max_size=6).map(tuple)


@given(PATHS)
def test_a_path_that_is_written_is_read_back(pattern: Pattern) -> None:
    assert parse_pattern(render(pattern)) == pattern


@pytest.mark.parametrize(
    "text", ["", "order", "order.", ".input", "order..x", "order.input[", "order.input[-1]", "a b.c", 'a["x]']
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(FetchError, match="is no path"):
        parse_pattern(text)


def test_an_activity_s_name_may_hold_anything() -> None:
    pattern = parse_pattern('order.activity["shop.pay: card"].result[0].id')
    assert pattern == ("order", "activity", "shop.pay: card", "result", 0, "id")


def test_a_history_without_a_beginning_is_redacted_too() -> None:
    event = HistoryEvent(event_id=1, event_type="EVENT_TYPE_X", unknown={"a": "secret"})
    assert "secret" not in write_history(redact(History(events=(event,)), PSEUDONYMS, [])[0])
    assert redact(History(), PSEUDONYMS, []) == (History(), [])
    named = WorkflowExecutionStarted(workflow_type=WorkflowType(name="order"), identity="me@secret")
    event = HistoryEvent(event_id=1, event_type="EVENT_TYPE_WORKFLOW_EXECUTION_STARTED", attributes=named)
    assert "secret" not in write_history(redact(History(events=(event,)), PSEUDONYMS, [])[0])


def test_real_histories_of_other_sdks_stay_readable() -> None:
    count = 0
    for path in corpus_or_skip():
        try:
            history = read_history_file(path)
        except HistoryReadError:
            continue
        made, _ = redact(history, PSEUDONYMS, [])
        again = read_history(write_history(made))
        assert [event.event_type for event in again.events] == [event.event_type for event in history.events]
        count += 1
    assert count > 100


def test_keys_that_look_like_names_are_replaced_where_they_are_data() -> None:
    value = {"shares": {"ada": 5, "ben": 7}, "by": "ada"}
    history = read_history({"events": [_started()]})
    first = history.events[0]
    attributes = evolve(first.attributes, input=(of_json(value),))
    history = History(events=(evolve(first, attributes=attributes),))
    left, _ = redact(history, PSEUDONYMS, [])
    assert list(json.loads(left.events[0].attributes.input[0].data)["shares"]) == ["ada", "ben"]
    made, places = redact(history, PSEUDONYMS, [], [parse_pattern("order.input[0].shares")])
    found = json.loads(made.events[0].attributes.input[0].data)
    assert list(found) == ["shares", "by"] and found["by"] in found["shares"]
    assert "ada" not in found["shares"] and "ben" not in found["shares"]
    assert "order.input[0].shares" in map(render, places)
