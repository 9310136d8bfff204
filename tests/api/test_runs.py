"""What a run knows of itself and keeps: continue-as-new, side effects, versions, randomness, time, logs."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from temporal_do.runtime import Temporal, Worker, WorkflowContext

from .conftest import App

pytestmark = pytest.mark.sim(step_budget=100_000)
temporal = Temporal(namespace="api")


@attrs.frozen
class State:
    count: int
    seen: list[str]


async def loop(ctx: WorkflowContext, state: State) -> State:
    assert isinstance(state, State)
    got = await ctx.wait_for_signal("item")
    state = State(state.count + 1, [*state.seen, got])
    if state.count < 5:
        ctx.continue_as_new(state)
    return state


async def test_continuing_as_new_carries_arguments_and_unreceived_signals(app: App) -> None:
    handle = await app.begin(loop, State(0, []))
    for name in "abcde":
        await handle.signal("item", name)
    app.deploy(loop)
    result = await handle.result()
    assert result == State(5, list("abcde"))
    runs = await app.temporal.list_workflows()
    assert len(runs) == 5
    assert sorted(run.status.name for run in runs) == ["COMPLETED"] + ["CONTINUED_AS_NEW"] * 4


async def test_the_first_runs_own_end_can_be_asked_for(app: App) -> None:
    from temporal_do.runtime import WorkflowFailureError

    handle = await app.start(loop, State(0, []))
    for name in "abcde":
        await handle.signal("item", name)
    first = app.temporal.get_handle("w-1", handle.first_execution_run_id)
    assert (await first.describe()).status.name == "CONTINUED_AS_NEW"
    with pytest.raises(WorkflowFailureError, match="continued as new"):
        await first.result(follow_runs=False)
    assert (await first.result())["count"] == 5
    assert (await first.fetch_history()).events[-1].event_type.endswith("CONTINUED_AS_NEW")


async def test_memo_and_search_attributes_go_along_or_are_replaced(app: App) -> None:
    async def workflow(ctx: WorkflowContext, step: int) -> list[Any]:
        if step == 0:
            ctx.upsert_memo({"note": "changed", "gone": None})
            ctx.upsert_search_attributes({"Customer": "c2", "Amount": 5, "Old": None})
            ctx.continue_as_new(1)
        if step == 1:
            assert ctx.info.memo == {"note": "changed", "kept": 1}
            assert ctx.info.search_attributes == {"Customer": "c2", "Amount": 5}
            ctx.continue_as_new(2, memo={"new": True}, search_attributes={"Amount": 6})
        return [dict(ctx.info.memo), dict(ctx.info.search_attributes), ctx.info.continued_run_id is not None]

    handle = await app.start(
        workflow,
        0,
        memo={"note": "first", "kept": 1, "gone": "x"},
        search_attributes={"Customer": "c1", "Old": "o"},
    )
    memo, attributes, continued = await handle.result()
    assert memo == {"new": True} and continued
    assert attributes == {"Amount": 6}


async def test_continuing_as_another_workflow_on_another_queue(app: App) -> None:
    async def second(ctx: WorkflowContext, word: str) -> str:
        return f"{word} {ctx.info.task_queue} {ctx.info.workflow_type}"

    async def first(ctx: WorkflowContext) -> None:
        ctx.continue_as_new("hello", workflow=known, task_queue="other")

    known = app.define(second)
    app.deploy(first)
    app.deploy(second, task_queue="other")
    assert await (await app.begin(first)).result() == "hello other second"


async def test_continue_as_new_inside_a_task_and_with_work_open(app: App) -> None:
    import asyncio

    async def workflow(ctx: WorkflowContext, step: int) -> int:
        if step == 2:
            return step
        background = asyncio.ensure_future(ctx.sleep("1d"))
        try:
            await ctx.sleep("1m")
            ctx.continue_as_new(step + 1)
        finally:
            background.cancel()

    assert await app.run(workflow, 0) == 2
    assert app.sim.now().minute == 2


async def test_a_side_effect_happens_once(app: App) -> None:
    calls: list[int] = []

    def effect() -> int:
        calls.append(1)
        return len(calls) * 10

    async def workflow(ctx: WorkflowContext) -> list[int]:
        first = ctx.side_effect(effect)
        await ctx.sleep("1h")
        second = ctx.side_effect(effect)
        await ctx.sleep("1h")
        return [first, second]

    handle = await app.start(workflow)
    for _ in range(4):
        await app.sim.sleep("25m")
        app.sim.crash("w-1")
    assert await handle.result() == [10, 20]
    assert len(calls) == 2


def _fresh_state() -> State:
    return State(3, ["x"])


async def test_a_side_effects_value_has_the_type_its_function_promises(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> bool:
        return isinstance(ctx.side_effect(_fresh_state), State)

    assert await app.run(workflow) is True


async def test_a_local_activitys_value_has_the_type_its_function_promises(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> bool:
        return isinstance(await ctx.activity("fresh", _fresh_state), State)

    assert await app.run(workflow) is True


async def test_randomness_ids_and_time_are_the_same_after_every_crash(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> list[Any]:
        found: list[Any] = []
        for _ in range(3):
            found += [
                ctx.random.random(),
                ctx.random.randint(1, 100),
                str(ctx.uuid4()),
                ctx.now().isoformat(),
            ]
            await ctx.sleep("1h")
        return found

    handle = await app.start(workflow)
    for _ in range(5):
        await app.sim.sleep("40m")
        app.sim.crash("w-1")
    found = await handle.result()
    assert len(set(map(str, found))) == len(found)
    assert found[3::4] == [f"2026-01-01T0{hour}:00:00+00:00" for hour in range(3)]
    assert uuid.UUID(found[2]).version == 4
    other = await (await app.begin(workflow, workflow_id="w-2")).result()
    assert other[0] != found[0] and other[2] != found[2]


async def test_using_the_ids_does_not_shift_the_random_numbers(app: App) -> None:
    async def workflow(ctx: WorkflowContext, ids: int) -> float:
        for _ in range(ids):
            ctx.uuid4()
        return ctx.random.random()

    from temporal_do.sim import Simulation

    numbers = set()
    for ids in (0, 5):
        with Simulation() as other:
            numbers.add(other.execute(App(other).run(workflow, ids)))
    assert len(numbers) == 1


async def test_patched_is_true_for_new_runs_and_false_for_old_ones(app: App) -> None:
    async def old(ctx: WorkflowContext) -> str:
        await ctx.sleep("before", "1d")
        return "old"

    async def new(ctx: WorkflowContext) -> str:
        if ctx.patched("faster"):
            await ctx.sleep("before", "1h")
            answer = "new"
        else:
            await ctx.sleep("before", "1d")
            answer = "old"
        assert ctx.patched("faster") is (answer == "new")
        return answer

    async def newest(ctx: WorkflowContext) -> str:
        ctx.deprecate_patch("faster")
        await ctx.sleep("before", "1h")
        return "new"

    def worker(fn: Any) -> Worker:
        return Worker(
            namespace="api", task_queue="main", workflows=[Temporal("api").define_workflow("versioned", fn)]
        )

    async def start(workflow_id: str) -> Any:
        return await temporal.start_workflow(versioned, workflow_id=workflow_id)

    versioned = temporal.define_workflow("versioned", old)
    app.sim.run(worker(old))
    before = await start("before")
    await app.sim.sleep("1m")
    app.sim.crash("before")
    app.sim.run(worker(new))
    after = await start("after")
    await app.sim.sleep("1m")
    app.sim.crash("after")
    assert await before.result() == "old"
    third = await start("third")
    app.sim.run(worker(new))
    await app.sim.sleep("10m")
    app.sim.crash("third")
    assert await after.result() == "new"
    assert await third.result() == "new"
    assert await (await start("fourth")).result() == "new"
    app.sim.run(worker(newest))
    assert await (await start("fifth")).result() == "new"


test_patched_is_true_for_new_runs_and_false_for_old_ones = pytest.mark.sim(replay=False)(
    test_patched_is_true_for_new_runs_and_false_for_old_ones
)


async def test_the_logger_speaks_once_however_often_the_run_is_rebuilt(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    async def workflow(ctx: WorkflowContext) -> None:
        for number in range(4):
            ctx.logger.info("step %s", number)
            await ctx.sleep("1h")

    caplog.set_level(logging.INFO, logger="temporal_do.workflow")
    handle = await app.start(workflow)
    for _ in range(6):
        await app.sim.sleep("35m")
        app.sim.crash("w-1")
    await handle.result()
    records = [record for record in caplog.records if record.name == "temporal_do.workflow"]
    assert [record.getMessage() for record in records] == [f"step {number}" for number in range(4)]
    assert records[0].workflow["workflow_id"] == "w-1"  # type: ignore[attr-defined]


async def test_sleeps_in_every_form_last_as_long_as_they_say(app: App) -> None:
    async def workflow(ctx: WorkflowContext, *durations: Any) -> list[float]:
        found = []
        for duration in durations:
            started = ctx.now()
            await ctx.sleep("a step", duration)
            found.append((ctx.now() - started).total_seconds())
        started = ctx.now()
        await ctx.sleep(timedelta(minutes=1))
        await ctx.sleep_until("new year", datetime(2027, 1, 1, tzinfo=UTC))
        await ctx.sleep_until(datetime(2020, 1, 1, tzinfo=UTC))
        return [*found, ctx.now().year]

    durations = ["5m", "24h", "7d", "1h30m", "250ms", 90, 1.5, "0s"]
    assert await app.run(workflow, *durations) == [300, 86400, 604800, 5400, 0.25, 90, 1.5, 0, 2027]


async def test_a_run_knows_itself(app: App) -> None:
    async def workflow(ctx: WorkflowContext) -> dict[str, Any]:
        info = ctx.info
        return {
            "id": info.workflow_id,
            "run": info.run_id,
            "type": info.workflow_type,
            "queue": info.task_queue,
            "attempt": info.attempt,
            "namespace": info.namespace,
            "timeouts": [str(info.execution_timeout), str(info.run_timeout)],
            "start": info.start_time.isoformat(),
            "parent": info.parent_workflow_id,
        }

    handle = await app.start(workflow, execution_timeout="2d", run_timeout="1d")
    assert await handle.result() == {
        "id": "w-1",
        "run": handle.first_execution_run_id,
        "type": "workflow",
        "queue": "main",
        "attempt": 1,
        "namespace": "api",
        "timeouts": ["2 days, 0:00:00", "1 day, 0:00:00"],
        "start": "2026-01-01T00:00:00+00:00",
        "parent": None,
    }


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda ctx: ctx.sleep("x", "5 minutes"), r"'5 minutes' is not a duration.*accepted"),
        (lambda ctx: ctx.sleep("x", -1), "-1 is negative"),
        (lambda ctx: ctx.sleep("x", True), "True is not a duration"),
        (lambda ctx: ctx.sleep("x", float("nan")), "nan"),
        (lambda ctx: ctx.sleep(5, "5m"), "takes a name and then a duration; got 5"),
        (lambda ctx: ctx.sleep("x", None), "None"),
        (lambda ctx: ctx.sleep_until("x", "tomorrow"), "'tomorrow'"),
        (lambda ctx: ctx.sleep_until("x", datetime(2027, 1, 1)), "time zone|zone"),
        (lambda ctx: ctx.wait_for_signal(5), "not 5"),
        (lambda ctx: ctx.wait_for_signal(""), "not ''"),
        (lambda ctx: ctx.wait_for_signal("x", timeout="soon"), "timeout 'soon'"),
        (lambda ctx: ctx.wait_condition(True), "function, not True"),
        (lambda ctx: ctx.wait_condition(_an_async_condition), "async"),
        (lambda ctx: ctx.on_signal("x", 5), "function, not 5"),
        (lambda ctx: ctx.set_query_handler("x", 5), "function, not 5"),
        (lambda ctx: ctx.set_query_handler("x", _an_async_condition), "must not be async"),
        (lambda ctx: ctx.set_update_handler("x", lambda: 1, validator=5), "function, not 5"),
        (lambda ctx: ctx.set_update_handler("x", lambda: 1, validator=_an_async_condition), "async"),
        (lambda ctx: ctx.side_effect(5), "function, not 5"),
        (lambda ctx: ctx.side_effect(_an_async_condition), "not async"),
        (lambda ctx: ctx.side_effect(lambda: object()), "result of ctx.side_effect"),
        (lambda ctx: ctx.patched(5), "not 5"),
        (lambda ctx: ctx.upsert_search_attributes({"A": object()}), "search attribute 'A'"),
        (lambda ctx: ctx.upsert_search_attributes({5: "a"}), "not 5"),
        (lambda ctx: ctx.upsert_search_attributes([1]), r"not \[1\]"),
        (lambda ctx: ctx.upsert_search_attributes({"A": float("nan")}), "'A'.*nan"),
        (lambda ctx: ctx.upsert_search_attributes({"A": datetime(2027, 1, 1)}), "'A'.*zone"),
        (lambda ctx: ctx.upsert_memo({"A": object()}), "memo 'A'"),
        (lambda ctx: ctx.continue_as_new(object(), workflow="w"), r"args\[0\]"),
        (lambda ctx: ctx.continue_as_new(1, 2), r"takes 0 argument.*not 2"),
        (lambda ctx: ctx.continue_as_new(workflow=5), "not 5"),
        (lambda ctx: ctx.continue_as_new(task_queue=5), "not 5"),
        (lambda ctx: ctx.continue_as_new(run_timeout="soon"), "run_timeout 'soon'"),
    ],
)
async def test_a_bad_call_fails_the_task_with_the_value_and_what_is_accepted(
    app: App, call: Any, told: str
) -> None:
    from temporal_do.runtime import WorkflowTaskFailedError

    async def workflow(ctx: WorkflowContext) -> None:
        outcome = call(ctx)
        if hasattr(outcome, "__await__"):
            await outcome

    with pytest.raises(WorkflowTaskFailedError, match=told):
        await app.run(workflow)
    events = (await app.temporal.get_handle("w-1").fetch_history()).events
    assert [event.event_id for event in events if event.event_id > 4] == []


async def _an_async_condition() -> bool:
    return True


@pytest.mark.parametrize("value", [object(), {1, 2}, float("inf"), "x" * (2 * 1024 * 1024)])
async def test_a_result_that_cannot_be_kept_fails_the_task_naming_it(app: App, value: Any) -> None:
    from temporal_do.runtime import WorkflowTaskFailedError

    async def workflow(ctx: WorkflowContext) -> Any:
        return value

    with pytest.raises(WorkflowTaskFailedError, match="the result of workflow 'workflow'"):
        await app.run(workflow)
