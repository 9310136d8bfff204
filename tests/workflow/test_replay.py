"""Replay of whole histories: through Temporal's JSON, of many events, of strange ends."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_do.runtime.definitions import define_workflow
from temporal_do.runtime.errors import HistoryReadError
from temporal_do.runtime.history import (
    History,
    WorkflowExecutionTerminated,
    read_history,
    write_history,
)
from temporal_do.runtime.workflow.replay import replay_history

from .activities import charge, validate
from .history_builder import NullGuard, WorkflowTester


async def many(ctx: Any, rounds: int) -> Any:
    for number in range(rounds):
        await ctx.activity("charge", charge, number)
        await ctx.sleep("pause", "5m")
    return rounds


MANY = define_workflow("many", many)


def history_of(rounds: int) -> History:
    run = WorkflowTester(MANY, rounds)
    for number in range(rounds):
        run.commands()
        run.complete_activity("charge", f"receipt {number}")
        run.commands()
        run.fire_timer("pause")
    run.commands()
    return run.history()


def test_a_long_history_replays() -> None:
    history = history_of(300)
    assert len(history.events) > 3000
    result = replay_history(history, [MANY], guard=NullGuard())
    assert (result.ok, result.events) == (True, len(history.events))


def test_a_history_that_went_through_json_replays() -> None:
    history = read_history(write_history(history_of(3)))
    assert replay_history(history, [MANY], guard=NullGuard()).ok


def test_a_change_in_the_middle_of_a_long_history_is_found_there() -> None:
    async def changed(ctx: Any, rounds: int) -> Any:
        for number in range(rounds):
            await ctx.activity("charge", charge, number if number != 20 else -1)
            await ctx.sleep("pause", "5m")

    error = replay_history(history_of(40), [define_workflow("many", changed)], guard=NullGuard()).error
    assert error is not None
    assert error.fields["event_id"] == 5 + 20 * 11
    assert len(error.fields["before"]) == 3


def test_a_terminated_history_replays_to_its_end() -> None:
    run = WorkflowTester(MANY, 5)
    run.commands()
    run.add(WorkflowExecutionTerminated(reason="enough"))
    result = replay_history(run.history(), [MANY], guard=NullGuard())
    assert result.ok
    assert result.events == len(run.events)


@pytest.mark.parametrize("first", [0, 1])
def test_what_is_no_history_is_refused(first: int) -> None:
    events = history_of(1).events
    history = History(events=events[1:3] if first else ())
    error = replay_history(history, [MANY], guard=NullGuard()).error
    assert isinstance(error, HistoryReadError)
    assert "WorkflowExecutionStarted" in str(error)


def test_a_history_whose_events_contradict_each_other_is_not_blamed_on_the_code() -> None:
    events = list(history_of(2).events)
    fired = next(index for index, event in enumerate(events) if event.event_type.endswith("TIMER_FIRED"))
    events.insert(fired, events[fired])
    error = replay_history(History(events=tuple(events)), [MANY], guard=NullGuard()).error
    assert isinstance(error, HistoryReadError)


def test_replaying_leaves_nothing_running() -> None:
    ran: list[str] = []

    async def tidy(ctx: Any) -> Any:
        try:
            await ctx.activity("validate", validate, "x")
        finally:
            ran.append("finally")

    run = WorkflowTester(define_workflow("tidy", tidy))
    run.commands()
    assert replay_history(run.history(), [run.workflow], guard=NullGuard()).ok
    assert ran == ["finally"]
