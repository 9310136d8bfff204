"""Temporal's own replayer as the judge: histories recorded here replay on the same workflow over there."""

from __future__ import annotations

import asyncio
import warnings
from datetime import timedelta
from typing import Any

import pytest

from temporal_do.runtime.definitions import define_workflow
from temporal_do.runtime.history import History, write_history

from .activities import charge, validate
from .history_builder import WorkflowTester

pytest.importorskip("temporalio", reason="Temporal's SDK is a test-only oracle (extra: oracle)")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from temporalio import activity as temporal_activity
    from temporalio import workflow as temporal_workflow
    from temporalio.client import WorkflowHistory
    from temporalio.worker import Replayer, UnsandboxedWorkflowRunner


@temporal_activity.defn(name="compute")
async def temporal_compute() -> int:
    return 42


@temporal_workflow.defn(name="order")
class TemporalOrder:
    """The same steps as ``order`` below."""

    def __init__(self) -> None:
        self.approvals: list[str] = []

    @temporal_workflow.run
    async def run(self, customer: str) -> Any:
        timeout = timedelta(minutes=10)
        start = temporal_workflow.execute_activity
        await start("validate", customer, start_to_close_timeout=timeout)
        await asyncio.sleep(300)
        if temporal_workflow.patched("two-charges"):
            await asyncio.gather(
                start("charge", 12, start_to_close_timeout=timeout),
                start("charge", 13, start_to_close_timeout=timeout),
            )
        await temporal_workflow.execute_local_activity(temporal_compute, start_to_close_timeout=timeout)
        await temporal_workflow.wait_condition(lambda: bool(self.approvals))
        await temporal_workflow.execute_child_workflow("shipping", customer, id="shipping-1")
        handle = temporal_workflow.start_activity("charge", 1, start_to_close_timeout=timeout)
        await asyncio.sleep(60)
        handle.cancel()
        await asyncio.wait([handle])
        temporal_workflow.upsert_memo({"state": "done"})
        return self.approvals

    @temporal_workflow.signal
    def approve(self, by: str) -> None:
        self.approvals.append(by)


async def order(ctx: Any, customer: str) -> Any:
    approvals: list[str] = []
    ctx.on_signal("approve", approvals.append)
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait", "5m")
    if ctx.patched("two-charges"):
        await asyncio.gather(ctx.activity("a", charge, 12), ctx.activity("b", charge, 13))
    await ctx.activity("compute", lambda: 42)
    await ctx.wait_condition(lambda: approvals)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    task = asyncio.ensure_future(ctx.activity("late", charge, 1))
    await asyncio.sleep(0)
    await ctx.sleep("a-minute", "1m")
    task.cancel()
    await asyncio.wait([task])
    ctx.upsert_memo({"state": "done"})
    return approvals


def record() -> WorkflowTester:
    run = WorkflowTester(define_workflow("order", order), "bob")
    run.commands()
    run.complete_activity("validate", "ok")
    run.commands()
    run.fire_timer("wait")
    run.commands()
    run.complete_activity("b", "two")
    run.complete_activity("a", "one")
    run.commands()
    run.signal("approve", "ann")
    run.commands()
    run.start_child("shipping-1")
    run.commands()
    run.complete_child("shipping-1")
    run.commands()
    run.fire_timer("a-minute")
    run.commands()
    assert run.result() == ["ann"]
    return run


def judge(history: History) -> None:
    replayer = Replayer(workflows=[TemporalOrder], workflow_runner=UnsandboxedWorkflowRunner())
    temporal_history = WorkflowHistory.from_json("wf-1", write_history(history))
    asyncio.run(replayer.replay_workflow(temporal_history))


def test_temporals_replayer_accepts_what_is_recorded_here() -> None:
    judge(record().history())


def test_temporals_replayer_refuses_a_changed_history() -> None:
    """The oracle judges: a history that begins with a timer is refused."""

    async def changed(ctx: Any, customer: str) -> Any:
        await ctx.sleep("wait", "5m")
        await ctx.activity("validate", validate, customer)

    run = WorkflowTester(define_workflow("order", changed), "bob")
    run.commands()
    run.fire_timer("wait")
    run.commands()
    run.complete_activity("validate", "ok")
    run.start_task()
    with pytest.raises(Exception, match="(?i)nondeterminism"):
        judge(run.history())
