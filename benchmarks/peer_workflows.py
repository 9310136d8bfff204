"""The measured workflows as Temporal's own SDK wants them: the same commands for the same history."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow


@workflow.defn(name="days")
class Days:
    """``workflows.days``."""

    @workflow.run
    async def run(self, count: int) -> int:
        """Every day one activity."""
        greeted = 0
        for _ in range(count):
            await asyncio.sleep(86_400)
            await workflow.execute_activity("hello", "world", start_to_close_timeout=timedelta(minutes=10))
            greeted += 1
        return greeted


@workflow.defn(name="days")
class ChangedDays:
    """The same with the two steps swapped: a replayer that says nothing about it has not looked."""

    @workflow.run
    async def run(self, count: int) -> int:
        """Every day one activity."""
        for _ in range(count):
            await workflow.execute_activity("hello", "world", start_to_close_timeout=timedelta(minutes=10))
            await asyncio.sleep(86_400)
        return count
