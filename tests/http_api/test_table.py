"""The table of operations: complete, unambiguous, and the same in both directions."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.edge_adapter.api import temporal_kinds as kinds
from temporal_do.edge_adapter.api.handler import read_parameters
from temporal_do.edge_adapter.api.http import read_query, split_target
from temporal_do.edge_adapter.api.kinds import every_part
from temporal_do.edge_adapter.api.operations import every_operation, find_operations, operation_of
from temporal_do.edge_adapter.api.table import PREFIX, Operation, Place, read_segment, write_segment
from temporal_do.edge_adapter.remote.host import write_request
from temporal_do.runtime import RetryPolicy
from temporal_do.runtime.history import Failure, Memo, Payload
from temporal_do.runtime.history.scalars import Bad
from temporal_do.runtime.keys import schedule_key, workflow_key
from temporal_do.runtime.messages.workflow import StartWorkflow, UpdateWorkflow
from temporal_do.runtime.schedules.messages import UpdateSchedule
from temporal_do.runtime.search_attributes import encode_search_attributes

OPERATIONS = every_operation()

# What a message can say and a client over HTTP cannot, and why.
NOT_OFFERED = {
    "StartWorkflow.run_id": "the server proposes it",
    "StartWorkflow.header": "clients send none",
    "StartWorkflow.parent": "from a workflow only",
    "StartWorkflow.schedule_key": "from a schedule only",
    "SignalWorkflow.signal": "its members are the request's",
    "SignalWorkflow.child_of_run_id": "from a workflow only",
    "SignalWorkflow.reply_to": "from a workflow only",
    "SignalWorkflow.reply_run_id": "from a workflow only",
    "SignalWorkflow.reply_initiated_event_id": "from a workflow only",
    "RequestCancelWorkflow.external_execution": "from a workflow only",
    "RequestCancelWorkflow.child_of_run_id": "from a workflow only",
    "RequestCancelWorkflow.reply_to": "from a workflow only",
    "RequestCancelWorkflow.reply_run_id": "from a workflow only",
    "RequestCancelWorkflow.reply_initiated_event_id": "from a workflow only",
    "TerminateWorkflow.child_of_run_id": "from a workflow only",
    "QueryWorkflow.header": "clients send none",
    "UpdateWorkflow.header": "clients send none",
    "ResetWorkflow.new_run_id": "the server proposes it",
}
# What a reply can say and an answer over HTTP does not, and why.
NOT_ANSWERED = {
    "HistoryReply.archived": "the server reads the archive itself",
    "SignalToStartWith.header": "clients send none",
    "SignalToStartWith.external_execution": "from a workflow only",
}


def test_every_attribute_of_a_message_is_carried_or_left_out_for_a_reason() -> None:
    missing = {
        f"{row.message.__name__}.{field.name}"
        for row in OPERATIONS
        for field in attrs.fields(row.message)
        if field.name not in {each.attribute for each in row.fields if each.place is not Place.NOWHERE}
    }
    assert missing == set(NOT_OFFERED)


def test_every_attribute_of_what_is_answered_is_shown_or_left_out_for_a_reason() -> None:
    from temporal_do.runtime.records import find_record

    missing = set()
    for row in OPERATIONS:
        for kind in [row.reply, *(field.kind for field in row.fields)]:
            for part in every_part(kind):
                name = part.component.removesuffix("InReply")
                if "properties" not in part.schema or name in ("Failure", "HistoryEvent", "RetryPolicy"):
                    continue
                cls = find_record("SignalInput" if name == "SignalToStartWith" else name)
                if len(attrs.fields(cls)) != len(part.schema["properties"]):
                    shown = {_snake(each) for each in part.schema["properties"]}
                    names = {
                        field.name.removesuffix("_ns").removesuffix("_time") for field in attrs.fields(cls)
                    }
                    missing |= {f"{name}.{each}" for each in names - shown}
    assert missing == set(NOT_ANSWERED)


def _snake(name: str) -> str:
    text = "".join("_" + each.lower() if each.isupper() else each for each in name)
    return text.removesuffix("_time")


def test_every_route_leads_to_its_row_and_to_no_other() -> None:
    for row in OPERATIONS:
        segments = ["x" if part.startswith("{") else part for part in row.segments]
        assert find_operations(segments)[row.method] is row
        fits = [
            other
            for other in OPERATIONS
            if other.method == row.method
            and len(other.segments) == len(segments)
            and all(o.startswith("{") or o == s for o, s in zip(other.segments, segments, strict=True))
        ]
        assert fits == [row]


def test_every_path_names_its_path_fields_and_only_those() -> None:
    for row in OPERATIONS:
        named = [part[1:-1] for part in row.segments if part.startswith("{")]
        assert named == [field.name for field in row.fields if field.place is Place.PATH], row.name
        assert len({field.name for field in row.fields}) == len(row.fields)
        assert row.method in ("GET", "POST", "PUT", "DELETE")
        assert not (row.method == "GET" and row.has_body)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_a_segment_of_a_path_says_what_was_meant(value: str) -> None:
    written = write_segment(value)
    assert read_segment(written) == value
    assert written not in (".", "..")
    assert set(written) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%")


@pytest.mark.parametrize("value", [".", "..", "~", "~~", "~.", "/", "%2F", "a b", "#" + "0" * 40, "\n"])
def test_a_strange_segment_says_what_was_meant(value: str) -> None:
    assert read_segment(write_segment(value)) == value


def through(operation: Operation, receiver: str, message: Any) -> Any:
    """What the server makes of the request that the client makes of a message."""

    class NoHost:
        def entropy(self, size: int) -> bytes:
            return bytes(size)

    parameters = operation.receiver.read_key(receiver)
    assert parameters is not None
    parameters.update(operation.take_parameters(message))
    target, body = write_request(operation, parameters)
    path, query = split_target(target)
    segments = path.removeprefix(PREFIX + "/").split("/")
    assert find_operations(segments)[operation.method] is operation
    read: Any = NoHost()
    found = read_parameters(read, operation, segments, read_query(query), json.loads(body or b"{}"))
    assert operation.receiver.key(found) == receiver
    return operation.make_message(found)


payloads = st.lists(
    st.builds(
        Payload,
        metadata=st.dictionaries(st.just("encoding"), st.binary(max_size=8)),
        data=st.binary(max_size=20),
    ),
    max_size=3,
).map(tuple)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
durations = st.none() | st.integers(1, 10**9).map(lambda ms: ms * 1_000_000)
memos = st.none() | st.builds(Memo, fields=st.dictionaries(texts, payloads.filter(len).map(lambda p: p[0])))
searches = st.dictionaries(
    texts,
    texts
    | st.integers()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(texts),
).map(encode_search_attributes)
retries = st.none() | st.builds(
    lambda first, factor, attempts, names: RetryPolicy(
        initial_interval=timedelta(milliseconds=first),
        backoff_coefficient=factor,
        maximum_attempts=attempts,
        non_retryable_errors=names,
    ).to_record(),
    st.integers(1, 10**6),
    st.floats(1, 100),
    st.integers(0, 2**31 - 1),
    st.lists(texts, max_size=2),
)


@given(
    st.builds(
        StartWorkflow,
        request_id=texts,
        run_id=st.just("00000000-0000-4000-8000-000000000000"),
        namespace=texts,
        workflow_id=texts,
        workflow_type=texts,
        task_queue=texts,
        input=payloads,
        execution_timeout_ns=durations,
        run_timeout_ns=durations,
        retry_policy=retries,
        memo=memos,
        search_attributes=searches,
        start_delay_ns=durations.map(lambda given: given or 0),
        identity=texts,
    )
)
def test_a_start_arrives_as_it_was_sent(message: StartWorkflow) -> None:
    operation = operation_of(message)
    assert operation is not None
    assert through(operation, workflow_key(message.namespace, message.workflow_id), message) == message


@given(texts, texts, payloads, texts)
def test_an_update_arrives_as_it_was_sent(workflow_id: str, name: str, args: Any, update_id: str) -> None:
    message = UpdateWorkflow(update_id=update_id, name=name, args=args, identity="me", wait_for="accepted")
    operation = operation_of(message)
    assert operation is not None
    assert through(operation, workflow_key("n|s", workflow_id), message) == message


@pytest.mark.parametrize("remaining", [None, -1, 0, 5])
def test_an_update_of_a_schedule_tells_no_limit_from_no_change(remaining: int | None) -> None:
    from temporal_do.runtime.schedules.messages import ScheduleDefinition, WorkflowToStart
    from temporal_do.runtime.schedules.spec import make_spec
    from temporal_do.runtime.schedules.state import SchedulePolicies

    message = UpdateSchedule(
        request_id="r",
        expected_version=1,
        definition=ScheduleDefinition(
            spec=make_spec(cron="0 9 * * *", jitter="5m"),
            policies=SchedulePolicies(),
            action=WorkflowToStart(workflow_type="w", task_queue="q"),
            workflow_id_base="s",
        ),
        remaining_actions=remaining,
    )
    operation = operation_of(message)
    assert operation is not None
    assert through(operation, schedule_key("n", "s"), message) == message


@pytest.mark.parametrize("length", [390, 400, 401, 1_000])
def test_an_object_with_a_long_name_is_reached_by_its_hash(length: int) -> None:
    from temporal_do.runtime.messages.workflow import DescribeWorkflow

    for letter in ("a", "ü", "/"):
        for key in (workflow_key("n", letter * length), workflow_key(letter * length, "w")):
            message = DescribeWorkflow(run_id="r")
            operation = operation_of(message)
            assert operation is not None
            assert through(operation, key, message) == message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_no_kind_of_value_raises_anything_but_bad(value: Any) -> None:
    for row in OPERATIONS:
        for kind in [field.kind for field in row.fields]:
            try:
                kind.read(value)
            except Bad as bad:
                assert bad.reason


@given(json_values)
def test_a_payload_is_read_and_written_as_itself(value: Any) -> None:
    try:
        payload = kinds.PAYLOAD.read(value)
    except Bad:
        return
    written = kinds.PAYLOAD.write(payload)
    assert kinds.PAYLOAD.read(written) == payload
    assert kinds.PAYLOAD_OUT.read(written) == payload


def test_a_failure_keeps_what_it_is_made_of() -> None:
    failure = Failure(message="a", cause=Failure(message="b", stack_trace="c"))
    assert kinds.FAILURE.read(json.loads(json.dumps(kinds.FAILURE.write(failure)))) == failure


def test_the_page_lists_every_operation() -> None:
    import re
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")
    listed = re.findall(r"^\| (\w+) \| `([A-Z]+) (/\S+)` \|$", page, re.MULTILINE)
    assert sorted(listed) == sorted((row.name, row.method, row.path) for row in OPERATIONS)


def test_the_page_names_every_code() -> None:
    from pathlib import Path

    from temporal_do.edge_adapter.api.problems import CODES

    page = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")
    for row in CODES.values():
        assert f"`{row.code}`" in page
