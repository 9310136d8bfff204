"""Which code runs for the shop's task queue, and the schedule that starts the nightly report."""

from __future__ import annotations

from temporal_do.runtime import ScheduleHandle, Worker

from .activities import ACTIVITIES
from .app import temporal
from .workflows import WORKFLOWS, nightly_report

worker = Worker(namespace="shop", task_queue="shop", workflows=WORKFLOWS, activities=ACTIVITIES)


async def schedule_nightly_report() -> ScheduleHandle:
    """Every night at two, on the shop's clock; once a night also when the clocks change."""
    return await temporal.schedule_workflow(
        nightly_report, schedule_id="nightly-report", cron="0 2 * * *", timezone="Europe/Berlin"
    )
