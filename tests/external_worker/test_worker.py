"""An external worker by itself, in a world on virtual time: what it asks, when, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from temporal_do.edge_adapter.remote.worker import ExternalWorker, PollRefusedError
from temporal_do.runtime import ApplicationError, Worker, activity
from temporal_do.runtime.actor import Refusal
from temporal_do.runtime.connection import find_host
from temporal_do.runtime.errors import HostError, HostNotOpenError, InvalidArgumentError
from temporal_do.runtime.history import RetryPolicyRecord
from temporal_do.runtime.messages.activity import (
    CancelActivityTask,
    CompleteActivity,
    FailActivity,
    LeaseActivity,
    Leased,
    ReportActivityCanceled,
)
from temporal_do.runtime.messages.task_queue import LeavePoll, PollActivityTasks, PolledActivityTasks
from tests.activity.world import World, play

Scenario = Callable[[World], Coroutine[Any, Any, None]]


def worker_of(*functions: Callable[..., Any]) -> Worker:
    return Worker(task_queue="main", activities=list(functions))


def external(world: Any, *functions: Callable[..., Any], **options: Any) -> ExternalWorker:
    options.setdefault("threads", False)
    return ExternalWorker(world, worker_of(*functions), **options)


async def add(first: int, second: int) -> int:
    return first + second


async def slow(seconds: float = 100) -> str:
    await asyncio.sleep(seconds)
    return "done"


class Running:
    """An external worker that runs as long as the block."""

    def __init__(self, worker: ExternalWorker) -> None:
        self.worker = worker

    async def __aenter__(self) -> ExternalWorker:
        self.task = asyncio.create_task(self.worker.run())
        return self.worker

    async def __aexit__(self, *error: object) -> None:
        self.worker.stop()
        await self.task


def result_of(resolved: Any) -> Any:
    assert resolved.outcome == "completed", resolved
    (payload,) = resolved.result
    return payload.data


# --- what it does ---


def test_it_runs_what_was_parked_and_what_comes_while_it_polls() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("add", 1, 2)
        await asyncio.sleep(60)
        async with Running(external(world, add)):
            assert result_of(await world.outcome()) == b"3"
            await asyncio.sleep(300)
            await world.schedule("add", 3, 4, activity_id="2")
            before = world.loop.time()
            assert result_of(await world.outcome()) == b"7"
            assert world.loop.time() - before < 1

    play(scenario)


def test_it_polls_with_the_room_it_has() -> None:
    async def scenario(world: World) -> None:
        for number in range(5):
            await world.schedule("slow", 10, activity_id=str(number))
        async with Running(external(world, slow, concurrency=3)) as worker:
            await asyncio.sleep(5)
            assert worker.running == 3
            assert [poll.max_tasks for poll in world.sent(PollActivityTasks)] == [3]
            await asyncio.sleep(10)
            assert worker.running == 2
            assert len(world.resolved) == 3
            await asyncio.sleep(10)
            assert worker.running == 0
        assert len(world.resolved) == 5
        assert all(poll.max_tasks <= 3 for poll in world.sent(PollActivityTasks))

    play(scenario)


def test_an_attempt_that_takes_long_keeps_its_lease() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("slow", 500)
        async with Running(external(world, slow)):
            resolved = await world.outcome()
        assert (resolved.outcome, resolved.attempt) == ("completed", 1)

    play(scenario)


def test_an_activity_that_it_does_not_know_fails_with_the_names_it_knows() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("unknown", retry_policy=RetryPolicyRecord(maximum_attempts=1))
        async with Running(external(world, add)):
            resolved = await world.outcome()
        assert "registered: add" in resolved.failure.message

    play(scenario)


def test_activities_find_the_workers_host_by_themselves() -> None:
    seen: list[Any] = []

    async def look() -> None:
        seen.append(find_host(None))

    async def scenario(world: World) -> None:
        await world.schedule("look")
        async with Running(external(world, look)):
            await world.outcome()
        assert seen == [world]
        with pytest.raises(Exception, match="no host"):
            find_host(None)

    play(scenario)


def test_its_identity_is_in_the_record() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("add", 1, 2)
        async with Running(external(world, add, identity="7@machine")):
            assert (await world.outcome()).identity == "7@machine"

    play(scenario)


def test_a_cancelled_activity_hears_of_it_with_its_heartbeat() -> None:
    async def beats() -> None:
        for beat in range(100):
            activity.heartbeat(beat)
            await asyncio.sleep(10)

    async def scenario(world: World) -> None:
        key = await world.schedule("beats", heartbeat_timeout_ns=30 * 10**9)
        async with Running(external(world, beats)):
            await asyncio.sleep(15)
            await world.call(key, CancelActivityTask(run_id="run", scheduled_event_id=5))
            resolved = await world.outcome()
        assert resolved.outcome == "canceled"

    play(scenario)


# --- when things go wrong ---


def test_an_idle_worker_asks_once_per_wait() -> None:
    async def scenario(world: World) -> None:
        async with Running(external(world, add, poll_wait="20s")):
            await asyncio.sleep(1_000)
        assert 48 <= len(world.sent(PollActivityTasks)) <= 52

    play(scenario)


def test_a_host_that_does_not_wait_is_asked_once_a_second() -> None:
    class Hasty(World):
        async def call(self, receiver: str, message: Any) -> Any:
            if type(message) is PollActivityTasks:
                self.calls.append((receiver, message))
                return PolledActivityTasks()
            return await super().call(receiver, message)

    async def scenario(world: World) -> None:
        hasty = Hasty(world.loop)
        async with Running(external(hasty, add)):
            await asyncio.sleep(100)
        assert 95 <= len(hasty.sent(PollActivityTasks)) <= 102

    play(scenario)


def test_a_host_that_is_away_is_asked_less_and_less_and_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(world: World) -> None:
        world.fail_call = lambda message: "before"
        async with Running(external(world, add)):
            await asyncio.sleep(600)
            asked = len(world.sent(PollActivityTasks))
            assert 55 <= asked <= 75
            assert len({poll.poll_id for poll in world.sent(PollActivityTasks)}) == 1
            world.fail_call = lambda message: ""
            await world.schedule("add", 1, 2)
            assert result_of(await world.outcome()) == b"3"

    with caplog.at_level(logging.INFO, "temporal_do.worker"):
        play(scenario)
    lines = [record.getMessage() for record in caplog.records]
    assert sum("cannot reach task queue 'main'" in line for line in lines) == 1
    assert sum("reaches task queue 'main' again" in line for line in lines) == 1


def test_a_poll_whose_answer_was_lost_is_repeated_and_gets_its_tasks() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("add", 1, 2)
        faults = iter(["after", "after"])
        world.fail_call = lambda message: next(faults, "") if type(message) is PollActivityTasks else ""
        async with Running(external(world, add)):
            before = world.loop.time()
            assert result_of(await world.outcome()) == b"3"
            assert world.loop.time() - before < 2, "it waited for the poll lease"

    play(scenario)


def test_a_lost_lease_answer_costs_no_attempt() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("add", 1, 2)
        faults = iter(["after"])
        world.fail_call = lambda message: next(faults, "") if type(message) is LeaseActivity else ""
        async with Running(external(world, add)):
            assert (await world.outcome()).attempt == 1

    play(scenario)


def test_a_task_that_cannot_be_leased_comes_again() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("add", 1, 2)
        faults = iter(["before"] * 3)
        world.fail_call = lambda message: next(faults, "") if type(message) is LeaseActivity else ""
        async with Running(external(world, add)):
            assert result_of(await world.outcome(60)) == b"3"

    play(scenario)


def test_a_task_of_an_activity_that_ended_is_nobodys() -> None:
    async def scenario(world: World) -> None:
        key = await world.schedule("add", 1, 2)
        await asyncio.sleep(1)
        await world.call(key, CancelActivityTask(run_id="run", scheduled_event_id=5))
        async with Running(external(world, add)) as worker:
            await asyncio.sleep(100)
            assert worker.running == 0
        assert not world.sent(Leased)
        assert [resolved.outcome for resolved in world.resolved] == ["canceled"]
        assert not world.object("TaskQueueDO/default/main").tables.get("activity")

    play(scenario)


def test_a_refusal_for_good_ends_the_worker() -> None:
    class Refusing(World):
        async def call(self, receiver: str, message: Any) -> Any:
            return Refusal(code="no_such_thing", message="we do not do this here")

    async def scenario(world: World) -> None:
        with pytest.raises(PollRefusedError, match="we do not do this here") as caught:
            await external(Refusing(world.loop), add).run()
        assert caught.value.fields["code"] == "no_such_thing"

    play(scenario)


def test_a_refusal_for_now_does_not() -> None:
    async def scenario(world: World) -> None:
        refusals = iter([Refusal(code="too_many_polls", message="full", retryable=True)] * 3)
        real = world.call

        async def call(receiver: str, message: Any) -> Any:
            found = next(refusals, None) if type(message) is PollActivityTasks else None
            return await real(receiver, message) if found is None else found

        world.call = call  # type: ignore[method-assign]
        await world.schedule("add", 1, 2)
        async with Running(external(world, add)):
            assert result_of(await world.outcome()) == b"3"

    play(scenario)


def test_a_host_that_is_closed_ends_the_worker() -> None:
    class Closed(World):
        async def call(self, receiver: str, message: Any) -> Any:
            raise HostNotOpenError("this host is not open")

    async def scenario(world: World) -> None:
        with pytest.raises(HostNotOpenError):
            await external(Closed(world.loop), add).run()

    play(scenario)


def test_a_host_that_breaks_polls_off_ends_the_worker() -> None:
    class Closing(World):
        async def call(self, receiver: str, message: Any) -> Any:
            raise asyncio.CancelledError

    async def scenario(world: World) -> None:
        with pytest.raises(HostError, match="broke off"):
            await external(Closing(world.loop), add).run()

    play(scenario)


def test_a_result_that_cannot_be_reported_fails_the_activity_for_good() -> None:
    async def scenario(world: World) -> None:
        real = world.call

        async def call(receiver: str, message: Any) -> Any:
            if type(message) is CompleteActivity:
                return Refusal(code="invalid", message="the body has 3 MiB, the limit is 2 MiB")
            return await real(receiver, message)

        world.call = call  # type: ignore[method-assign]
        await world.schedule("add", 1, 2)
        async with Running(external(world, add)):
            resolved = await world.outcome(10)
        assert (resolved.outcome, resolved.attempt) == ("failed", 1)
        assert "could not be reported: the body has 3 MiB" in resolved.failure.message
        assert resolved.failure.application_failure_info.type == "ReportRefused"

    play(scenario)


def test_an_error_that_cannot_be_reported_is_retried_under_another_name() -> None:
    async def fails() -> None:
        raise ApplicationError("x" * 100)

    async def scenario(world: World) -> None:
        real = world.call

        async def call(receiver: str, message: Any) -> Any:
            if type(message) is FailActivity and message.failure.message == "x" * 100:
                return Refusal(code="invalid", message="too long")
            return await real(receiver, message)

        world.call = call  # type: ignore[method-assign]
        await world.schedule("fails", retry_policy=RetryPolicyRecord(maximum_attempts=2))
        async with Running(external(world, fails)):
            resolved = await world.outcome(60)
        assert (resolved.outcome, resolved.attempt) == ("failed", 2)
        assert "failed, with an error that could not be reported: too long" in resolved.failure.message

    play(scenario)


# --- the end ---


def test_stopping_waits_for_what_runs() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("slow", 100)
        worker = external(world, slow, grace="10m")
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(10)
        worker.stop()
        await asyncio.sleep(10)
        polls = len(world.sent(PollActivityTasks))
        assert not running.done()
        await running
        assert len(world.resolved) == 1
        assert len(world.sent(PollActivityTasks)) == polls

    play(scenario)


def test_what_does_not_end_in_time_is_given_back_and_runs_elsewhere_at_once() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("slow", 100)
        first = external(world, slow, grace="5s", identity="first")
        running = asyncio.create_task(first.run())
        await asyncio.sleep(10)
        async with Running(external(world, slow, identity="second")):
            first.stop()
            await running
            (failed,) = world.sent(FailActivity)
            assert failed.failure.application_failure_info.type == "WorkerStopped"
            resolved = await world.outcome(120)
        assert (resolved.outcome, resolved.attempt, resolved.identity) == ("completed", 2, "second")

    play(scenario)


def test_an_activity_that_was_asked_to_stop_anyway_is_cancelled_by_the_end_of_its_worker() -> None:
    async def scenario(world: World) -> None:
        async def stubborn() -> None:
            for _ in range(100):
                activity.heartbeat()
                try:
                    await asyncio.sleep(1)
                except asyncio.CancelledError:
                    if len(cancels) > 1:
                        raise
                    cancels.append(1)

        cancels: list[int] = []
        key = await world.schedule("stubborn", heartbeat_timeout_ns=5 * 10**9)
        worker = external(world, stubborn, grace="20s")
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(2)
        await world.call(key, CancelActivityTask(run_id="run", scheduled_event_id=5))
        await asyncio.sleep(10)
        cancels.append(1)
        worker.stop()
        await running
        assert world.sent(ReportActivityCanceled)
        assert (await world.outcome()).outcome == "canceled"

    play(scenario)


def test_cancelling_run_ends_it_as_gently_and_says_so() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("slow", 50)
        running = asyncio.create_task(external(world, slow, grace="60s").run())
        await asyncio.sleep(10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert len(world.resolved) == 1

    play(scenario)


def test_a_second_cancel_ends_it_at_once() -> None:
    async def scenario(world: World) -> None:
        await world.schedule("slow", 500)
        worker = external(world, slow, grace="10m")
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(10)
        running.cancel()
        await asyncio.sleep(10)
        before = world.loop.time()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.sleep(0)
        assert world.loop.time() - before < 1
        assert not world.resolved

    play(scenario)


def test_a_worker_that_leaves_takes_its_open_poll_along() -> None:
    async def scenario(world: World) -> None:
        async with Running(external(world, add)):
            await asyncio.sleep(5)
        (left,) = world.sent(LeavePoll)
        assert left.poll_id == world.sent(PollActivityTasks)[-1].poll_id
        assert not world.object("TaskQueueDO/default/main").tables.get("poll")
        await world.schedule("add", 1, 2)
        async with Running(external(world, add)):
            before = world.loop.time()
            await world.outcome()
            assert world.loop.time() - before < 1

    play(scenario)


def test_it_may_be_run_again_but_not_twice_at_once() -> None:
    async def scenario(world: World) -> None:
        worker = external(world, add)
        async with Running(worker):
            await asyncio.sleep(1)
            with pytest.raises(InvalidArgumentError, match="runs already"):
                await worker.run()
        await world.schedule("add", 1, 2)
        async with Running(worker):
            assert result_of(await world.outcome()) == b"3"

    play(scenario)


def test_stop_before_run_has_begun_ends_it_at_once() -> None:
    async def scenario(world: World) -> None:
        worker = external(world, add)
        running = asyncio.create_task(worker.run())
        worker.stop()
        await running
        assert world.loop.time() < 1

    play(scenario)


# --- what it is made of ---


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"worker": "main"}, "worker is a Worker"),
        ({"worker": Worker(task_queue="main")}, "has no activities"),
        ({"concurrency": 0}, "concurrency is a whole number from 1"),
        ({"concurrency": True}, "concurrency is a whole number from 1"),
        ({"grace": -1}, "grace"),
        ({"poll_wait": 0}, "poll_wait"),
    ],
)
def test_what_cannot_be_is_said_when_it_is_made(options: dict[str, Any], text: str) -> None:
    given = {"worker": worker_of(add), **options}
    with pytest.raises(InvalidArgumentError, match=text):
        ExternalWorker(object(), **given)  # type: ignore[arg-type]
