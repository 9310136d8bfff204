"""The face of the simulator: virtual time, stepping, what is raised into the test when it can't go on."""

from __future__ import annotations

import asyncio
import logging
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from temporal_do.runtime.actor import Actor, Alarm, Ok, State, Turn
from temporal_do.runtime.connection import find_host
from temporal_do.runtime.durations import DAY, HOUR, MINUTE, SECOND
from temporal_do.runtime.errors import InvalidArgumentError, NoHostError
from temporal_do.sim import BudgetExceeded, Simulation, SimulationDeadlock, SimulationError, TimeStandsStill
from temporal_do.sim.stuck import HOUSEKEEPING_MAX

from .toys import ToyAdd, ToyNumber, ToyRead, ToySend, ToyTick, rows, toy_simulation

CLOCK = "Clock/toys/c"


def _minutes(simulation: Simulation) -> float:
    return (simulation.now() - datetime(2026, 1, 1, tzinfo=UTC)) / timedelta(minutes=1)


# --- time ---


def test_waiting_takes_virtual_time_only() -> None:
    with toy_simulation() as sim:

        async def main() -> str:
            await asyncio.sleep(60)
            assert _minutes(sim) == 1
            await sim.sleep("365d")
            return "a year later"

        assert sim.execute(main()) == "a year later"
        assert sim.now() == datetime(2027, 1, 1, 0, 1, tzinfo=UTC)
        assert sim.stats["events"] == 2


def test_the_start_is_any_instant_with_a_time_zone() -> None:
    assert toy_simulation(start="2030-06-01T12:00:00+02:00").now() == datetime(2030, 6, 1, 10, tzinfo=UTC)
    assert toy_simulation(start=datetime(2030, 6, 1, tzinfo=UTC)).now().year == 2030
    for bad in ("yesterday", "2030-06-01", datetime(2030, 6, 1), 5):
        with pytest.raises(InvalidArgumentError, match="start"):
            toy_simulation(start=bad)


@pytest.mark.parametrize("seed", [None, True, 1.5, b"x"])
def test_a_seed_is_a_whole_number_or_a_text(seed: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="a seed is"):
        Simulation(seed)


def test_a_sleep_ends_after_everything_due_at_its_instant() -> None:
    for seed in range(20):
        with toy_simulation(seed) as sim:

            async def main(sim: Simulation = sim) -> None:
                await sim.host.call(CLOCK, ToyTick(times=1, period_ns=HOUR))
                await sim.sleep("1h")
                assert len(rows(sim, CLOCK, "ticks")) == 1

            sim.execute(main())


def test_timeouts_and_waits_of_asyncio_are_virtual_and_exact() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            await sim.sleep("300d")
            before = sim.now()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(90):
                    await asyncio.Event().wait()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.25)
            assert sim.now() - before == timedelta(seconds=90.25)

        sim.execute(main())


def test_run_until_goes_on_until_a_condition_an_instant_or_a_duration() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            await sim.host.call(CLOCK, ToyTick(times=5, period_ns=MINUTE))
            await sim.run_until(lambda: len(rows(sim, CLOCK, "ticks")) == 2)
            assert _minutes(sim) == 2

            async def asked() -> bool:
                return len(await sim.host.call(CLOCK, ToyRead())) >= 3

            await sim.run_until(asked)
            assert _minutes(sim) == 3
            await sim.run_until(datetime(2026, 1, 1, 0, 4, 30, tzinfo=UTC))
            assert _minutes(sim) == 4.5
            await sim.run_until("30s")
            assert _minutes(sim) == 5
            with pytest.raises(SimulationDeadlock, match="a condition that never became true"):
                await sim.run_until(lambda: False)
            with pytest.raises(InvalidArgumentError, match="time zone"):
                await sim.run_until(datetime(2026, 1, 2))
            with pytest.raises(InvalidArgumentError, match="accepted"):
                await sim.run_until("soon")

        sim.execute(main())


def test_stepping_by_hand_runs_one_event_at_a_time() -> None:
    with toy_simulation() as sim:
        assert not sim.step()

        async def begin() -> asyncio.Task[Any]:
            return asyncio.create_task(sim.host.call(CLOCK, ToyTick(times=2, period_ns=MINUTE)))

        task = sim.execute(begin())
        assert not task.done()
        assert sim.step()
        assert task.result() == Ok()
        ticks = []
        while sim.step():
            ticks.append(_minutes(sim))
        assert ticks == [1, 2]

        async def main() -> None:
            asyncio.get_running_loop().call_later(60, lambda: None)
            assert await sim.step()
            assert _minutes(sim) == 3
            assert not await sim.step()

        sim.execute(main())


# --- time skipping ---


def test_with_time_skipping_off_time_moves_only_by_sleep_and_run_until() -> None:
    with toy_simulation(time_skipping=False) as sim:

        async def main() -> None:
            await sim.host.call(CLOCK, ToyTick(times=3, period_ns=MINUTE))
            assert _minutes(sim) == 0
            with pytest.raises(
                TimeStandsStill, match=r"next event is 1m away.*\n.*test_simulation\.py:\d+ in"
            ):
                await asyncio.sleep(100)
            assert _minutes(sim) == 0
            await sim.sleep("90s")
            assert (_minutes(sim), len(rows(sim, CLOCK, "ticks"))) == (1.5, 1)
            await sim.run_until(lambda: len(rows(sim, CLOCK, "ticks")) == 2)
            assert _minutes(sim) == 2
            with pytest.raises(TimeStandsStill):
                await asyncio.Event().wait()
            sim.time_skipping = True
            await asyncio.sleep(600)
            assert _minutes(sim) == 12

        sim.execute(main())


def test_what_needs_no_time_happens_with_time_skipping_off_too() -> None:
    with toy_simulation(time_skipping=False) as sim:

        async def main() -> None:
            await sim.host.call("Sender/toys/s", ToySend(request_id="s", receiver="Counter/toys/a", count=3))
            await sim.sleep(0)
            assert await sim.host.call("Counter/toys/a", ToyRead()) == ToyNumber(value=3)

        sim.execute(main())


def test_the_latest_of_several_sleeps_decides_how_far_time_may_move() -> None:
    with toy_simulation(time_skipping=False) as sim:

        async def main() -> None:
            await asyncio.gather(sim.sleep("1m"), sim.sleep("3m"), asyncio.sleep(120))
            assert _minutes(sim) == 3

        sim.execute(main())


# --- what can't go on ---


def test_a_deadlock_is_raised_where_the_test_waits_and_can_be_expected() -> None:
    with toy_simulation(seed=42) as sim:

        async def main() -> str:
            with pytest.raises(SimulationDeadlock) as caught:
                await asyncio.Event().wait()
            assert "nothing is left that could happen" in str(caught.value)
            assert "test_simulation.py:" in str(caught.value)
            assert "seed 42" in str(caught.value)
            await sim.sleep("1h")
            async with asyncio.timeout(60):
                await asyncio.sleep(1)
            return "went on"

        assert sim.execute(main()) == "went on"


def test_a_deadlock_reaches_the_test_through_gather_tasks_and_locks() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            lock = asyncio.Lock()
            await lock.acquire()
            await asyncio.gather(lock.acquire(), asyncio.create_task(asyncio.Event().wait()))

        with pytest.raises(SimulationDeadlock):
            sim.execute(main())


def test_a_test_that_swallows_its_cancellation_still_ends() -> None:
    with toy_simulation() as sim:

        async def stubborn() -> None:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass

        async def main() -> None:
            await asyncio.create_task(stubborn())

        with pytest.raises(SimulationDeadlock):
            sim.execute(main())


class _Pacer(Actor[State]):
    """Wakes itself for ever."""

    kind = "Pacer"

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self.handlers = {ToyRead: self.wake, Alarm: self.wake}

    def load(self, key: str, tables: Any) -> State:
        return State(key, tables)

    def wake(self, state: State, message: Any, turn: Turn) -> Ok:
        turn.put("next", "next", ToyNumber(value=turn.now + self.period_ns))
        return Ok()

    def next_alarm(self, state: State) -> int | None:
        row = state.get("next", "next")
        return None if row is None else int(row.value)


def _pacing(period_ns: int, **options: Any) -> Simulation:
    return Simulation(actors={"Pacer": _Pacer(period_ns)}, **options)


async def _wait_for_ever(simulation: Simulation) -> None:
    await simulation.host.call("Pacer/a/b", ToyRead())
    await asyncio.Event().wait()


def test_a_run_that_goes_in_circles_exceeds_its_step_budget_and_shows_its_last_steps() -> None:
    with _pacing(SECOND, step_budget=500) as sim:
        with pytest.raises(BudgetExceeded, match=r"500 events .*step_budget") as caught:
            sim.execute(_wait_for_ever(sim))
        assert "the last steps:" in str(caught.value)
        assert "commit key=Pacer/a/b" in str(caught.value)


def test_a_run_that_takes_too_long_exceeds_its_time_budget() -> None:
    with _pacing(DAY, time_budget="3650d") as sim:
        with pytest.raises(BudgetExceeded, match=r"3650d of virtual time are over"):
            sim.execute(_wait_for_ever(sim))


def test_housekeeping_without_end_is_a_deadlock_too() -> None:
    with _pacing(SECOND) as sim:
        with pytest.raises(SimulationDeadlock, match="neither a workflow nor a client has made progress"):
            sim.execute(_wait_for_ever(sim))
        assert sim.stats["events"] <= HOUSEKEEPING_MAX + 1_001


def test_news_for_the_test_renews_the_step_budget() -> None:
    with toy_simulation(step_budget=50) as sim:

        async def main() -> None:
            for index in range(200):
                await sim.host.call("Counter/toys/a", ToyAdd(request_id=str(index)))

        sim.execute(main())


# --- the loop ---


def test_threads_run_inline_and_the_real_world_is_out_of_reach() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            assert await asyncio.to_thread(lambda: 3) == 3
            with pytest.raises(ZeroDivisionError):
                await asyncio.to_thread(lambda: 1 // 0)
            loop = asyncio.get_running_loop()
            assert await loop.run_in_executor(None, max, 1, 2) == 2
            for attempt in (
                lambda: asyncio.open_connection("localhost", 1),
                lambda: asyncio.create_subprocess_exec("true"),
                lambda: loop.getaddrinfo("localhost", 1),
            ):
                with pytest.raises(SimulationError, match=r"reaches out of the simulation.*mock_activity"):
                    await attempt()
            with socket.socket() as one, pytest.raises(SimulationError, match="add_reader"):
                loop.add_reader(one, print)

        sim.execute(main())


def test_a_task_of_the_test_that_nobody_awaits_is_reported_when_it_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with toy_simulation() as sim, caplog.at_level(logging.ERROR, "asyncio"):

        async def broken() -> None:
            raise ValueError("nobody looks")

        async def main() -> None:
            asyncio.create_task(broken())
            await asyncio.sleep(1)

        sim.execute(main())
    assert "never retrieved" in caplog.text


def test_a_closed_simulation_says_so_and_a_running_one_is_not_entered_twice() -> None:
    async def nothing() -> None: ...

    with toy_simulation() as sim:

        async def again() -> None:
            with pytest.raises(SimulationError, match="running already"):
                sim.execute(nothing())

        sim.execute(again())
    with pytest.raises(SimulationError, match="is closed"):
        sim.execute(nothing())
    with pytest.raises(InvalidArgumentError, match="takes a coroutine"):
        toy_simulation().execute(5)  # type: ignore[arg-type]


def test_what_runs_when_the_world_ends_is_unwound_without_effect(recwarn: pytest.WarningsRecorder) -> None:
    seen: list[str] = []
    with toy_simulation() as sim:

        async def lingering(name: str) -> None:
            try:
                await asyncio.sleep(60)
            finally:
                seen.append(name)
                await sim.host.call("Counter/toys/a", ToyAdd(request_id="late"))

        async def main() -> None:
            for name in ("one", "two", "three"):
                asyncio.get_running_loop().create_task(lingering(name))
            await asyncio.sleep(0)

        sim.execute(main())
        digest = sim.digest
    assert seen == ["one", "two", "three"]
    assert "Counter/toys/a" not in sim.platform.objects
    assert not recwarn.list
    assert digest == sim.digest or sim.stats["commits"] == 0


# --- the context ---


def test_calls_inside_find_their_simulation_and_calls_outside_none() -> None:
    one, two = toy_simulation(1), toy_simulation(2)

    async def host() -> Any:
        await asyncio.sleep(1)
        return find_host(None)

    with one:
        assert find_host(None) is one.host
        with two:
            assert find_host(None) is two.host
            assert one.execute(host()) is one.host
        assert find_host(None) is one.host
        with one:
            assert find_host(None) is one.host
        assert one.execute(host()) is one.host
    with pytest.raises(NoHostError):
        find_host(None)
    assert toy_simulation().execute(lambda: _has_host()) is True


async def _has_host() -> bool:
    return find_host(None) is not None


def test_code_in_activities_and_events_finds_its_simulation_too() -> None:
    sim = toy_simulation()
    found: list[Any] = []

    async def consume(worker: Any, body: Any, run: Any) -> None:
        found.append(find_host(None))

    sim.platform.queues.consume("toys", consume)

    async def main() -> None:
        await sim.host.enqueue("toys", 1)
        await sim.sleep("1s")

    sim.execute(main())
    assert found == [sim.host]
    sim.close()
