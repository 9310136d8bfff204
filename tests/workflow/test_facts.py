"""What a workflow can ask about itself, and what it can record: side effects, patches, properties."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from temporal_do.runtime.commands import (
    CompleteWorkflow,
    ContinueAsNew,
    ModifyProperties,
    RecordMarker,
    UpsertSearchAttributes,
)
from temporal_do.runtime.durations import HOUR
from temporal_do.runtime.errors import InvalidArgumentError

from .activities import charge
from .conftest import Start
from .history_builder import START_NS


def test_info_tells_about_the_run(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        info = ctx.info
        first = info.history_length
        await ctx.activity("charge", charge, 1)
        return [
            info.workflow_id,
            info.run_id,
            info.first_run_id,
            info.workflow_type,
            info.task_queue,
            info.namespace,
            info.attempt,
            info.parent_workflow_id,
            [first, info.history_length],
            info.suggest_continue_as_new,
            info.cancel_requested,
            info.start_time.isoformat(),
        ]

    run = start(workflow)
    run.commands()
    run.complete_activity("charge", "ok")
    run.commands()
    began = datetime.fromtimestamp(START_NS / 1e9, UTC).isoformat()
    expected = ["wf-1", "run-1", "run-1", "test-workflow", "orders", "default", 1, None]
    assert run.result() == [*expected, [3, 9], False, False, began]


def test_random_numbers_and_uuids_are_the_same_in_every_replay(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        found = [ctx.random.random(), str(ctx.uuid4()), ctx.random.randint(1, 6)]
        await ctx.activity("charge", charge, 1)
        return [*found, ctx.random.random(), str(ctx.uuid4())]

    results = []
    for _ in range(2):
        run = start(workflow)
        run.commands()
        run.complete_activity("charge", "ok")
        run.commands()
        results.append(run.result())
    assert results[0] == results[1]
    assert results[0][0] != results[0][3]


def test_drawing_from_one_stream_does_not_shift_another(start: Start) -> None:
    async def one(ctx: Any) -> Any:
        return str(ctx.uuid4())

    async def other(ctx: Any) -> Any:
        ctx.random.random()
        return str(ctx.uuid4())

    runs = [start(one), start(other)]
    for run in runs:
        run.commands()
    assert runs[0].result() == runs[1].result()


def test_another_run_draws_other_numbers(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return str(ctx.uuid4())

    runs = [start(workflow), start(workflow, run_id="run-2")]
    for run in runs:
        run.commands()
    assert runs[0].result() != runs[1].result()


def test_a_side_effect_is_called_once_and_recorded(start: Start) -> None:
    calls: list[int] = []

    def draw() -> int:
        calls.append(1)
        return 42

    async def workflow(ctx: Any) -> Any:
        value = ctx.side_effect(draw)
        await ctx.activity("charge", charge, value)
        return [value, ctx.side_effect(lambda: "second")]

    run = start(workflow)
    marker = run.commands()[0]
    assert isinstance(marker, RecordMarker)
    assert marker.marker_name == "SideEffect"
    run.complete_activity("charge", "ok")
    run.commands()
    assert run.result() == [42, "second"]
    assert len(calls) == 1


@pytest.mark.parametrize("function", [12, lambda: charge(1)])
def test_a_side_effect_is_a_plain_function(start: Start, function: Any) -> None:
    async def workflow(ctx: Any) -> Any:
        ctx.side_effect(function)

    with pytest.raises(InvalidArgumentError):
        start(workflow).commands()


def test_a_patch_is_true_for_new_runs_and_recorded_once(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        found = [ctx.patched("p"), ctx.patched("p")]
        await ctx.activity("charge", charge, 1)
        return [*found, ctx.patched("p")]

    run = start(workflow)
    markers = [command for command in run.commands() if isinstance(command, RecordMarker)]
    assert [marker.marker_name for marker in markers] == ["core_patch"]
    assert markers[0].details["patch-data"][0].data == b'{"id":"p","deprecated":false}'
    run.complete_activity("charge", "ok")
    run.commands()
    assert run.result() == [True, True, True]


def test_a_deprecated_patch_is_recorded_as_such(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        ctx.deprecate_patch("p")

    marker = start(workflow).commands()[0]
    assert isinstance(marker, RecordMarker)
    assert marker.details["patch-data"][0].data == b'{"id":"p","deprecated":true}'


def test_search_attributes_carry_their_type(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        ctx.upsert_search_attributes({"Customer": "c1", "Amount": 12, "Tags": ["a", "b"]})
        ctx.upsert_search_attributes({"Amount": None})
        return dict(ctx.info.search_attributes)

    run = start(workflow)
    command = run.commands()[0]
    assert isinstance(command, UpsertSearchAttributes)
    fields = command.search_attributes.indexed_fields
    assert [fields[name].metadata["type"] for name in fields] == [b"Keyword", b"Int", b"KeywordList"]
    assert run.result() == {"Customer": "c1", "Tags": ["a", "b"]}


def test_the_memo_can_be_changed(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        ctx.upsert_memo({"note": "a", "other": 1})
        ctx.upsert_memo({"other": None})
        return dict(ctx.info.memo)

    run = start(workflow)
    assert isinstance(run.commands()[0], ModifyProperties)
    assert run.result() == {"note": "a"}


def test_continue_as_new_ends_the_run(start: Start) -> None:
    async def workflow(ctx: Any, round: int = 0) -> Any:
        await ctx.sleep("wait", "1m")
        ctx.continue_as_new(round + 1, run_timeout="1h")

    run = start(workflow, 4)
    run.commands()
    run.fire_timer("wait")
    command = run.commands()[-1]
    assert isinstance(command, ContinueAsNew)
    assert (command.workflow_type, command.task_queue) == ("test-workflow", "orders")
    assert command.run_timeout_ns == HOUR
    assert [payload.data for payload in command.input] == [b"5"]


def test_continue_as_new_may_name_another_workflow(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        ctx.continue_as_new("x", workflow="other", task_queue="elsewhere")

    command = start(workflow).commands()[0]
    assert isinstance(command, ContinueAsNew)
    assert (command.workflow_type, command.task_queue) == ("other", "elsewhere")


def test_no_except_exception_swallows_continue_as_new(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        try:
            ctx.continue_as_new()
        except Exception:
            return "swallowed"

    assert isinstance(start(workflow).commands()[0], ContinueAsNew)


def test_the_logger_is_silent_on_replay(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    async def workflow(ctx: Any) -> Any:
        ctx.logger.info("before")
        await ctx.activity("charge", charge, 1)
        ctx.logger.info("after %s", "charge")

    caplog.set_level(logging.INFO, "temporal_do.workflow")
    run = start(workflow)
    run.commands()
    run.complete_activity("charge", "ok")
    assert isinstance(run.commands()[0], CompleteWorkflow)
    assert [record.getMessage() for record in caplog.records] == ["before", "after charge"]
    assert caplog.records[0].__dict__["workflow"]["workflow_id"] == "wf-1"


def test_what_the_workflow_returns_must_be_serialisable(start: Start) -> None:
    async def workflow(ctx: Any) -> Any:
        return {"when": {1, 2}}

    with pytest.raises(InvalidArgumentError, match="the result of workflow 'test-workflow'"):
        start(workflow).commands()
