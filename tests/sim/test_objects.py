"""Objects: commits all or nothing, incarnations that come, go and are fenced, calls whose outcome is
unknown."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.errors import HostError
from temporal_do.runtime.host import Commit
from temporal_do.sim import ActorCrashed, FaultPlan, Simulation

from .toys import (
    ToyAdd,
    ToyBegin,
    ToyFail,
    ToyNumber,
    ToyRead,
    ToySend,
    insist,
    rows,
    toy_simulation,
)

COUNTER = "Counter/toys/a"
SENDER = "Sender/toys/s"


def _sum(simulation: Simulation) -> int:
    found = rows(simulation, COUNTER, "numbers").get("sum")
    return 0 if found is None else int(found.value)


def test_requests_of_one_object_to_another_arrive_in_the_order_they_were_made() -> None:
    for seed in range(20):
        with toy_simulation(
            seed, faults=FaultPlan.network(0) | FaultPlan(rates={"slow_request": 400_000})
        ) as sim:

            async def main(sim: Simulation = sim) -> None:
                host = sim.platform.incarnation(sim.platform.object(SENDER))
                calls = [host.call(COUNTER, ToyAdd(request_id=f"r{index}")) for index in range(10)]
                await asyncio.gather(*calls)

            sim.execute(main())
        arrived = [step["message"].request_id for step in sim.trace.steps() if step["kind"] == "deliver"]
        assert arrived == [f"r{index}" for index in range(10)]


def test_requests_of_different_senders_arrive_in_any_order() -> None:
    orders = set()
    for seed in range(30):
        with toy_simulation(seed) as sim:

            async def main(sim: Simulation = sim) -> None:
                calls = [sim.host.call(COUNTER, ToyAdd(request_id=f"r{index}")) for index in range(3)]
                await asyncio.gather(*calls)

            sim.execute(main())
        arrived = (step["message"].request_id for step in sim.trace.steps() if step["kind"] == "deliver")
        orders.add(tuple(arrived))
    assert len(orders) == 6


@pytest.mark.parametrize("occurrence", [1, 2, 3])
@pytest.mark.parametrize(
    ("fault", "durable"),
    [
        ("crash_before_commit", {False}),
        ("crash_in_doubt", {False, True}),
        ("crash_after_commit", {True}),
        ("crash_before_reply", {True}),
        ("lost_request", {False}),
        ("lost_reply", {True}),
        ("overload", {False}),
    ],
)
def test_a_crash_keeps_all_of_a_turn_or_nothing_and_leaves_the_outcome_unknown(
    fault: str, durable: set[bool], occurrence: int
) -> None:
    seen = set()
    for seed in range(12):
        key = "client" if fault == "lost_request" else COUNTER
        with toy_simulation(seed, faults=FaultPlan.at(fault, key, occurrence)) as sim:

            async def main(sim: Simulation = sim) -> None:
                for index in range(occurrence - 1):
                    await sim.host.call(COUNTER, ToyAdd(request_id=f"before{index}"))
                with pytest.raises(HostError, match="outcome unknown"):
                    await sim.host.call(COUNTER, ToyAdd(request_id="it"))
                found = set(rows(sim, COUNTER, "seen")) if COUNTER in sim.platform.objects else set()
                assert len(found) == _sum(sim) if found else True, "half a turn is durable"
                seen.add("it" in found)
                reply = await sim.host.call(COUNTER, ToyAdd(request_id="it"))
                assert reply == ToyNumber(value=occurrence), "asking again with the same id acts once"

            sim.execute(main())
    assert seen == durable


def test_a_killed_object_loses_its_memory_and_its_calls_but_no_committed_row() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            host = sim.host
            await host.call(COUNTER, ToyAdd(request_id="1"))
            first = sim.platform.objects[COUNTER].incarnation
            assert sim.crash(COUNTER)
            assert not sim.crash(COUNTER), "nobody is there any more"
            assert await host.call(COUNTER, ToyRead()) == ToyNumber(value=1)
            second = sim.platform.objects[COUNTER].incarnation
            assert first is not None and second is not None
            assert (first.number, second.number) == (1, 2)

        sim.execute(main())
    kinds = [step["kind"] for step in sim.trace.steps() if step["kind"] in ("load", "dead")]
    assert kinds == ["load", "dead", "load"]


def test_whoever_waits_for_an_answer_of_a_killed_object_hears_that_it_is_unknown() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            sim.place("lost_request", "Parent/toys/p")
            waiting = asyncio.ensure_future(sim.host.call("Parent/toys/p", ToyBegin(child="Child/toys/c")))
            await sim.run_until(lambda: "Parent/toys/p" in sim.platform.objects)
            assert not waiting.done()
            sim.crash("Parent/toys/p")
            with pytest.raises(HostError, match=r"Parent/toys/p lost its memory \(killed\)"):
                await waiting
            await insist(sim.host, "Parent/toys/p", ToyBegin(child="Child/toys/c"))

        sim.execute(main())


def test_a_dead_incarnation_is_fenced() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            stale = sim.platform.objects[COUNTER].incarnation
            assert stale is not None
            sim.crash(COUNTER)
            await sim.host.call(COUNTER, ToyAdd(request_id="2"))
            change = Commit((("numbers", "sum", ToyNumber(value=99)),), None)
            for attempt in (stale.commit(change), stale.load(), stale.call(COUNTER, ToyRead())):
                task = asyncio.ensure_future(attempt)
                await sim.sleep("1h")
                task.cancel()
            ran: list[str] = []

            async def work() -> None:
                ran.append("ran")

            stale.spawn(work())
            await sim.sleep("1h")
            assert _sum(sim) == 2
            assert not ran

        sim.execute(main())


def test_a_superseded_incarnation_goes_on_but_what_it_commits_is_lost() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            found = sim.platform.objects[COUNTER]
            zombie = found.incarnation
            assert zombie is not None
            sim.platform.supersede(zombie)
            assert await zombie.shell.handle(ToyRead()) == ToyNumber(value=1), "it still computes"
            await sim.host.call(COUNTER, ToyAdd(request_id="2"))
            late = asyncio.ensure_future(zombie.shell.handle(ToyAdd(request_id="3")))
            await sim.sleep("1m")
            assert not late.done()
            late.cancel()
            assert set(rows(sim, COUNTER, "seen")) == {"1", "2"}

        sim.execute(main())


def test_no_code_of_a_killed_life_runs_again_not_even_its_finally_blocks() -> None:
    ran: list[str] = []
    with toy_simulation() as sim:

        async def work() -> None:
            try:
                await asyncio.sleep(10)
                ran.append("woke up")
            finally:
                ran.append("finally")

        async def main() -> None:
            await sim.host.call(COUNTER, ToyRead())
            host = sim.platform.objects[COUNTER].incarnation
            assert host is not None
            host.spawn(work())
            await sim.sleep("1s")
            sim.crash(COUNTER)
            await sim.sleep("1h")
            assert ran == []

        sim.execute(main())
    assert ran == ["finally"], "unwound when the world ended"


def test_an_outbox_is_delivered_again_after_every_crash_and_acts_once() -> None:
    for fault in ("crash_after_commit", "crash_in_doubt", "crash_before_reply", "lost_request", "lost_reply"):
        for key in (SENDER, COUNTER):
            for occurrence in (1, 2, 3):
                with toy_simulation(occurrence, faults=FaultPlan.at(fault, key, occurrence)) as sim:

                    async def main(sim: Simulation = sim) -> None:
                        message = ToySend(request_id="s", receiver=COUNTER, count=3)
                        await insist(sim.host, SENDER, message)
                        await sim.sleep("1h")

                    sim.execute(main())
                assert _sum(sim) == 3, (fault, key, occurrence)
                assert not rows(sim, SENDER, "outbox")


def test_a_parent_and_a_child_that_answer_each_other_do_not_block_each_other() -> None:
    for seed in range(10):
        with toy_simulation(seed) as sim:

            async def main(sim: Simulation = sim) -> None:
                calls = [
                    sim.host.call("Parent/toys/p", ToyBegin(child=f"Child/toys/{index}"))
                    for index in range(5)
                ]
                await asyncio.gather(*calls)

            sim.execute(main())
            assert sim.now().isoformat() == "2026-01-01T00:00:00+00:00", "no time is needed for that"


def test_an_object_that_raises_is_a_bug_of_the_engine_and_reaches_the_test() -> None:
    with toy_simulation() as sim:

        async def main() -> None:
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            with pytest.raises(
                ActorCrashed, match=r"Counter/toys/a raised ValueError: a planted bug"
            ) as caught:
                await sim.host.call(COUNTER, ToyFail())
            assert isinstance(caught.value.__cause__, ValueError)
            assert await sim.host.call(COUNTER, ToyRead()) == ToyNumber(value=1)

        sim.execute(main())


def test_a_key_of_no_known_class_is_named() -> None:
    with toy_simulation() as sim, pytest.raises(Exception, match="'Nothing/a/b' addresses no known class"):
        sim.execute(lambda: sim.host.call("Nothing/a/b", ToyRead()))


@given(
    seed=st.integers(0, 1 << 32),
    faults=st.lists(
        st.tuples(
            st.sampled_from(
                ["crash_before_commit", "crash_in_doubt", "crash_after_commit", "reset", "evict", "zombie"]
            ),
            st.integers(1, 8),
        ),
        max_size=4,
    ),
)
def test_every_commit_is_all_or_nothing_wherever_the_object_dies(
    seed: int, faults: list[tuple[str, int]]
) -> None:
    plan = FaultPlan()
    for fault, occurrence in faults:
        plan = plan | FaultPlan.at(fault, COUNTER, occurrence)
    with toy_simulation(seed, faults=plan) as sim:

        async def client(name: int) -> None:
            for index in range(3):
                await insist(sim.host, COUNTER, ToyAdd(request_id=f"{name}-{index}"))

        async def main() -> None:
            await asyncio.gather(*(client(name) for name in range(3)))

        sim.execute(main())
    assert _sum(sim) == len(rows(sim, COUNTER, "seen")) == 9
    commits: list[dict[str, Any]] = [step for step in sim.trace.steps() if step["kind"] == "commit"]
    assert [step["version"] for step in commits] == list(range(1, len(commits) + 1))
    incarnations = [step["incarnation"] for step in commits]
    assert incarnations == sorted(incarnations), "two incarnations committed in turn"
