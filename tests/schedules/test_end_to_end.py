"""Schedules as their users see them: whole worlds on virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from temporal_do.runtime import (
    ApplicationError,
    OverlapPolicy,
    RetryPolicy,
    ScheduleAlreadyExistsError,
    ScheduleHandle,
    ScheduleNotFoundError,
    Temporal,
    Worker,
    WorkflowContext,
    WorkflowStatus,
)
from temporal_do.runtime.keys import schedule_key
from temporal_do.runtime.messages.workflow import Poke
from temporal_do.sim import FaultPlan, Simulation

temporal = Temporal(namespace="office")


@temporal.workflow("report")
async def report(ctx: WorkflowContext, duration: str = "2h20m", answer: int = 0) -> int:
    await ctx.sleep("work", duration)
    return answer


@temporal.workflow("chapters")
async def chapters(ctx: WorkflowContext, left: int) -> str:
    await ctx.sleep("work", "50m")
    if left:
        ctx.continue_as_new(left - 1)
    return "done"


@temporal.workflow("moody")
async def moody(ctx: WorkflowContext, good_attempt: int) -> str:
    await ctx.sleep("work", "10m")
    if ctx.info.attempt < good_attempt:
        raise ApplicationError("not today")
    return "fine"


worker = Worker(namespace="office", task_queue="main", workflows=[report, chapters, moody])
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def simulate(scenario: Callable[[Simulation], Awaitable[None]], **options: Any) -> Simulation:
    """Run ``scenario`` in a world of its own; it starts at midnight."""
    with Simulation(**options) as sim:
        sim.run(worker)
        sim.execute(lambda: scenario(sim))  # type: ignore[arg-type, return-value]
    return sim


async def runs(schedule_id: str = "night") -> list[tuple[str, str, str]]:
    """Every run of a schedule, oldest first: nominal time, start and status, as clock times."""
    found = await temporal.list_workflows(f"TemporalScheduledById = '{schedule_id}'")
    shown = [
        (
            run.search_attributes["TemporalScheduledStartTime"].strftime("%H:%M"),
            run.start_time.strftime("%H:%M"),
            run.status.name.lower(),
        )
        for run in found
    ]
    return sorted(shown, key=lambda row: (row[1], row[0]))


async def nominal_times(schedule_id: str = "night") -> list[datetime]:
    """The times that runs were started for, each as often as it was."""
    found = await temporal.list_workflows(f"TemporalScheduledById = '{schedule_id}'", limit=10_000)
    return sorted(run.search_attributes["TemporalScheduledStartTime"] for run in found)


async def watch(sim: Simulation, days: int) -> list[datetime]:
    """Let days pass; the nominal times of all runs meanwhile, also of those that are forgotten by then."""
    found: dict[str, datetime] = {}
    for _ in range(2 * days):
        await sim.sleep("12h")
        for run in await temporal.list_workflows():
            found[run.run_id] = run.search_attributes["TemporalScheduledStartTime"]
    return sorted(found.values())


def hours(*values: int) -> list[datetime]:
    return [MIDNIGHT + timedelta(hours=value) for value in values]


# --- overlap ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("skip", [("01:00", "01:00", "completed"), ("04:00", "04:00", "running")]),
        (
            "buffer_one",
            [
                ("01:00", "01:00", "completed"),
                ("02:00", "03:20", "completed"),
                ("04:00", "05:40", "running"),
            ],
        ),
        (
            "buffer_all",
            [
                ("01:00", "01:00", "completed"),
                ("02:00", "03:20", "completed"),
                ("03:00", "05:40", "running"),
            ],
        ),
        (
            "cancel_other",
            [
                ("01:00", "01:00", "canceled"),
                ("02:00", "02:00", "canceled"),
                ("03:00", "03:00", "canceled"),
                ("04:00", "04:00", "canceled"),
                ("05:00", "05:00", "canceled"),
                ("06:00", "06:00", "running"),
            ],
        ),
        (
            "terminate_other",
            [
                ("01:00", "01:00", "terminated"),
                ("02:00", "02:00", "terminated"),
                ("03:00", "03:00", "terminated"),
                ("04:00", "04:00", "terminated"),
                ("05:00", "05:00", "terminated"),
                ("06:00", "06:00", "running"),
            ],
        ),
        (
            "allow_all",
            [
                ("01:00", "01:00", "completed"),
                ("02:00", "02:00", "completed"),
                ("03:00", "03:00", "completed"),
                ("04:00", "04:00", "running"),
                ("05:00", "05:00", "running"),
                ("06:00", "06:00", "running"),
            ],
        ),
    ],
)
def test_hourly_runs_of_two_hours_and_twenty_minutes(
    overlap: str, expected: list[tuple[str, str, str]]
) -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(report, schedule_id="night", interval="1h", overlap=overlap)
        await sim.sleep("6h15m")
        assert await runs() == expected
        shown = await handle.describe()
        assert shown.counters.actions == len(expected)
        assert len(shown.running) == sum(status == "running" for _, _, status in expected)
        assert shown.overlap is OverlapPolicy(overlap)

    simulate(scenario)


def test_a_chain_of_runs_counts_as_one() -> None:
    async def scenario(sim: Simulation) -> None:
        await temporal.schedule_workflow(chapters, schedule_id="book", interval="1h", args=[3])
        await sim.sleep("5h30m")
        # 01:00 + 4 * 50 min = 04:20, so 02:00, 03:00 and 04:00 are skipped.
        found = await temporal.list_workflows("TemporalScheduledById = 'book'")
        started = sorted({run.workflow_id for run in found})
        assert started == ["book-2026-01-01T01:00:00Z", "book-2026-01-01T05:00:00Z"]
        assert await temporal.get_handle(started[0]).result() == "done"

    simulate(scenario)


def test_the_run_that_a_chain_has_come_to_is_the_one_that_is_cancelled() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            chapters, schedule_id="book", interval="2h", args=[9], overlap="cancel_other"
        )
        await sim.sleep("4h30m")
        recent = (await handle.describe()).recent_actions
        assert [action.status for action in recent] == [WorkflowStatus.CANCELED, WorkflowStatus.RUNNING]

    simulate(scenario)


def test_somebody_elses_workflow_of_the_same_id_is_in_the_way_and_stays() -> None:
    async def scenario(sim: Simulation) -> None:
        stranger = await temporal.start_workflow(
            report, workflow_id="night-2026-01-01T01:00:00Z", args=["90m", 5]
        )
        handle = await temporal.schedule_workflow(
            report, schedule_id="night", interval="1h", args=["5m"], overlap="terminate_other"
        )
        await sim.sleep("3h30m")
        shown = await handle.describe()
        assert [action.status for action in shown.recent_actions] == [
            None,
            WorkflowStatus.COMPLETED,
            WorkflowStatus.COMPLETED,
        ]
        assert shown.counters.start_failed == 1
        assert await stranger.result() == 5

    simulate(scenario)


# --- times ------------------------------------------------------------------------------------------------


def test_nine_in_the_morning_stays_nine_through_both_changes_of_the_clocks() -> None:
    async def scenario(sim: Simulation) -> None:
        await temporal.schedule_workflow(
            report, schedule_id="night", cron="0 9 * * *", timezone="Europe/Berlin", args=["10m"]
        )
        times = await watch(sim, days=365)
        assert len(times) == 365
        assert {moment.astimezone(BERLIN).strftime("%H:%M") for moment in times} == {"09:00"}
        assert {moment.strftime("%H:%M") for moment in times} == {"07:00", "08:00"}

    simulate(scenario)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-03-28T00:00:00Z", ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]),
        ("2026-10-24T00:00:00Z", ["24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100"]),
    ],
)
def test_half_past_two_fires_once_a_day_where_it_is_missing_and_where_it_comes_twice(
    start: str, expected: list[str]
) -> None:
    async def scenario(sim: Simulation) -> None:
        await temporal.schedule_workflow(
            report, schedule_id="night", cron="CRON_TZ=Europe/Berlin 30 2 * * *", args=["1m"]
        )
        times = await watch(sim, days=3)
        assert [moment.astimezone(BERLIN).strftime("%d %H:%M %z") for moment in times] == expected

    simulate(scenario, start=start)


def test_jitter_delays_the_start_by_what_was_said_beforehand() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            report, schedule_id="night", interval="1h", jitter="20m", args=["1m"]
        )
        foretold = (await handle.describe()).next_times[:5]
        await sim.sleep("5h30m")
        recent = (await handle.describe()).recent_actions
        assert tuple(action.start_time for action in recent) == foretold
        assert [action.nominal_time for action in recent] == hours(1, 2, 3, 4, 5)
        delays = {action.start_time - action.nominal_time for action in recent}
        assert len(delays) > 1 and max(delays) < timedelta(minutes=20)

    simulate(scenario)


def test_a_schedule_fires_between_its_start_and_its_end() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            report,
            schedule_id="night",
            interval="1h",
            offset="30m",
            args=["1m"],
            start_at=MIDNIGHT + timedelta(hours=2),
            end_at=MIDNIGHT + timedelta(hours=4, minutes=30),
        )
        await sim.sleep("1d")
        assert [row[0] for row in await runs()] == ["02:30", "03:30", "04:30"]
        assert (await handle.describe()).next_times == ()

    simulate(scenario)


# --- what the owner does ----------------------------------------------------------------------------------


def test_a_pause_lets_times_pass_and_unpausing_goes_on_with_the_next() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(report, schedule_id="night", interval="1h", args=["1m"])
        await sim.sleep("1h30m")
        await handle.pause("maintenance")
        shown = await handle.describe()
        assert shown.paused and shown.note == "maintenance"
        await sim.sleep("3h")
        await handle.unpause()
        await sim.sleep("1h")
        assert await nominal_times() == hours(1, 5)
        assert not (await handle.describe()).paused

    simulate(scenario)


def test_a_schedule_may_begin_paused_and_be_triggered() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            report, schedule_id="night", interval="1h", args=["1m", 7], paused=True, workflow_id="by-hand"
        )
        await sim.sleep("3h")
        assert await runs() == []
        await handle.trigger()
        await sim.sleep("10m")
        [action] = (await handle.describe()).recent_actions
        assert action.workflow_id == "by-hand-2026-01-01T03:00:00Z"
        assert await temporal.get_handle(action.workflow_id).result() == 7

    simulate(scenario)


@pytest.mark.parametrize(
    ("overlap", "starts"),
    [
        ("allow_all", ["05:30"] * 3),
        ("buffer_all", ["05:30", "05:40", "05:50"]),
        (None, ["05:30"]),
    ],
)
def test_a_backfill_replays_past_times(overlap: str | None, starts: list[str]) -> None:
    async def scenario(sim: Simulation) -> None:
        await sim.sleep("5h30m")
        handle = await temporal.schedule_workflow(report, schedule_id="night", interval="1h", args=["10m"])
        first, _, last = hours(2, 3, 4)
        await handle.backfill(first, last, overlap=overlap)
        await sim.sleep("25m")
        found = await runs()
        assert [row[1] for row in found] == starts
        assert [row[0] for row in found] == ["02:00", "03:00", "04:00"][: len(starts)]

    simulate(scenario)


@pytest.mark.parametrize(("window", "started"), [("5h30m", (5, 6, 7, 8, 9, 10)), (None, tuple(range(1, 11)))])
def test_a_schedule_that_was_dead_catches_up_within_its_window(
    window: str | None, started: tuple[int, ...]
) -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            report,
            schedule_id="night",
            interval="1h",
            args=["1m"],
            overlap="allow_all",
            catchup_window=window,
        )
        await sim.sleep("10m")
        key = schedule_key("office", "night")
        sim.crash(key)
        sim.platform.object(key).alarm.set(None)  # the platform has lost it
        await sim.sleep("10h")
        assert await nominal_times() == []
        await sim.host.call(key, Poke())
        await sim.sleep("1m")
        assert await nominal_times() == hours(*started)
        assert (await handle.describe()).counters.missed_catchup == 10 - len(started)
        await sim.sleep("1h")
        assert await nominal_times() == hours(*started, 11)

    simulate(scenario)


def test_an_update_changes_what_is_named_and_leaves_the_rest() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            report,
            schedule_id="night",
            interval="1h",
            jitter="1m",
            args=["1m", 1],
            memo={"owner": "Ann"},
            retry=RetryPolicy(maximum_attempts=3),
        )
        await sim.sleep("90m")
        await handle.update(
            cron="15 * * * *", jitter=None, args=["1m", 2], overlap="allow_all", note="quarter past"
        )
        shown = await handle.describe()
        assert (shown.cron, shown.interval, shown.jitter) == (("15 * * * *",), None, None)
        assert (shown.args, shown.memo, shown.note) == (("1m", 2), {"owner": "Ann"}, "quarter past")
        assert shown.counters.actions == 1
        await sim.sleep("1h")
        last = (await handle.describe()).recent_actions[-1]
        assert last.nominal_time == MIDNIGHT + timedelta(hours=2, minutes=15)
        started = temporal.get_handle(last.workflow_id)
        assert await started.result() == 2
        assert (await started.describe()).memo == {"owner": "Ann"}
        await handle.update(workflow="moody", args=[1])
        assert (await handle.describe()).workflow_type == "moody"

    simulate(scenario)


def test_updates_at_the_same_time_are_all_made() -> None:
    async def scenario(sim: Simulation) -> None:
        import asyncio

        handle = await temporal.schedule_workflow(report, schedule_id="night", interval="1h")
        await asyncio.gather(
            handle.update(overlap="buffer_one"),
            handle.update(jitter="5m"),
            handle.update(catchup_window="1h"),
            handle.update(args=["7m"]),
        )
        shown = await handle.describe()
        assert (shown.overlap, shown.args) == (OverlapPolicy.BUFFER_ONE, ("7m",))
        assert (shown.jitter, shown.catchup_window) == (timedelta(minutes=5), timedelta(hours=1))

    simulate(scenario)


def test_a_deleted_schedule_starts_nothing_and_its_id_is_free_again() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(report, schedule_id="night", interval="1h")
        with pytest.raises(ScheduleAlreadyExistsError, match="night"):
            await temporal.schedule_workflow(report, schedule_id="night", interval="2h")
        await sim.sleep("1h30m")
        await handle.delete()
        with pytest.raises(ScheduleNotFoundError, match="night"):
            await handle.describe()
        with pytest.raises(ScheduleNotFoundError, match="night"):
            await handle.delete()
        await sim.sleep("5h")
        assert await runs() == [("01:00", "01:00", "completed")]
        again = await temporal.schedule_workflow(
            report, schedule_id="night", interval="1h", trigger_immediately=True
        )
        await sim.sleep("10m")
        assert (await again.describe()).counters.actions == 1

    simulate(scenario)


def test_what_was_never_made_is_not_found() -> None:
    async def scenario(sim: Simulation) -> None:
        handle: ScheduleHandle = temporal.get_schedule_handle("nobody")
        for call in (handle.describe, handle.pause, handle.unpause, handle.trigger, handle.delete):
            with pytest.raises(ScheduleNotFoundError, match="nobody"):
                await call()
        with pytest.raises(ScheduleNotFoundError, match="nobody"):
            await handle.update(note="x")
        with pytest.raises(ScheduleNotFoundError, match="nobody"):
            await handle.backfill(MIDNIGHT, MIDNIGHT)

    simulate(scenario)


# --- failure and limits -----------------------------------------------------------------------------------


def test_a_failure_pauses_a_schedule_that_asked_for_it() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            moody, schedule_id="night", interval="1h", args=[9], pause_on_failure=True
        )
        await sim.sleep("5h")
        shown = await handle.describe()
        assert shown.paused and "failed" in shown.note
        assert [action.status for action in shown.recent_actions] == [WorkflowStatus.FAILED]

    simulate(scenario)


def test_a_workflow_that_is_retried_is_one_run_to_its_schedule() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            moody,
            schedule_id="night",
            interval="15m",
            args=[3],
            retry=RetryPolicy(initial_interval="1m", maximum_attempts=5),
        )
        await sim.sleep("50m")
        shown = await handle.describe()
        # 10 + 1 + 10 + 2 + 10 minutes: from 00:15 to 00:48.
        assert [action.status for action in shown.recent_actions] == [WorkflowStatus.COMPLETED]
        assert shown.counters.overlap_skipped == 2

    simulate(scenario)


def test_a_schedule_stops_after_its_number_of_actions() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            report, schedule_id="night", interval="1h", args=["1m"], remaining_actions=2
        )
        await sim.sleep("1d")
        assert await nominal_times() == hours(1, 2)
        assert (await handle.describe()).next_times == ()
        await handle.update(remaining_actions=1)
        await sim.sleep("1d")
        assert (await handle.describe()).counters.actions == 3

    simulate(scenario)


# --- the world is rough -----------------------------------------------------------------------------------


ROUGH = FaultPlan(
    rates={
        "crash_before_commit": 60_000,
        "crash_in_doubt": 60_000,
        "crash_after_commit": 60_000,
        "crash_before_reply": 60_000,
        "evict": 60_000,
        "lost_request": 60_000,
        "lost_reply": 60_000,
        "late_alarm": 60_000,
        "duplicate_alarm": 60_000,
    }
)


@pytest.mark.parametrize("seed", range(6))
def test_every_time_is_started_once_whatever_crashes_and_whatever_is_lost(seed: int) -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            report, schedule_id="night", interval="1h", args=["10m"], overlap="buffer_all"
        )
        await sim.sleep("12h30m")
        sim.heal()
        await sim.sleep("12h")
        times = await nominal_times()
        assert times == hours(*range(1, 25))
        shown = await handle.describe()
        assert shown.counters.actions == 24 and len(shown.running) <= 1
        closed = await temporal.count_workflows(status="completed")
        assert closed >= 23
        assert sum(sim.platform.fault_counts.values()) > 20

    simulate(scenario, seed=seed, faults=ROUGH)


@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "cancel_other", "terminate_other", "allow_all"])
@pytest.mark.parametrize("seed", range(3))
def test_a_schedule_always_learns_which_of_its_runs_are_open(seed: int, overlap: str) -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            report, schedule_id="night", interval="1h", args=["95m"], overlap=overlap
        )
        for _ in range(6):
            await sim.sleep("70m")
            await handle.trigger()
            await handle.trigger(overlap="allow_all")
        sim.heal()
        await handle.pause()
        await sim.sleep("20m")
        shown = await handle.describe()
        believed = sorted(run.workflow_id for run in shown.running)
        found = await temporal.list_workflows(status="running")
        assert believed == sorted(run.workflow_id for run in found)
        await sim.sleep("10h")
        assert (await handle.describe()).running == ()

    simulate(scenario, seed=seed, faults=ROUGH)


def test_the_same_seed_is_the_same_run_also_when_every_row_and_message_is_encoded() -> None:
    async def scenario(sim: Simulation) -> None:
        handle = await temporal.schedule_workflow(
            report, schedule_id="night", cron="*/20 * * * *", overlap="cancel_other", jitter="5m"
        )
        await sim.sleep("3h")
        await handle.backfill(MIDNIGHT, MIDNIGHT + timedelta(hours=1), overlap="buffer_all")
        await handle.update(overlap="skip")
        await sim.sleep("3h")
        await handle.describe()

    digests = {simulate(scenario, seed=1, strict=strict).digest for strict in (False, True, False)}
    assert len(digests) == 1
