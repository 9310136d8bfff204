"""An attempt as its user sees it: arguments in, one report out, heartbeats and cancellation beside it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from temporal_do.runtime import activity
from temporal_do.runtime.activity_completion import ActivityNotRunningError, AsyncActivityHandle
from temporal_do.runtime.definitions import Worker
from temporal_do.runtime.errors import InvalidArgumentError
from temporal_do.runtime.failure_errors import ApplicationError, CancelledError
from temporal_do.runtime.history import RetryPolicyRecord
from temporal_do.runtime.messages.activity import (
    CancelActivityTask,
    CompleteActivity,
    DeferActivity,
    FailActivity,
    LeaseActivity,
    RecordHeartbeat,
    RenewLease,
    ReportActivityCanceled,
)
from temporal_do.runtime.payloads import DEFAULT_CONVERTER

from .world import START_NS, World, play

ONCE = RetryPolicyRecord(maximum_attempts=1)


@attrs.frozen
class Order:
    id: str
    amount: int


def serve(world: World, *functions: Any, task_queue: str = "main") -> Worker:
    worker = Worker(task_queue=task_queue, activities=list(functions))
    world.deployment.add(worker)
    return worker


def value(payloads: Any) -> Any:
    return DEFAULT_CONVERTER.from_payloads(payloads)[0]


def test_an_async_activity_gets_its_typed_arguments_and_its_result_is_recorded() -> None:
    async def charge(order: Order, note: str) -> int:
        assert isinstance(order, Order)
        return order.amount + len(note)

    async def scenario(world: World) -> None:
        serve(world, charge)
        await world.schedule("charge", Order("o1", 40), "ab")
        resolved = await world.outcome()
        assert (resolved.outcome, value(resolved.result), resolved.attempt) == ("completed", 42, 1)
        assert resolved.started_ns == START_NS
        assert resolved.activity_id == "1"

    world = play(scenario)
    assert not world.sent(RenewLease), "an activity that ends at once needs no renewal"


def test_a_sync_activity_runs_directly() -> None:
    def double(number: int) -> int:
        return 2 * number

    async def scenario(world: World) -> None:
        serve(world, double)
        await world.schedule("double", 21)
        assert value((await world.outcome()).result) == 42

    play(scenario)


def test_a_sync_activity_can_run_in_a_thread_and_heartbeat_there() -> None:
    import threading

    seen: list[Any] = []

    def slow() -> str:
        seen.append(threading.current_thread() is threading.main_thread())
        activity.heartbeat("from the thread")
        time.sleep(0.01)
        return activity.info().activity_type

    async def scenario(world: World) -> None:
        async def in_thread(fn: Any) -> Any:
            world.loop.threads += 1
            try:
                return await world.loop.run_in_executor(None, fn)
            finally:
                world.loop.threads -= 1

        world.deployment._run_sync = in_thread
        serve(world, slow)
        await world.schedule("slow")
        assert value((await world.outcome()).result) == "slow"

    world = play(scenario)
    assert seen == [False]
    assert [value(beat.details) for beat in world.sent(RecordHeartbeat)] == ["from the thread"]


def test_a_failed_attempt_is_made_again_after_the_backoff() -> None:
    times: list[datetime] = []

    async def flaky() -> str:
        times.append(activity.info().started_time)
        if len(times) < 3:
            raise ValueError("not yet")
        return "done"

    async def scenario(world: World) -> None:
        serve(world, flaky)
        await world.schedule("flaky")
        resolved = await world.outcome()
        assert (resolved.outcome, resolved.attempt) == ("completed", 3)
        assert resolved.last_failure is not None
        assert resolved.last_failure.message == "not yet"

    play(scenario)
    assert [later - earlier for earlier, later in zip(times, times[1:], strict=False)] == [
        timedelta(seconds=1),
        timedelta(seconds=2),
    ]


def test_what_is_raised_keeps_its_type_name_across_the_boundary() -> None:
    class OutOfStock(Exception):
        pass

    async def reserve() -> None:
        raise OutOfStock("no more chairs")

    async def scenario(world: World) -> None:
        serve(world, reserve)
        policy = RetryPolicyRecord(non_retryable_error_types=("OutOfStock",))
        await world.schedule("reserve", retry_policy=policy)
        resolved = await world.outcome()
        assert resolved.outcome == "failed"
        assert resolved.retry_state == "RETRY_STATE_NON_RETRYABLE_FAILURE"
        assert resolved.failure is not None and resolved.failure.application_failure_info is not None
        assert resolved.failure.application_failure_info.type == "OutOfStock"
        assert resolved.failure.message == "no more chairs"

    play(scenario)


def test_next_retry_delay_replaces_the_backoff_once() -> None:
    starts: list[float] = []

    async def busy() -> None:
        starts.append(asyncio.get_running_loop().time())
        if len(starts) == 1:
            raise ApplicationError("come back later", next_retry_delay="90s")
        if len(starts) == 2:
            raise ApplicationError("again")

    async def scenario(world: World) -> None:
        serve(world, busy)
        await world.schedule("busy")
        assert (await world.outcome()).outcome == "completed"

    play(scenario)
    assert [round(start) for start in starts] == [0, 90, 92]


@pytest.mark.parametrize("raised", [SystemExit(3), AssertionError("no"), BaseException("odd")])
def test_whatever_an_activity_raises_becomes_its_failure(raised: BaseException) -> None:
    async def odd() -> None:
        raise raised

    async def scenario(world: World) -> None:
        serve(world, odd)
        await world.schedule("odd", retry_policy=ONCE)
        resolved = await world.outcome()
        assert (resolved.outcome, resolved.retry_state) == ("failed", "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED")
        assert resolved.failure is not None and resolved.failure.application_failure_info is not None
        assert resolved.failure.application_failure_info.type == type(raised).__name__

    play(scenario)


def test_a_result_that_cannot_be_encoded_fails_for_good_and_names_the_activity() -> None:
    async def lookup() -> Any:
        return {"rows": {1, 2}}

    async def scenario(world: World) -> None:
        serve(world, lookup)
        await world.schedule("lookup")
        resolved = await world.outcome()
        assert (resolved.outcome, resolved.attempt) == ("failed", 1)
        assert resolved.retry_state == "RETRY_STATE_NON_RETRYABLE_FAILURE"
        assert resolved.failure is not None
        assert "'lookup'" in resolved.failure.message and "result.rows" in resolved.failure.message

    play(scenario)


def test_an_unregistered_activity_names_the_registered_ones_and_is_tried_again() -> None:
    async def ship() -> str:
        return "shipped"

    async def scenario(world: World) -> None:
        async def pay() -> None: ...

        serve(world, pay)
        await world.schedule("ship")
        await asyncio.sleep(0.5)
        serve(world, ship)
        resolved = await world.outcome()
        assert (resolved.outcome, resolved.attempt) == ("completed", 2)
        failure = resolved.last_failure
        assert failure is not None and failure.application_failure_info is not None
        assert failure.application_failure_info.type == "ActivityNotRegistered"
        assert "'ship'" in failure.message and "registered: pay" in failure.message

    play(scenario)


def test_a_mock_replaces_an_activity_by_name_and_keeps_its_types() -> None:
    async def charge(order: Order) -> str:
        raise AssertionError("must not be called")

    async def scenario(world: World) -> None:
        serve(world, charge)
        world.deployment.mocks["charge"] = lambda order: f"mocked {order.id}"
        await world.schedule("charge", Order("o7", 1))
        assert value((await world.outcome()).result) == "mocked o7"

    play(scenario)


def test_info_tells_the_attempt_and_one_idempotency_key_for_all_attempts() -> None:
    infos: list[activity.ActivityInfo] = []

    async def charge() -> None:
        infos.append(activity.info())
        if len(infos) == 1:
            raise RuntimeError

    async def scenario(world: World) -> None:
        serve(world, charge)
        await world.schedule("charge", heartbeat_timeout_ns=5 * 10**9)
        await world.outcome()
        await world.schedule("charge", activity_id="2")
        await world.outcome()

    play(scenario)
    first, second, other = infos
    assert (first.attempt, second.attempt, first.workflow_id, first.activity_id) == (1, 2, "w", "1")
    assert first.idempotency_key == second.idempotency_key != other.idempotency_key
    assert first.task_token != second.task_token
    assert first.scheduled_time == second.scheduled_time == datetime(2026, 1, 1, tzinfo=UTC)
    assert second.current_attempt_scheduled_time == first.scheduled_time + timedelta(seconds=1)
    assert first.heartbeat_timeout == timedelta(seconds=5)
    assert first.start_to_close_timeout == timedelta(minutes=10)


def test_outside_an_activity_the_functions_say_so() -> None:
    assert not activity.in_activity()
    for call in (activity.info, activity.heartbeat, activity.is_cancelled, activity.raise_complete_async):
        with pytest.raises(activity.NotInActivityError, match=f"activity.{call.__name__}\\(\\)"):
            call()


def test_heartbeats_are_throttled_and_the_last_details_reach_the_next_attempt() -> None:
    resumed: list[tuple[Any, ...]] = []

    async def copy_rows() -> str:
        resumed.append(activity.info().heartbeat_details)
        start = activity.info().heartbeat_details[0] if activity.info().heartbeat_details else 0
        for row in range(start, 200):
            activity.heartbeat(row)
            await asyncio.sleep(0.1)
            if row == 99 and activity.info().attempt == 1:
                raise RuntimeError("interrupted")
        return "copied"

    async def scenario(world: World) -> None:
        serve(world, copy_rows)
        await world.schedule("copy_rows", heartbeat_timeout_ns=5 * 10**9)
        assert (await world.outcome()).outcome == "completed"

    world = play(scenario)
    assert resumed == [(), (99,)]
    beats = [value(beat.details) for beat in world.sent(RecordHeartbeat)]
    assert 4 <= len(beats) <= 8, beats
    assert beats[0] == 0 and 99 in beats


def test_without_heartbeats_the_heartbeat_timeout_fails_the_attempt() -> None:
    async def silent() -> None:
        await asyncio.sleep(60)

    async def scenario(world: World) -> None:
        serve(world, silent)
        await world.schedule("silent", heartbeat_timeout_ns=5 * 10**9, retry_policy=ONCE)
        resolved = await world.outcome()
        assert resolved.outcome == "timed_out"
        assert START_NS + 5 * 10**9 <= world.now() < START_NS + 6 * 10**9
        assert resolved.failure is not None and resolved.failure.timeout_failure_info is not None
        assert resolved.failure.timeout_failure_info.timeout_type == "TIMEOUT_TYPE_HEARTBEAT"

    play(scenario)


def test_heartbeat_details_that_cannot_be_encoded_are_the_users_error() -> None:
    async def bad() -> None:
        with pytest.raises(InvalidArgumentError, match="details"):
            activity.heartbeat(object())

    async def scenario(world: World) -> None:
        serve(world, bad)
        await world.schedule("bad")
        assert (await world.outcome()).outcome == "completed"

    play(scenario)


def test_a_long_activity_keeps_its_lease_without_any_heartbeat() -> None:
    async def long() -> str:
        await asyncio.sleep(3600)
        return "done"

    async def scenario(world: World) -> None:
        serve(world, long)
        await world.schedule("long", start_to_close_timeout_ns=2 * 3600 * 10**9)
        resolved = await world.outcome()
        assert (resolved.outcome, resolved.attempt) == ("completed", 1)

    world = play(scenario)
    assert 3600 // 20 - 1 <= len(world.sent(RenewLease)) <= 3600 // 20


def test_start_to_close_stops_user_code_and_the_attempt_times_out() -> None:
    stopped: list[int] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(10**6)
        except asyncio.CancelledError:
            stopped.append(activity.info().attempt)
            raise

    async def scenario(world: World) -> None:
        serve(world, endless)
        await world.schedule(
            "endless",
            start_to_close_timeout_ns=30 * 10**9,
            retry_policy=RetryPolicyRecord(maximum_attempts=2),
        )
        resolved = await world.outcome()
        assert (resolved.outcome, resolved.attempt) == ("timed_out", 2)
        assert resolved.failure is not None and resolved.failure.timeout_failure_info is not None
        assert resolved.failure.timeout_failure_info.timeout_type == "TIMEOUT_TYPE_START_TO_CLOSE"

    world = play(scenario)
    assert stopped == [1, 2]
    assert not world.sent(FailActivity) and not world.sent(ReportActivityCanceled)


def test_cancellation_arrives_with_a_heartbeat_and_lets_the_activity_clean_up() -> None:
    trace: list[str] = []

    async def watch() -> None:
        waiting = asyncio.ensure_future(activity.wait_for_cancelled())
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(1)
        except asyncio.CancelledError:
            await waiting
            trace.append(f"cancelled {activity.is_cancelled()}")
            await asyncio.sleep(1)
            trace.append("cleaned up")
            raise

    async def scenario(world: World) -> None:
        serve(world, watch)
        key = await world.schedule("watch", heartbeat_timeout_ns=10 * 10**9)
        await asyncio.sleep(5)
        await world.call(key, CancelActivityTask(run_id="run", scheduled_event_id=5))
        resolved = await world.outcome()
        assert resolved.outcome == "canceled"

    play(scenario)
    assert trace == ["cancelled True", "cleaned up"]


def test_a_cancelled_activity_may_still_complete_or_report_details() -> None:
    async def finishes() -> str:
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(1)
        except asyncio.CancelledError:
            return "finished anyway"

    async def reports() -> str:
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(1)
        except asyncio.CancelledError:
            raise CancelledError("stopped", "half done") from None

    async def scenario(world: World) -> None:
        serve(world, finishes, reports)
        for name, activity_id in (("finishes", "1"), ("reports", "2")):
            key = await world.schedule(name, heartbeat_timeout_ns=10**10, activity_id=activity_id)
            await asyncio.sleep(1)
            await world.call(key, CancelActivityTask(run_id="run", scheduled_event_id=5))
            resolved = await world.outcome()
            outcome = "completed" if name == "finishes" else "canceled"
            assert (resolved.outcome, value(resolved.result or resolved.details)) == (
                outcome,
                "finished anyway" if name == "finishes" else "half done",
            )

    play(scenario)


def test_a_cancelled_error_nobody_asked_for_is_an_ordinary_failure() -> None:
    async def confused() -> None:
        raise asyncio.CancelledError

    async def scenario(world: World) -> None:
        serve(world, confused)
        await world.schedule("confused", retry_policy=ONCE)
        resolved = await world.outcome()
        assert resolved.outcome == "failed"
        assert resolved.failure is not None and resolved.failure.application_failure_info is not None

    play(scenario)


def test_an_activity_can_be_completed_from_outside_by_its_token() -> None:
    tokens: list[bytes] = []

    async def approve() -> None:
        tokens.append(activity.info().task_token)
        activity.raise_complete_async()

    async def scenario(world: World) -> None:
        serve(world, approve)
        await world.schedule("approve", start_to_close_timeout_ns=30 * 24 * 3600 * 10**9)
        await asyncio.sleep(10 * 24 * 3600)
        handle = AsyncActivityHandle(world, tokens[0], DEFAULT_CONVERTER)  # type: ignore[arg-type]
        assert await handle.heartbeat("on it") is False
        await handle.complete("yes")
        resolved = await world.outcome()
        assert (resolved.outcome, value(resolved.result), resolved.attempt) == ("completed", "yes", 1)
        await handle.complete("yes")
        with pytest.raises(ActivityNotRunningError):
            await handle.fail(ValueError("too late"))
        with pytest.raises(InvalidArgumentError, match="task token"):
            AsyncActivityHandle(world, b"nonsense", DEFAULT_CONVERTER)  # type: ignore[arg-type]

    world = play(scenario)
    assert len(world.sent(DeferActivity)) == 1
    assert not world.sent(RenewLease)


def test_a_lost_reply_to_the_lease_costs_no_attempt() -> None:
    runs: list[int] = []

    async def once() -> None:
        runs.append(activity.info().attempt)

    async def scenario(world: World) -> None:
        faults = iter(["after", "before"])
        world.fail_call = lambda message: next(faults, "") if isinstance(message, LeaseActivity) else ""
        serve(world, once)
        await world.schedule("once", retry_policy=ONCE)
        assert (await world.outcome()).outcome == "completed"

    play(scenario)
    assert runs == [1]


def test_a_report_is_repeated_until_its_outcome_is_known() -> None:
    async def once() -> str:
        return "result"

    async def scenario(world: World) -> None:
        faults = iter(["before", "after", "after"])
        world.fail_call = lambda message: next(faults, "") if isinstance(message, CompleteActivity) else ""
        serve(world, once)
        await world.schedule("once")
        await asyncio.sleep(5)
        assert len(world.resolved) == 1
        assert (await world.outcome()).outcome == "completed"

    world = play(scenario)
    assert len(world.sent(CompleteActivity)) == 4


def test_an_attempt_that_lost_its_lease_is_stopped_and_reports_nothing() -> None:
    stopped: list[int] = []

    async def cut_off() -> str:
        try:
            await asyncio.sleep(200)
        except asyncio.CancelledError:
            stopped.append(activity.info().attempt)
            raise
        return f"attempt {activity.info().attempt}"

    async def scenario(world: World) -> None:
        def fault(message: Any) -> str:
            partition = isinstance(message, RenewLease) and world.loop.time() < 70
            return "before" if partition else ""

        world.fail_call = fault
        serve(world, cut_off)
        await world.schedule("cut_off")
        resolved = await world.outcome()
        assert (resolved.attempt, value(resolved.result)) == (2, "attempt 2")
        assert resolved.last_failure is not None
        assert resolved.last_failure.message == "activity worker lost: its lease ran out"

    world = play(scenario)
    assert stopped == [1]
    assert len(world.sent(CompleteActivity)) == 1


def test_two_deliveries_of_one_task_run_it_once() -> None:
    runs: list[int] = []

    async def once() -> None:
        runs.append(1)
        await asyncio.sleep(1)

    async def scenario(world: World) -> None:
        serve(world, once)
        consume = world.consume

        async def twice(body: Any) -> None:
            await asyncio.gather(consume(body), consume(body))

        world.consume = twice  # type: ignore[method-assign]
        await world.schedule("once")
        assert (await world.outcome()).outcome == "completed"

    play(scenario)
    assert runs == [1]


def test_a_task_without_a_worker_waits_for_one_to_announce_itself() -> None:
    async def late() -> str:
        return "served"

    async def scenario(world: World) -> None:
        await world.schedule("late")
        await asyncio.sleep(30 * 24 * 3600)
        worker = serve(world, late)
        await world.deployment.announce(world, worker)  # type: ignore[arg-type]
        resolved = await world.outcome(within_seconds=1)
        assert (resolved.outcome, resolved.attempt) == ("completed", 1)

    world = play(scenario)
    assert len(world.sent(LeaseActivity)) == 1


def test_user_code_beside_the_activity_does_not_believe_to_be_inside() -> None:
    async def quick() -> None:
        activity.heartbeat("x")
        await asyncio.sleep(0.1)

    inside: list[bool] = []

    async def scenario(world: World) -> None:
        def look(message: Any) -> str:
            inside.append(activity.in_activity())
            return ""

        world.fail_call = look
        serve(world, quick)
        await world.schedule("quick")
        await world.outcome()

    play(scenario)
    assert inside and not any(inside)
