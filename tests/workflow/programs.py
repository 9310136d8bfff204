"""Small generated workflow programs, and a server that answers whatever they ask.

A program is a tree of steps. Kept and rebuilt runs see the same history, so every program must issue the same
commands in both, confluent or not.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
from hypothesis import strategies as st

from .activities import charge
from .history_builder import WorkflowTester


@attrs.frozen
class Step:
    """One node: a kind, a small number, and children."""

    kind: str
    n: int = 0
    steps: tuple[Step, ...] = ()


LEAVES = ("sleep", "activity", "signal", "signal_timeout", "child", "patch", "uuid", "side_effect", "local")
NODES = ("seq", "gather", "wait_for", "race", "group", "catch")


def leaves() -> st.SearchStrategy[Step]:
    return st.builds(Step, st.sampled_from(LEAVES), st.integers(0, 3))


def programs() -> st.SearchStrategy[Step]:
    return st.recursive(
        leaves(),
        lambda inner: st.builds(
            Step,
            st.sampled_from(NODES),
            st.integers(0, 3),
            st.lists(inner, min_size=1, max_size=3).map(tuple),
        ),
        max_leaves=8,
    )


async def run_step(ctx: Any, step: Step, log: list[str]) -> None:
    """Interpret one step; ``log`` tells the order in which things went on."""
    kind, n = step.kind, step.n
    if kind == "sleep":
        await ctx.sleep(f"sleep-{n}", n)
    elif kind == "activity":
        log.append(str(await ctx.activity(f"activity-{n}", charge, n)))
    elif kind == "signal":
        log.append(str(await ctx.wait_for_signal(f"s{n % 2}")))
    elif kind == "signal_timeout":
        log.append(str(await ctx.wait_for_signal(f"s{n % 2}", timeout=n + 1)))
    elif kind == "child":
        log.append(str(await ctx.execute_child("child", n)))
    elif kind == "patch":
        log.append(str(ctx.patched(f"p{n}")))
    elif kind == "uuid":
        log.append(str(ctx.uuid4()))
    elif kind == "side_effect":
        log.append(str(ctx.side_effect(lambda: n)))
    elif kind == "local":
        log.append(str(await ctx.activity(f"local-{n}", lambda: n)))
    elif kind == "seq":
        for each in step.steps:
            await run_step(ctx, each, log)
    elif kind == "gather":
        await asyncio.gather(*(run_step(ctx, each, log) for each in step.steps))
    elif kind == "group":
        async with asyncio.TaskGroup() as group:
            for each in step.steps:
                group.create_task(run_step(ctx, each, log))
    elif kind == "wait_for":
        try:
            await asyncio.wait_for(run_step(ctx, step.steps[0], log), n + 1)
        except TimeoutError:
            log.append("timeout")
    elif kind == "race":
        tasks = [asyncio.ensure_future(run_step(ctx, each, log)) for each in step.steps]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    elif kind == "catch":
        try:
            for each in step.steps:
                await run_step(ctx, each, log)
        except asyncio.CancelledError:
            log.append("cancelled")
            await ctx.sleep("cleanup", 1)
            raise


def serve(run: WorkflowTester, choices: list[int], *, drops: list[bool], steps_max: int = 60) -> None:
    """Run tasks until the workflow closes; each time let one of the things happen that can."""
    position = 0

    def choose(count: int) -> int:
        nonlocal position
        value = choices[position % len(choices)] if choices else 0
        position += 1
        return value % count

    for step in range(steps_max):
        run.drop_cache = drops[step % len(drops)] if drops else False
        run.commands()
        if run.closed:
            return
        for _ in range(1 + choose(2)):
            if not _happen(run, choose, last=step > steps_max // 2):
                break


def _happen(run: WorkflowTester, choose: Any, *, last: bool) -> bool:
    options: list[tuple[str, Any]] = [("timer", event) for event in run.open_timers()]
    options += [("activity", event) for event in run.open_activities()]
    options += [("child", event) for event in run.open_children()]
    options += [("signal", name) for name in ("s0", "s1")]
    if last:
        options.append(("cancel", None))
    kind, what = options[choose(len(options))]
    if kind == "timer":
        run.fire_timer(what.attributes.timer_id)
    elif kind == "activity":
        run.complete_activity(what.attributes.activity_id, f"result-{what.attributes.activity_id}")
    elif kind == "child":
        run.complete_child(what.attributes.workflow_id, f"child {what.attributes.workflow_id}")
    elif kind == "signal":
        run.signal(what, len(run.events))
    else:
        run.request_cancel()
    return True
