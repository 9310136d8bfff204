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
    ["continue", program]       (last only) continue as new with the rest
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import strategies as st

from temporal_do.runtime import RetryPolicy, Temporal, Worker, WorkflowContext, activity

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

        self.activities = temporal.define_activities({"double": double, "flaky": flaky})
        activities = self.activities

        async def interpret(ctx: WorkflowContext, program: Program) -> list[Any]:
            for step in program:
                if step[0] == "continue":
                    await ctx.continue_as_new(step[1])
            return await run(ctx, program)

        async def run(ctx: WorkflowContext, program: Program) -> list[Any]:
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
                    results.append(list(await asyncio.gather(run(ctx, step[1]), run(ctx, step[2]))))
                elif kind == "child":
                    results.append(await ctx.execute_child(self.workflow, args=[step[1]]))
                elif kind == "signal":
                    results.append(await ctx.wait_for_signal(f"signal-{step[1]}"))
                elif kind == "patched":
                    results.append(ctx.patched(step[1]))
            return results

        self.workflow = temporal.define_workflow("interpret", interpret)
        self.worker = Worker(
            namespace="laws", task_queue="main", workflows=[self.workflow], activities=self.activities
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
        elif kind == "both":
            results.append([expected(step[1]), expected(step[2])])
        elif kind == "child":
            results.append(expected(step[1]))
        elif kind == "signal":
            results.append(step[1])
        elif kind == "patched":
            results.append(True)
        elif kind == "continue":
            return expected(step[1])
    return results


def signals_of(program: Program) -> list[int]:
    """The signals that the program itself (not its children) waits for."""
    found: list[int] = []
    for step in program:
        if step[0] == "signal":
            found.append(step[1])
        elif step[0] == "both":
            found += signals_of(step[1]) + signals_of(step[2])
        elif step[0] == "continue":
            found += signals_of(step[1])
    return found


def numbered_signals(program: Program, counter: list[int]) -> Program:
    """Give every signal step a number of its own."""
    numbered: Program = []
    for step in program:
        if step[0] == "signal":
            counter[0] += 1
            numbered.append(["signal", counter[0]])
        elif step[0] == "both":
            numbered.append(["both", numbered_signals(step[1], counter), numbered_signals(step[2], counter)])
        elif step[0] == "continue":
            numbered.append(["continue", numbered_signals(step[1], counter)])
        else:
            numbered.append(step)
    return numbered


def without_signals(program: Program) -> Program:
    """The program for a child: nobody signals it."""
    kept: Program = []
    for step in program:
        if step[0] == "both":
            kept.append(["both", without_signals(step[1]), without_signals(step[2])])
        elif step[0] == "child":
            kept.append(["child", without_signals(step[1])])
        elif step[0] != "signal":
            kept.append(step)
    return kept


_LEAVES = st.one_of(
    st.tuples(st.just("activity"), st.integers(0, 9)).map(list),
    st.tuples(st.just("flaky"), st.integers(0, 9), st.integers(1, 2)).map(list),
    st.tuples(st.just("local"), st.integers(0, 9)).map(list),
    st.tuples(st.just("sleep"), st.sampled_from([1, 60, 3600, 86_400])).map(list),
    st.just(["signal", 0]),
    st.tuples(st.just("patched"), st.sampled_from(["a", "b"])).map(list),
)


def _deeper(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    block = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.just("both"), block, block).map(list),
        st.tuples(st.just("child"), block.map(without_signals)).map(list),
    )


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A program of at most a dozen steps or so; sometimes it continues as new."""
    step = st.recursive(_LEAVES, _deeper, max_leaves=5)
    program = draw(st.lists(step, min_size=1, max_size=4))
    if draw(st.integers(0, 4)) == 0:
        program = [["continue", program]]
    return numbered_signals(program, [0])
