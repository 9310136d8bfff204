"""What is wrong with a schedule is said by name, and then nothing has happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from temporal_do.runtime import (
    InvalidArgumentError,
    PayloadTooLargeError,
    RetryPolicy,
    ScheduleNotFoundError,
    Temporal,
    WorkflowContext,
    WorkflowNotRegisteredError,
)
from temporal_do.runtime.schedules.calendars import CalendarSpec
from temporal_do.runtime.schedules.overlap import OverlapPolicy
from temporal_do.sim import Simulation

temporal = Temporal(namespace="office")
elsewhere = Temporal(namespace="office")


@temporal.workflow("tidy-up")
async def tidy_up(ctx: WorkflowContext, room: str) -> None:
    await ctx.sleep("work", "1m")


NAIVE = datetime(2026, 1, 1)
GOOD: dict[str, Any] = {"schedule_id": "s", "interval": "1h", "args": ["attic"]}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"schedule_id": ""}, "schedule id is a non-empty text, not ''"),
    ({"schedule_id": 7}, "schedule id is a non-empty text, not 7"),
    ({"schedule_id": "x" * 1001}, "at most 1000 characters"),
    ({"interval": None}, "exactly one of cron"),
    ({"cron": "0 9 * * *"}, "exactly one of cron"),
    ({"interval": None, "cron": "0 25 * * *"}, "'25' is no hour, which is 0 to 23"),
    ({"interval": None, "cron": "0 0 31 2 *"}, "no date ever matches"),
    ({"interval": None, "cron": 5}, "5 is no text"),
    ({"interval": "often"}, "interval 'often' is not a duration"),
    ({"interval": "10ms"}, "one second or longer"),
    ({"jitter": "-1s"}, "jitter '-1s' is negative"),
    ({"offset": "2h"}, "not below the interval"),
    ({"timezone": "Europe/Berlyn"}, "Did you mean 'Europe/Berlin'"),
    ({"overlap": "skipp"}, "Did you mean 'skip'"),
    ({"overlap": None}, "overlap: None is not a policy"),
    ({"catchup_window": "1s"}, "catchup_window: '1s' is not accepted. Accepted: 10s or longer"),
    ({"start_at": NAIVE}, "with a time zone"),
    ({"start_at": datetime(2027, 1, 1, tzinfo=UTC), "end_at": datetime(2026, 1, 1, tzinfo=UTC)}, "before"),
    ({"args": "attic"}, r"write args=\['attic'\]"),
    ({"args": []}, r"takes 1 argument\(s\)"),
    ({"args": [{1, 2}]}, "set"),
    ({"workflow_id": ""}, "workflow_id is a non-empty text, not ''"),
    ({"workflow_id": "x" * 990}, "since it adds the time"),
    ({"paused": "yes"}, "paused is True or False, not 'yes'"),
    ({"note": None}, "note is a text, not None"),
    ({"retry": 3}, r"retry is a RetryPolicy\(...\), not 3"),
    ({"run_timeout": "soon"}, "run_timeout 'soon' is not a duration"),
    ({"memo": ["a"]}, "memo is a mapping"),
    ({"search_attributes": {"TemporalScheduledById": "me"}}, "set by the schedule itself"),
    ({"search_attributes": {"Big": object()}}, "search attribute 'Big'"),
    ({"remaining_actions": -1}, "remaining_actions is a whole number, 0 or more"),
    ({"remaining_actions": True}, "remaining_actions is a whole number, 0 or more"),
    ({"trigger_immediately": 1}, "trigger_immediately is True or False, not 1"),
    ({"catch_up_window": "1h"}, "no option 'catch_up_window'; did you mean 'catchup_window'"),
    ({"id_reuse_policy": "x"}, "schedule_workflow has no option 'id_reuse_policy'"),
]


@pytest.mark.parametrize(("change", "reason"), BAD, ids=[str(change)[:40] for change, _ in BAD])
def test_a_bad_schedule_is_refused_by_the_name_of_what_is_wrong(change: dict[str, Any], reason: str) -> None:
    async def scenario() -> None:
        with pytest.raises(InvalidArgumentError, match=reason):
            await temporal.schedule_workflow(tidy_up, **(GOOD | change))
        assert sim.messages_delivered == 0
        with pytest.raises(ScheduleNotFoundError):
            await temporal.get_schedule_handle("s").describe()

    with Simulation() as sim:
        sim.execute(scenario)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"jitter": "x"}, "jitter 'x' is not a duration"),
        ({"cron": "0 9 * *"}, "it has 4 fields"),
        ({"interval": None}, "exactly one of cron"),
        ({"interval": "1h", "cron": "0 9 * * *"}, "exactly one of cron"),
        ({"overlap": "never"}, "overlap: 'never'"),
        ({"pause_on_failure": 0}, "pause_on_failure is True or False"),
        ({"args": []}, "takes 1 argument"),
        ({"task_queue": ""}, "task_queue: '' is not accepted"),
        ({"paused": True}, "update has no option 'paused'"),
        ({"note": 1}, "note is a text, not 1"),
        ({"remaining_actions": 1.5}, "remaining_actions is a whole number"),
    ],
)
def test_a_bad_update_is_refused_and_leaves_the_schedule_as_it_is(change: Any, reason: str) -> None:
    async def scenario() -> None:
        handle = await temporal.schedule_workflow(tidy_up, **GOOD)
        before = await handle.describe()
        with pytest.raises(InvalidArgumentError, match=reason):
            await handle.update(**change)
        assert await handle.describe() == before

    with Simulation() as sim:
        sim.execute(scenario)


def test_other_calls_refuse_what_they_do_not_understand() -> None:
    async def scenario() -> None:
        now = sim.now()
        handle = await temporal.schedule_workflow(tidy_up, **GOOD)
        with pytest.raises(InvalidArgumentError, match="'sometimes' is not a policy"):
            await handle.trigger(overlap="sometimes")
        with pytest.raises(InvalidArgumentError, match="no time zone"):
            await handle.backfill(NAIVE, now)
        with pytest.raises(InvalidArgumentError, match="after end"):
            await handle.backfill(now, now - timedelta(hours=1))
        with pytest.raises(InvalidArgumentError, match="in the future"):
            await handle.backfill(now, now + timedelta(hours=1))
        with pytest.raises(InvalidArgumentError, match="note is a text"):
            await handle.pause(3)  # type: ignore[arg-type]
        with pytest.raises(WorkflowNotRegisteredError, match="did you mean 'tidy-up'"):
            await temporal.schedule_workflow("tidyup", **GOOD)
        with pytest.raises(PayloadTooLargeError, match=r"args\[0\]"):
            await temporal.schedule_workflow(tidy_up, **(GOOD | {"args": ["x" * 3_000_000]}))
        shown = await handle.describe()
        assert (shown.counters.actions, shown.paused, shown.backfills) == (0, False, 0)

    with Simulation() as sim:
        sim.execute(scenario)


def test_everything_that_was_asked_for_is_described() -> None:
    async def scenario() -> None:
        handle = await temporal.schedule_workflow(
            tidy_up,
            schedule_id="s",
            calendars=CalendarSpec(hour="9", day_of_week="mon-fri"),
            jitter="5m",
            timezone="Asia/Tokyo",
            overlap=OverlapPolicy.BUFFER_ONE,
            catchup_window="1d",
            args=["attic"],
            workflow_id="cleaning",
            task_queue="maids",
            paused=True,
            note="not yet",
            start_at=datetime(2026, 2, 1, tzinfo=UTC),
            end_at=datetime(2026, 3, 1, tzinfo=UTC),
            pause_on_failure=True,
            remaining_actions=3,
            retry=RetryPolicy(maximum_attempts=2),
            execution_timeout="2h",
            memo={"why": "dust"},
            search_attributes={"Floor": 3},
        )
        shown = await handle.describe()
        assert (shown.schedule_id, shown.workflow_type, shown.task_queue) == ("s", "tidy-up", "maids")
        assert (shown.workflow_id, shown.args) == ("cleaning", ("attic",))
        assert (shown.memo, shown.search_attributes) == ({"why": "dust"}, {"Floor": 3})
        assert shown.calendars == (CalendarSpec(hour="9", day_of_week="mon-fri"),)
        assert (shown.cron, shown.interval, shown.offset) == ((), None, None)
        assert (shown.jitter, shown.timezone) == (timedelta(minutes=5), "Asia/Tokyo")
        assert (shown.start_at, shown.end_at) == (
            datetime(2026, 2, 1, tzinfo=UTC),
            datetime(2026, 3, 1, tzinfo=UTC),
        )
        assert (shown.overlap, shown.catchup_window) == (OverlapPolicy.BUFFER_ONE, timedelta(days=1))
        assert (shown.pause_on_failure, shown.remaining_actions) == (True, 3)
        assert (shown.paused, shown.note, shown.create_time) == (True, "not yet", sim.now())
        assert len(shown.next_times) == 3
        assert shown.next_times[0].date() == datetime(2026, 2, 2).date()
        assert (shown.running, shown.recent_actions, shown.waiting) == ((), (), 0)

    with Simulation() as sim:
        sim.execute(scenario)


def test_an_update_without_the_definition_at_hand_is_possible() -> None:
    async def scenario() -> None:
        await temporal.schedule_workflow(tidy_up, **GOOD)
        handle = elsewhere.get_schedule_handle("s")
        await handle.update(args=["cellar"], workflow_id="deep-cleaning")
        shown = await handle.describe()
        assert (shown.args, shown.workflow_id) == (("cellar",), "deep-cleaning")
        with pytest.raises(InvalidArgumentError, match=r"write args=\['cellar'\]"):
            await handle.update(args="cellar")

    with Simulation() as sim:
        sim.execute(scenario)


@pytest.mark.parametrize(
    ("changes", "cron", "zone"),
    [
        ({"cron": "0 8 * * *"}, "0 8 * * *", "Europe/Berlin"),
        ({"timezone": "Asia/Tokyo"}, "0 9 * * *", "Asia/Tokyo"),
        ({"cron": "CRON_TZ=Asia/Tokyo 0 8 * * *"}, "0 8 * * *", "Asia/Tokyo"),
        ({"timezone": None}, "0 9 * * *", "UTC"),
    ],
)
def test_an_update_keeps_the_time_zone_unless_it_names_one(
    changes: dict[str, Any], cron: str, zone: str
) -> None:
    async def scenario() -> None:
        handle = await temporal.schedule_workflow(
            tidy_up, schedule_id="s", cron="0 9 * * *", timezone="Europe/Berlin", args=["attic"]
        )
        await handle.update(**changes)  # type: ignore[typeddict-item]
        shown = await handle.describe()
        assert (shown.cron, shown.timezone) == ((cron,), zone)

    with Simulation() as sim:
        sim.execute(scenario)


def test_a_new_interval_forgets_the_offset_of_the_old_one() -> None:
    async def scenario() -> None:
        handle = await temporal.schedule_workflow(tidy_up, **GOOD, offset="50m")
        await handle.update(interval="30m")
        assert (await handle.describe()).offset is None
        await handle.update(offset="10m")
        shown = await handle.describe()
        assert (shown.interval, shown.offset) == (timedelta(minutes=30), timedelta(minutes=10))

    with Simulation() as sim:
        sim.execute(scenario)
