"""The client: starting, finding, describing, resetting and ending workflows, by every policy."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from temporal_do.runtime import (
    ApplicationError,
    InvalidArgumentError,
    NoHostError,
    RetryPolicy,
    Temporal,
    TimeoutError,
    WorkflowAlreadyStartedError,
    WorkflowContext,
    WorkflowFailureError,
    WorkflowNotFoundError,
    WorkflowStatus,
)
from temporal_do.sim import Simulation

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)


async def sleeper(ctx: WorkflowContext, hours: int = 1) -> int:
    await ctx.sleep("nap", f"{hours}h")
    return hours


async def failing(ctx: WorkflowContext) -> None:
    raise ApplicationError("always", type="Always")


# --- ids ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conflict", "outcome"), [("fail", "refused"), ("use_existing", "same"), ("terminate_existing", "new")]
)
async def test_an_id_that_runs_is_treated_by_the_conflict_policy(
    app: App, conflict: str, outcome: str
) -> None:
    first = await app.start(sleeper)
    if outcome == "refused":
        with pytest.raises(WorkflowAlreadyStartedError, match="'w-1'.*already running") as caught:
            await app.begin(sleeper, id_conflict_policy=conflict)
        assert caught.value.run_id == first.first_execution_run_id
        with pytest.raises(WorkflowAlreadyStartedError):
            await app.begin(sleeper)
    else:
        second = await app.begin(sleeper, 2, id_conflict_policy=conflict)
        same = second.first_execution_run_id == first.first_execution_run_id
        assert same is (outcome == "same")
        assert await second.result() == (1 if same else 2)
        if not same:
            with pytest.raises(WorkflowFailureError, match="replaced"):
                await first.result()
    await app.sim.sleep("1s")
    assert await app.temporal.count_workflows(status="running") == (1 if outcome == "refused" else 0)


@pytest.mark.parametrize("end", ["completed", "failed", "terminated"])
@pytest.mark.parametrize(
    "policy", ["allow_duplicate", "allow_duplicate_failed_only", "reject_duplicate", "terminate_if_running"]
)
async def test_an_id_that_has_run_is_treated_by_the_reuse_policy(app: App, policy: str, end: str) -> None:
    app.deploy(sleeper, failing)
    handle = await app.begin(failing if end == "failed" else sleeper)
    if end == "terminated":
        await handle.terminate()
    if end == "completed":
        await handle.result()
    else:
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    refused = policy == "reject_duplicate" or (policy == "allow_duplicate_failed_only" and end == "completed")
    if refused:
        with pytest.raises(WorkflowAlreadyStartedError, match="id reuse policy forbids"):
            await app.begin(sleeper, id_reuse_policy=policy)
    else:
        assert await (await app.begin(sleeper, id_reuse_policy=policy)).result() == 1
    await app.sim.sleep("1s")
    assert await app.temporal.count_workflows() == (1 if refused else 2)


async def test_terminate_if_running_replaces_what_runs(app: App) -> None:
    first = await app.start(sleeper)
    second = await app.begin(sleeper, 3, id_reuse_policy="terminate_if_running")
    assert await second.result() == 3
    assert (
        await app.temporal.get_handle("w-1", first.first_execution_run_id).describe()
    ).status is WorkflowStatus.TERMINATED


async def test_the_same_request_twice_starts_once(app: App) -> None:
    first = await app.start(sleeper, request_id="r")
    again = await app.begin(sleeper, request_id="r")
    assert first.first_execution_run_id == again.first_execution_run_id


async def test_many_starts_of_one_id_at_once_make_one_run(app: App) -> None:
    app.deploy(sleeper)
    found = await asyncio.gather(*[app.begin(sleeper) for _ in range(10)], return_exceptions=True)
    assert sum(isinstance(each, WorkflowAlreadyStartedError) for each in found) == 9
    assert await app.temporal.get_handle("w-1").result() == 1


async def test_a_workflow_without_an_id_gets_one(app: App) -> None:
    app.deploy(sleeper)
    one, two = [await app.temporal.start_workflow(app.define(sleeper)) for _ in range(2)]
    assert one.workflow_id and one.workflow_id != two.workflow_id
    assert await app.temporal.execute_workflow("sleeper", args=[2]) == 2


@pytest.mark.parametrize("odd", ["a/b c", "ä ö ☃", "%2F", "a" * 1000, "..", "a|b", "\n"])
async def test_odd_ids_stay_apart_and_whole(app: App, odd: str) -> None:
    await app.start(sleeper, 1, workflow_id=odd)
    await app.begin(sleeper, 2, workflow_id="a")
    assert await app.temporal.get_handle(odd).result() == 1
    found = await app.temporal.list_workflows(status="completed")
    assert odd in [run.workflow_id for run in found]


# --- limits of time, retries -------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["execution_timeout", "run_timeout"])
async def test_a_workflow_that_takes_too_long_times_out(app: App, which: str) -> None:
    handle = await app.start(sleeper, 5, **{which: "2h"})
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, TimeoutError)
    assert (await handle.describe()).status is WorkflowStatus.TIMED_OUT
    assert app.sim.now().hour == 2


async def test_the_execution_timeout_bounds_the_whole_chain_and_the_run_timeout_each_run(app: App) -> None:
    async def forever(ctx: WorkflowContext, runs: int) -> None:
        await ctx.sleep("50m")
        ctx.continue_as_new(runs + 1)

    handle = await app.start(forever, 0, execution_timeout="3h", run_timeout="1h")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert app.sim.now().hour == 3
    await app.sim.sleep("1s")
    assert await app.temporal.count_workflows() == 4


async def test_a_workflow_is_retried_by_its_policy(app: App) -> None:
    async def flaky(ctx: WorkflowContext) -> int:
        if ctx.info.attempt < 4:
            raise ApplicationError("again", type="Again")
        return ctx.info.attempt

    handle = await app.start(flaky, retry=RetryPolicy(initial_interval="10s", maximum_attempts=5))
    assert await handle.result() == 4
    assert (app.sim.now() - app.sim.now().replace(hour=0, minute=0, second=0)) == timedelta(seconds=70)
    assert len({run.run_id for run in await app.temporal.list_workflows()}) == 4


@pytest.mark.parametrize("how", ["attempts", "type", "non_retryable"])
async def test_a_workflows_retries_end(app: App, how: str) -> None:
    async def flaky(ctx: WorkflowContext) -> None:
        raise ApplicationError(f"try {ctx.info.attempt}", type="Always", non_retryable=how == "non_retryable")

    names = ["Always"] if how == "type" else []
    policy = RetryPolicy(maximum_attempts=3 if how == "attempts" else 9, non_retryable_errors=names)
    with pytest.raises(WorkflowFailureError, match="try 3" if how == "attempts" else "try 1"):
        await app.run(flaky, retry=policy)


async def test_a_start_can_be_delayed(app: App) -> None:
    handle = await app.start(sleeper, 1, start_delay="2d")
    assert (await handle.describe()).status is WorkflowStatus.RUNNING
    assert await handle.result() == 1
    assert app.sim.now().isoformat() == "2026-01-03T01:00:00+00:00"


async def test_a_delayed_start_takes_signals_and_can_be_cancelled_or_terminated(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> Any:
        return await ctx.wait_for_signal("x")

    app.deploy(workflow)
    handles = [await app.begin(workflow, workflow_id=f"d-{n}", start_delay="1d") for n in range(3)]
    await handles[0].signal("x", "early")
    await handles[1].terminate("changed my mind")
    await handles[2].cancel()
    assert await handles[0].result() == "early"
    for handle in handles[1:]:
        with pytest.raises(WorkflowFailureError):
            await handle.result()


# --- signal with start -------------------------------------------------------------------------------------


async def test_signal_with_start_starts_or_signals(app: App) -> None:
    async def collector(ctx: WorkflowContext, count: int) -> list[Any]:
        return [await ctx.wait_for_signal("item") for _ in range(count)]

    app.deploy(collector)
    known = app.define(collector)
    for number in range(3):
        handle = await app.temporal.signal_with_start(
            known, "item", [number], workflow_id="c", args=[3], memo={"n": 1}
        )
    assert await handle.result() == [0, 1, 2]
    again = await app.temporal.signal_with_start(known, "item", ["new"], workflow_id="c", args=[1])
    assert await again.result() == ["new"]
    with pytest.raises(WorkflowAlreadyStartedError):
        await app.temporal.signal_with_start(
            known, "item", ["x"], workflow_id="c", args=[1], id_reuse_policy="reject_duplicate"
        )


# --- reset -------------------------------------------------------------------------------------------------


async def test_a_reset_runs_again_from_an_event_and_keeps_later_signals(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        first = await ctx.wait_for_signal("x")
        await ctx.sleep("1h")
        return [first, await ctx.wait_for_signal("x"), ctx.uuid4().hex]

    handle = await app.start(workflow)
    await handle.signal("x", 1)
    await handle.signal("x", 2)
    before = await handle.result()
    events = (await handle.fetch_history()).events
    first_completed = next(e.event_id for e in events if e.event_type == "EVENT_TYPE_WORKFLOW_TASK_COMPLETED")
    again = await handle.reset(first_completed, reason="once more")
    assert again.run_id not in (None, handle.first_execution_run_id)
    assert await again.result() == before
    assert len({run.run_id for run in await app.temporal.list_workflows()}) == 2


async def test_a_reset_of_an_open_run_terminates_it(app: App) -> None:
    handle = await app.start(sleeper, 5)
    await app.sim.sleep("1h")
    again = await handle.reset(4)
    assert await again.result() == 5
    old = app.temporal.get_handle("w-1", handle.first_execution_run_id)
    assert (await old.describe()).status is WorkflowStatus.TERMINATED
    with pytest.raises(WorkflowFailureError, match="reset"):
        await handle.result()
    assert await app.temporal.get_handle("w-1").result() == 5


@pytest.mark.parametrize("event_id", [0, -1, "4", True, 2.0, None, 1, 2, 5, 999])
async def test_a_reset_to_no_such_place_says_so_and_leaves_the_run_alone(app: App, event_id: Any) -> None:
    handle = await app.start(sleeper, 5)
    with pytest.raises(InvalidArgumentError, match="event"):
        await handle.reset(event_id)
    assert (await handle.describe()).status is WorkflowStatus.RUNNING
    assert await app.temporal.count_workflows() == 1


# --- looking -----------------------------------------------------------------------------------------------


async def test_a_description_tells_what_the_workflow_waits_for(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> None:
        await asyncio.gather(
            ctx.sleep("a nap", "1d"),
            ctx.activity("remote", "far", task_queue="none"),
            ctx.execute_child("sleeper"),
        )

    app.deploy(workflow, sleeper)
    handle = await app.begin(
        workflow, memo={"why": ["because"]}, search_attributes={"Customer": "c1"}, execution_timeout="9d"
    )
    await app.sim.sleep("1m")
    found = await handle.describe()
    assert (found.workflow_id, found.workflow_type, found.task_queue) == ("w-1", "workflow", "main")
    assert found.run_id == handle.first_execution_run_id
    assert found.status is WorkflowStatus.RUNNING and found.close_time is None
    assert [timer.name for timer in found.pending_timers] == ["a nap"]
    assert [act.activity_type for act in found.pending_activities] == ["far"]
    assert [child.workflow_type for child in found.pending_children] == ["sleeper"]
    assert found.memo == {"why": ["because"]} and found.search_attributes == {"Customer": "c1"}
    assert found.history_length == len((await handle.fetch_history()).events)
    await handle.terminate()
    found = await handle.describe()
    assert found.close_time == app.sim.now()
    assert not found.pending_timers and not found.pending_activities and not found.pending_children


async def test_lists_and_counts_are_filtered(app: App) -> None:
    async def tagged(ctx: WorkflowContext, number: int) -> int:
        ctx.upsert_search_attributes({"Number": number, "Even": number % 2 == 0, "Tags": ["a", f"t{number}"]})
        if number == 5:
            raise ApplicationError("five")
        if number > 5:
            await ctx.sleep("1d")
        return number

    app.deploy(tagged, sleeper)
    for number in range(10):
        await app.begin(tagged, number, workflow_id=f"t-{number}", search_attributes={"Kind": "test"})
    await app.begin(sleeper)
    await app.sim.sleep("1m")
    count = app.temporal.count_workflows
    assert await count() == 11
    assert await count(status="completed") == await count(status=WorkflowStatus.COMPLETED) == 5
    assert await count(status="failed") == 1
    assert await count(workflow_type="sleeper") == 1
    assert await count("Kind = 'test' AND Number >= 3 AND Number < 7") == 4
    assert await count("Even = true", status="running") == 2
    assert await count("WorkflowId = 't-3' OR WorkflowId = 't-4'") == 2
    assert await count("Tags = 't8'") == 1
    assert await count("Number BETWEEN 2 AND 4") == 3
    assert await count("ExecutionStatus IN ('Completed', 'Failed') AND NOT Number = 2") in (5, 6)
    listed = await app.temporal.list_workflows(query="Number > 6")
    assert sorted(run.search_attributes["Number"] for run in listed) == [7, 8, 9]
    assert len(await app.temporal.list_workflows(limit=4)) == 4


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"query": "Status ="}, "Status|expected|end"),
        ({"query": "this is no filter"}, "filter|expected|query"),
        ({"query": 5}, "not 5"),
        ({"status": "asleep"}, "'asleep'"),
        ({"status": 5}, "5"),
        ({"limit": 0}, "not 0"),
        ({"limit": "many"}, "'many'"),
        ({"workflow_type": 5}, "workflow_type.*5"),
    ],
)
async def test_a_bad_list_says_what_is_wrong(app: App, options: dict[str, Any], told: str) -> None:
    await app.start(sleeper)
    with pytest.raises(InvalidArgumentError, match=told):
        await app.temporal.list_workflows(**options)


async def test_histories_can_be_fetched_while_running_when_closed_and_from_the_archive(app: App) -> None:
    handle = await app.start(sleeper)
    assert len((await handle.fetch_history()).events) == 5
    await handle.result()
    run_id = handle.first_execution_run_id
    closed = await handle.fetch_history()
    assert closed.events[-1].event_type == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"
    second = await app.begin(sleeper)
    await second.result()
    await app.sim.sleep("10d")
    archived = await app.temporal.get_handle("w-1", run_id).fetch_history()
    assert archived.events == closed.events
    with pytest.raises(WorkflowNotFoundError, match="no run|does not exist"):
        await app.temporal.get_handle("w-1", "nonsense").fetch_history()
    with pytest.raises(WorkflowNotFoundError, match="'nobody'"):
        await app.temporal.get_handle("nobody").fetch_history()


async def test_every_call_on_an_unknown_workflow_says_that_there_is_none(app: App) -> None:
    nobody = app.temporal.get_handle("nobody")
    for call in (
        nobody.result(),
        nobody.describe(),
        nobody.terminate(),
        nobody.cancel(),
        nobody.signal("x"),
        nobody.query("x"),
        nobody.update("x"),
        nobody.reset(4),
        nobody.fetch_history(),
    ):
        with pytest.raises(WorkflowNotFoundError, match="'nobody' does not exist"):
            await call
    assert await app.temporal.count_workflows() == 0


async def test_a_result_is_waited_for_by_many(app: App) -> None:
    handle = await app.start(sleeper, 3)
    assert await asyncio.gather(*[handle.result() for _ in range(20)]) == [3] * 20


# --- worlds ------------------------------------------------------------------------------------------------


def test_two_simulations_at_once_know_nothing_of_each_other() -> None:
    with Simulation(1) as one, Simulation(2) as two:
        apps = [App(one), App(two)]
        assert two.execute(apps[1].run(sleeper, 2)) == 2
        assert one.execute(apps[0].run(sleeper, 7)) == 7
        assert (one.now().hour, two.now().hour) == (7, 2)
        for simulation, app in zip((one, two), apps, strict=True):
            assert simulation.execute(app.temporal.count_workflows()) == 1


def test_a_call_without_a_world_names_the_ways_to_give_one() -> None:
    temporal = Temporal()
    temporal.define_workflow("sleeper", sleeper)
    with pytest.raises(NoHostError, match=r"`sim`.*use_host\(host\).*connect\(host\).*LocalHost.*url="):
        asyncio.run(temporal.start_workflow("sleeper"))
    with pytest.raises(NoHostError):
        asyncio.run(temporal.get_handle("x").result())
