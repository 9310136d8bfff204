"""Generated workflows: small programs, one workflow that interprets them, and strategies that draw them.

Every program is confluent: nothing in it races against time or against another part, so its result does not
depend on the schedule, on crashes, or on how often its coroutine was dropped. A program is a list of steps:

    ["activity", n]             an activity that returns 2 * n
    ["flaky", n, failures]      an activity whose first ``failures`` attempts fail
    ["local", n]                a local activity that returns n + 1
    ["sleep", seconds]          a durable timer
    ["both", program, program]  two programs at once
    ["child", program]          a child workflow
    ["signal", n]               waits for the n-th signal of the test
    ["patched", name]           asks for a patch
    ["handled", n]              waits until an async handler has dealt with the n-th signal of the test
    ["update", n]               waits until the n-th update of the test has been carried out
    ["slow", n]                 an activity whose first attempt times out
    ["stubborn", n]             a child that fails twice and is retried
    ["deadline", seconds]       gives up a sleep that lasts far longer
    ["in time", program]        a program that ends long before its timeout
    ["cancelled", seconds]      cancels a task that sleeps, and awaits its cleanup activity
    ["shielded", program]       a program in a shielded scope
    ["group", program, program] two programs in a TaskGroup
    ["queue", n]                two tasks that hand n things over in an asyncio.Queue
    ["random"]                  random numbers, recorded and compared when replayed
    ["search", n]               sets a search attribute
    ["continue", program]       (last only) continue as new with the rest
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import strategies as st

from temporal_do.runtime import ApplicationError, RetryPolicy, Temporal, Worker, WorkflowContext, activity

Step = list[Any]
Program = list[Step]

RETRY = RetryPolicy(initial_interval="1s", maximum_attempts=0)


class World:
    """The application of one test run, with counters of what its activities did."""

    def __init__(self) -> None:
        self.temporal = Temporal(namespace="laws")
        self.executions: Counter[str] = Counter()
        temporal = self.temporal

        async def double(n: int) -> int:
            self.executions[activity.info().idempotency_key] += 1
            return 2 * n

        async def flaky(n: int, failures: int) -> int:
            self.executions[activity.info().idempotency_key] += 1
            if activity.info().attempt <= failures:
                raise RuntimeError(f"attempt {activity.info().attempt} fails")
            return 3 * n

        async def slow(n: int) -> int:
            self.executions[activity.info().idempotency_key] += 1
            if activity.info().attempt == 1:
                await asyncio.sleep(100)
            return 5 * n

        self.activities = temporal.define_activities({"double": double, "flaky": flaky, "slow": slow})
        activities = self.activities

        async def interpret(ctx: WorkflowContext, program: Program) -> list[Any]:
            heard: list[int] = []
            updated: list[int] = []

            async def hear(n: int) -> None:
                await ctx.activity("hear", activities.double, n, retry=RETRY)
                heard.append(n)

            async def update(n: int) -> int:
                await ctx.sleep("update", 1)
                updated.append(n)
                return n + 1

            ctx.on_signal("handled", hear)
            ctx.set_update_handler("update", update)
            for step in program:
                if step[0] == "continue":
                    ctx.continue_as_new(step[1])
            return await run(ctx, program, heard, updated)

        async def stubborn(ctx: WorkflowContext, n: int) -> int:
            await ctx.sleep("pause", 1)
            if ctx.info.attempt < 3:
                raise ApplicationError("again")
            return 7 * n

        async def run(
            ctx: WorkflowContext, program: Program, heard: list[int], updated: list[int]
        ) -> list[Any]:
            results: list[Any] = []
            for step in program:
                kind = step[0]
                if kind == "activity":
                    n = step[1]
                    results.append(
                        await ctx.activity("double", lambda n=n: activities.double(n), retry=RETRY)
                    )
                elif kind == "flaky":
                    results.append(
                        await ctx.activity("flaky", activities.flaky, step[1], step[2], retry=RETRY)
                    )
                elif kind == "local":
                    n = step[1]
                    results.append(await ctx.activity("local", lambda n=n: n + 1))
                elif kind == "sleep":
                    await ctx.sleep("pause", step[1])
                    results.append("slept")
                elif kind == "both":
                    parts = (run(ctx, each, heard, updated) for each in step[1:])
                    results.append(list(await asyncio.gather(*parts)))
                elif kind == "handled":
                    await ctx.wait_condition(lambda n=step[1]: n in heard)
                    results.append(step[1])
                elif kind == "update":
                    await ctx.wait_condition(lambda n=step[1]: n in updated)
                    results.append(step[1])
                elif kind == "slow":
                    results.append(
                        await ctx.activity(
                            "slow", activities.slow, step[1], retry=RETRY, start_to_close_timeout="30s"
                        )
                    )
                elif kind == "stubborn":
                    results.append(await ctx.execute_child(self.stubborn, step[1], retry=RETRY))
                elif kind == "deadline":
                    try:
                        await asyncio.wait_for(ctx.sleep("for ever", "1000d"), step[1])
                    except TimeoutError:
                        results.append("late")
                elif kind == "in time":
                    async with asyncio.timeout(1000 * 86_400):
                        results.append(await run(ctx, step[1], heard, updated))
                elif kind == "cancelled":
                    results.append(await _cancelled(ctx, step[1]))
                elif kind == "shielded":
                    async with ctx.shielded():
                        results.append(await run(ctx, step[1], heard, updated))
                elif kind == "group":
                    async with asyncio.TaskGroup() as group:
                        tasks = [group.create_task(run(ctx, each, heard, updated)) for each in step[1:]]
                    results.append([task.result() for task in tasks])
                elif kind == "queue":
                    results.append(await _handed_over(ctx, step[1]))
                elif kind == "random":
                    drawn = [ctx.random.random(), ctx.random.randint(0, 99), str(ctx.uuid4())]
                    results.append(ctx.side_effect(lambda drawn=drawn: drawn) == drawn)
                elif kind == "search":
                    ctx.upsert_search_attributes({"Step": step[1]})
                    results.append("set")
                elif kind == "child":
                    results.append(await ctx.execute_child(self.workflow, args=[step[1]]))
                elif kind == "signal":
                    results.append(await ctx.wait_for_signal(f"signal-{step[1]}"))
                elif kind == "patched":
                    results.append(ctx.patched(step[1]))
            return results

        async def _cancelled(ctx: WorkflowContext, seconds: int) -> str:
            cleaned: list[int] = []

            async def sleep() -> None:
                try:
                    await ctx.sleep("long", "1000d")
                finally:
                    cleaned.append(await ctx.activity("clean", activities.double, 4, retry=RETRY))

            sleeping = asyncio.create_task(sleep())
            await ctx.sleep("before", seconds)
            sleeping.cancel()
            await asyncio.wait([sleeping])
            return f"{sleeping.cancelled()} {cleaned}"

        async def _handed_over(ctx: WorkflowContext, count: int) -> list[int]:
            queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)

            async def produce() -> None:
                for n in range(count):
                    await ctx.sleep("produce", 1)
                    await queue.put(n)

            producing = asyncio.create_task(produce())
            taken = []
            for _ in range(count):
                taken.append(await queue.get())
                await ctx.activity("take", activities.double, taken[-1], retry=RETRY)
            await producing
            return taken

        self.workflow = temporal.define_workflow("interpret", interpret)
        self.stubborn = temporal.define_workflow("stubborn", stubborn)
        self.workflows = [self.workflow, self.stubborn]
        self.worker = Worker(
            namespace="laws", task_queue="main", workflows=self.workflows, activities=self.activities
        )


def expected(program: Program) -> list[Any]:
    """What the program returns, whatever happens on the way."""
    results: list[Any] = []
    for step in program:
        kind = step[0]
        if kind == "activity":
            results.append(2 * step[1])
        elif kind == "flaky":
            results.append(3 * step[1])
        elif kind == "local":
            results.append(step[1] + 1)
        elif kind == "sleep":
            results.append("slept")
        elif kind in ("both", "group"):
            results.append([expected(step[1]), expected(step[2])])
        elif kind in ("in time", "shielded"):
            results.append(expected(step[1]))
        elif kind in ("handled", "update"):
            results.append(step[1])
        elif kind == "slow":
            results.append(5 * step[1])
        elif kind == "stubborn":
            results.append(7 * step[1])
        elif kind == "deadline":
            results.append("late")
        elif kind == "cancelled":
            results.append("True [8]")
        elif kind == "queue":
            results.append(list(range(step[1])))
        elif kind == "random":
            results.append(True)
        elif kind == "search":
            results.append("set")
        elif kind == "child":
            results.append(expected(step[1]))
        elif kind == "signal":
            results.append(step[1])
        elif kind == "patched":
            results.append(True)
        elif kind == "continue":
            return expected(step[1])
    return results


OWN = ("signal", "handled", "update")
"""Steps that wait for a client of the program's own workflow."""
BLOCKS = ("both", "group", "in time", "shielded", "continue")
"""Steps that hold programs of the same workflow."""


def awaited(program: Program) -> list[Step]:
    """What the program itself (not its children) waits to be told, in order of number."""
    found: list[Step] = []
    for step in program:
        if step[0] in OWN:
            found.append(step)
        elif step[0] in BLOCKS:
            found += [each for inner in step[1:] for each in awaited(inner)]
    return sorted(found, key=lambda step: int(step[1]))


def numbered(program: Program, counter: list[int]) -> Program:
    """Give every step that waits for a client a number of its own."""
    found: Program = []
    for step in program:
        if step[0] in OWN:
            counter[0] += 1
            found.append([step[0], counter[0]])
        elif step[0] in BLOCKS:
            found.append([step[0], *(numbered(inner, counter) for inner in step[1:])])
        else:
            found.append(step)
    return found


def without(program: Program, *kinds: str) -> Program:
    """The program without steps of these kinds."""
    kept: Program = []
    for step in program:
        if step[0] in BLOCKS or step[0] == "child":
            kept.append([step[0], *(without(inner, *kinds) for inner in step[1:])])
        elif step[0] not in kinds:
            kept.append(step)
    return kept


_LEAVES = st.one_of(
    st.tuples(st.just("activity"), st.integers(0, 9)).map(list),
    st.tuples(st.just("flaky"), st.integers(0, 9), st.integers(1, 2)).map(list),
    st.tuples(st.just("local"), st.integers(0, 9)).map(list),
    st.tuples(st.just("sleep"), st.sampled_from([1, 60, 3600, 86_400])).map(list),
    st.just(["signal", 0]),
    st.tuples(st.just("patched"), st.sampled_from(["a", "b"])).map(list),
    st.sampled_from([["handled", 0], ["update", 0], ["random"]]),
    st.tuples(st.sampled_from(["slow", "stubborn", "search"]), st.integers(1, 9)).map(list),
    st.tuples(st.sampled_from(["deadline", "cancelled"]), st.sampled_from([1, 60, 3600])).map(list),
    st.tuples(st.just("queue"), st.integers(1, 4)).map(list),
)


def _deeper(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    block = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.sampled_from(["both", "group"]), block, block).map(list),
        st.tuples(st.sampled_from(["in time", "shielded"]), block).map(list),
        st.tuples(st.just("child"), block.map(lambda inner: without(inner, *OWN))).map(list),
    )


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A program of at most a dozen steps or so; sometimes it continues as new."""
    step = st.recursive(_LEAVES, _deeper, max_leaves=5)
    program = draw(st.lists(step, min_size=1, max_size=4))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        # An update, and a signal with a handler, concern the run that they reach.
        program = [["continue", without(program, "update", "handled")]]
    return numbered(program, [0])


EVERYTHING: Program = numbered(
    [
        ["random"],
        ["group", [["handled", 0], ["slow", 2]], [["update", 0], ["queue", 3]]],
        ["both", [["signal", 0], ["stubborn", 3]], [["cancelled", 60], ["local", 1]]],
        ["in time", [["child", [["activity", 1], ["cancelled", 1], ["queue", 2]]], ["sleep", 3600]]],
        ["shielded", [["flaky", 2, 2], ["deadline", 60], ["update", 0]]],
        ["search", 5],
        ["patched", "a"],
        ["handled", 0],
        ["random"],
    ],
    [0],
)
"""Every kind of step but continue-as-new."""
