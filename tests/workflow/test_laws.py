"""Laws of the workflow side, for generated programs under generated servers.

- Dropping the cache before any task changes no command.
- What was recorded replays, whatever the cache did.
- A replay that stops after any event has issued exactly the commands the history records up to there.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from temporal_do.runtime.definitions import define_workflow
from temporal_do.runtime.history import History, WorkflowTaskStarted
from temporal_do.runtime.workflow.replay import replay_history

from .history_builder import NullGuard, WorkflowTester
from .programs import Step, programs, run_step, serve

CHOICES = st.lists(st.integers(0, 11), min_size=1, max_size=40)


def workflow_of(program: Step) -> Any:
    async def workflow(ctx: Any) -> Any:
        log: list[str] = []
        await run_step(ctx, program, log)
        return log

    return define_workflow("generated", workflow)


@settings(deadline=None, max_examples=150)
@given(programs(), CHOICES, st.lists(st.booleans(), min_size=1, max_size=12))
def test_dropping_the_cache_anywhere_changes_nothing(
    program: Step, choices: list[int], drops: list[bool]
) -> None:
    workflow = workflow_of(program)
    kept = WorkflowTester(workflow)
    serve(kept, choices, drops=[False])
    dropped = WorkflowTester(workflow)
    serve(dropped, choices, drops=drops)
    assert kept.issued == dropped.issued
    assert kept.events == dropped.events


@settings(deadline=None, max_examples=100)
@given(programs(), CHOICES)
def test_what_was_recorded_replays(program: Step, choices: list[int]) -> None:
    workflow = workflow_of(program)
    run = WorkflowTester(workflow)
    serve(run, choices, drops=[False])
    result = replay_history(run.history(), [workflow], guard=NullGuard())
    assert result.ok, str(result.error)
    assert result.warnings == ()


@settings(deadline=None, max_examples=40)
@given(programs(), CHOICES, st.integers(0, 1000))
def test_a_history_cut_off_anywhere_replays_and_goes_on_as_recorded(
    program: Step, choices: list[int], cut: int
) -> None:
    workflow = workflow_of(program)
    run = WorkflowTester(workflow)
    serve(run, choices, drops=[False])
    starts = [
        index for index, event in enumerate(run.events) if type(event.attributes) is WorkflowTaskStarted
    ]
    position = cut % len(starts)
    history = History(events=tuple(run.events[: starts[position] + 1]), workflow_id=run.workflow_id)
    result = replay_history(history, [workflow], guard=NullGuard())
    assert result.ok, str(result.error)
    if "local" not in str(program):  # a local activity runs in a live task only
        assert result.next_commands == run.issued[position]
