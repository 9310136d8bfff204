"""Starting by name what only other code knows: a client that has no workflow's code says where its workers
poll."""

from __future__ import annotations

from typing import Any

import pytest

from temporal_do.runtime import (
    InvalidArgumentError,
    Temporal,
    WorkflowContext,
    WorkflowNotRegisteredError,
)

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)


async def tally(ctx: WorkflowContext, first: int, second: int = 0) -> dict[str, Any]:
    """Waits for ``go``; a query and an update reach it."""
    ctx.set_query_handler("first", lambda: first)
    ctx.set_update_handler("doubled", lambda: 2 * first)
    added = await ctx.wait_for_signal("go")
    return {"sum": first + second + added}


async def at_once(ctx: WorkflowContext, value: int) -> int:
    return value


@pytest.fixture
def stranger() -> Temporal:
    """A client of the same namespace that has none of its code."""
    return Temporal(namespace="api")


async def test_a_name_and_a_task_queue_start_what_other_code_defines(app: App, stranger: Temporal) -> None:
    app.deploy(tally, task_queue="elsewhere")
    handle = await stranger.start_workflow("tally", args=[1, 2], workflow_id="w", task_queue="elsewhere")
    assert await handle.query("first") == 1
    assert await handle.update("doubled") == 2
    await handle.signal("go", 3)
    assert await handle.result() == {"sum": 6}
    assert (await handle.describe()).workflow_type == "tally"


async def test_every_way_of_starting_takes_a_name(app: App, stranger: Temporal) -> None:
    app.deploy(tally, at_once, task_queue="elsewhere")
    queue = {"task_queue": "elsewhere"}
    assert await stranger.execute_workflow("at_once", args=[7], **queue) == 7
    begun = await stranger.signal_with_start("tally", "go", [2], workflow_id="s", args=[1], **queue)
    assert await begun.result() == {"sum": 3}
    schedule = await stranger.schedule_workflow(
        "at_once", schedule_id="daily", interval="24h", args=[1], trigger_immediately=True, **queue
    )
    await schedule.update(workflow="tally", args=[1, 2, 3], task_queue="elsewhere")
    await schedule.update(args=[5])
    shown = await schedule.describe()
    assert (shown.workflow_type, shown.task_queue, shown.args) == ("tally", "elsewhere", (5,))


async def test_without_a_task_queue_an_unknown_name_is_a_mistake(app: App, stranger: Temporal) -> None:
    app.deploy(tally)
    for call in (
        stranger.start_workflow("tally", args=[1]),
        stranger.signal_with_start("tally", "go", workflow_id="s", args=[1]),
        stranger.schedule_workflow("tally", schedule_id="d", interval="1h", args=[1]),
    ):
        with pytest.raises(WorkflowNotRegisteredError, match="defined elsewhere, give its task_queue="):
            await call
    assert await app.temporal.count_workflows() == 0


async def test_what_is_known_here_is_checked_here_wherever_it_runs(app: App) -> None:
    app.deploy(at_once, task_queue="elsewhere")
    with pytest.raises(InvalidArgumentError, match="takes 1 argument"):
        await app.temporal.start_workflow("at_once", args=[1, 2], task_queue="elsewhere")


@pytest.mark.parametrize("name", ["", 5, None, b"tally"])
async def test_what_is_no_name_is_refused_with_a_task_queue_too(
    app: App, stranger: Temporal, name: Any
) -> None:
    with pytest.raises(InvalidArgumentError):
        await stranger.start_workflow(name, args=[1], task_queue="elsewhere")


async def test_arguments_are_a_list_here_too(app: App, stranger: Temporal) -> None:
    with pytest.raises(InvalidArgumentError, match=r"write args=\['ada'\]"):
        await stranger.start_workflow("tally", args="ada", task_queue="elsewhere")
