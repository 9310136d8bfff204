"""The PROD profile: commits are durable after they have returned, and nothing that depends on them gets out
before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.durations import MILLISECOND, MINUTE, SECOND
from temporal_do.runtime.errors import HostError, InvalidArgumentError
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.pipelining import COMMIT_NS_MIN, GATE_TIMEOUT_NS, PipelinedHost

from .test_with_workflows import EXPECTED, _order
from .toys import ToyAdd, ToyRead, ToySend, ToyTick, busy_world, check_busy_world, rows, toy_simulation

COUNTER = "Counter/toys/a"
CLOCK = "Clock/toys/c"


def prod(seed: int | str = 0, **options: Any) -> Simulation:
    return toy_simulation(seed, profile="prod", trace_limit=None, **options)


def test_a_reply_leaves_when_its_commit_is_durable_and_a_read_does_not_wait() -> None:
    with prod() as sim:

        async def main() -> None:
            began_ns = sim.platform.now()
            await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            written_ns = sim.platform.now()
            assert written_ns - began_ns >= COMMIT_NS_MIN
            assert (await sim.host.call(COUNTER, ToyRead())).value == 1
            assert sim.platform.now() == written_ns

        sim.execute(main())
    kinds = [step["kind"] for step in sim.trace.steps()]
    assert kinds[:5] == ["call", "deliver", "load", "commit", "reply"]


def test_a_read_behind_a_commit_under_way_waits_for_it() -> None:
    with prod() as sim:

        async def main() -> None:
            first = asyncio.ensure_future(sim.host.call(COUNTER, ToyAdd(request_id="1")))
            await sim.host.call("Counter/toys/other", ToyRead())
            assert (await sim.host.call(COUNTER, ToyRead())).value == 1
            assert first.done()
            assert sim.platform.objects[COUNTER].version == 1

        sim.execute(main())


def test_the_object_goes_on_while_its_commits_are_under_way() -> None:
    with prod() as sim:

        async def main() -> None:
            await asyncio.gather(*(sim.host.call(COUNTER, ToyAdd(request_id=str(i))) for i in range(20)))

        sim.execute(main())
        elapsed_ns = sim.platform.now() - sim.start_ns
    assert elapsed_ns < 20 * COMMIT_NS_MIN, "twenty commits were pipelined"
    assert rows(sim, COUNTER, "numbers")["sum"].value == 20


@pytest.mark.parametrize("fault", ["failed_commit", "crash_before_commit"])
def test_a_failed_commit_takes_those_behind_it_along_and_their_answers_never_leave(fault: str) -> None:
    with prod(faults=FaultPlan.at(fault, COUNTER, 2)) as sim:

        async def main() -> None:
            calls = [sim.host.call(COUNTER, ToyAdd(request_id=str(i))) for i in range(4)]
            found = await asyncio.gather(*calls, return_exceptions=True)
            assert [isinstance(each, HostError) for each in found].count(True) == 3
            assert (await sim.host.call(COUNTER, ToyRead())).value == 1

        sim.execute(main())
    assert len(rows(sim, COUNTER, "seen")) == 1


def test_what_an_object_sends_waits_for_the_commit_that_caused_it_and_dies_with_it() -> None:
    with prod(faults=FaultPlan.at("failed_commit", "Sender/*")) as sim:

        async def main() -> None:
            for queue in (False, True):
                message = ToySend(request_id=str(queue), receiver="q" if queue else COUNTER, queue=queue)
                if not queue:
                    with pytest.raises(HostError, match="failed_commit"):
                        await sim.host.call("Sender/toys/s", message)
                    await sim.sleep("1h")
                    assert COUNTER not in sim.platform.objects, "nothing was said"
                else:
                    sim.place("failed_commit", "Sender/*")
                    with pytest.raises(HostError, match="failed_commit"):
                        await sim.host.call("Sender/toys/s", message)
                    await sim.sleep("1h")
            assert [step for step in sim.trace.steps() if step["kind"] == "enqueue"] == []

        sim.execute(main())


def test_nobody_hears_of_a_commit_that_took_longer_than_the_gate_waits() -> None:
    plan = FaultPlan(rates={"slow_commit": 1_000_000}, commit_ns_max=100 * GATE_TIMEOUT_NS)
    with prod(4, faults=plan) as sim:

        async def main() -> None:
            began_ns = sim.platform.now()
            with pytest.raises(HostError, match="storage operation exceeded its timeout"):
                await sim.host.call(COUNTER, ToyAdd(request_id="1"))
            assert sim.platform.now() - began_ns == GATE_TIMEOUT_NS
            sim.heal()
            assert (await sim.host.call(COUNTER, ToyRead())).value == 0

        sim.execute(main())


def test_a_crash_keeps_a_prefix_of_what_was_under_way() -> None:
    kept = set()
    for seed in range(30):
        with prod(seed) as sim:

            async def main(sim: Simulation = sim) -> None:
                calls = [
                    asyncio.ensure_future(sim.host.call(COUNTER, ToyAdd(request_id=str(i)))) for i in range(4)
                ]
                while True:
                    host = (
                        sim.platform.objects[COUNTER].incarnation if COUNTER in sim.platform.objects else None
                    )
                    if isinstance(host, PipelinedHost) and len(host.unconfirmed) == 4:
                        break
                    await sim.step()
                order = [unit.commit.changes[0][1] for unit in host.unconfirmed]
                sim.crash(COUNTER)
                found = await asyncio.gather(*calls, return_exceptions=True)
                assert all(isinstance(each, HostError) for each in found), "nothing under way was ever told"
                durable = list(rows(sim, COUNTER, "seen")) if sim.platform.objects[COUNTER].version else []
                assert sorted(order[: len(durable)]) == sorted(durable)
                kept.add(len(durable))

            sim.execute(main())
    assert kept == {0, 1, 2, 3, 4}


def test_an_alarm_is_over_when_its_commit_is_durable_and_goes_off_again_if_it_never_is() -> None:
    with prod(faults=FaultPlan.at("failed_commit", CLOCK, 2)) as sim:

        async def main() -> None:
            await sim.host.call(CLOCK, ToyTick(times=1, period_ns=MINUTE))
            await sim.sleep("1h")

        sim.execute(main())
    steps = [step for step in sim.trace.steps() if step["kind"] in ("alarm", "alarm_done", "commit")]
    assert [step["kind"] for step in steps] == ["commit", "alarm", "alarm", "commit", "alarm_done"]
    assert steps[2]["at_ns"] - steps[1]["at_ns"] >= 2 * SECOND
    assert len(rows(sim, CLOCK, "ticks")) == 1


def test_an_object_with_a_commit_under_way_is_not_idle() -> None:
    with prod() as sim:

        async def main() -> None:
            asyncio.ensure_future(sim.host.call(COUNTER, ToyAdd(request_id="1")))
            while COUNTER not in sim.platform.objects:
                await sim.step()
            host = sim.platform.objects[COUNTER].incarnation
            assert host is not None and not host.is_idle
            await sim.sleep("1s")
            assert host.is_idle

        sim.execute(main())


@given(seed=st.integers(0, 1 << 32))
def test_every_effect_happens_once_whatever_goes_wrong_and_the_digest_is_the_same_in_strict_mode(
    seed: int,
) -> None:
    digests = []
    for strict in (False, True):
        with prod(seed, faults=FaultPlan.everything(60_000), strict=strict) as sim:
            sim.execute(busy_world(sim))
        check_busy_world(sim)
        digests.append(sim.digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("seed", range(6))
def test_workflows_come_to_the_same_result(seed: int) -> None:
    with Simulation(seed, faults=FaultPlan.everything(30_000), profile="prod") as sim:
        assert sim.execute(_order(sim)) == EXPECTED
    with Simulation(tape=sim.tape) as again:
        assert again.execute(_order(again)) == EXPECTED
    assert again.platform.profile == "prod"
    assert again.digest == sim.digest


def test_without_faults_the_profile_shows_in_nothing_but_time() -> None:
    with Simulation(1, profile="prod") as sim:
        assert sim.execute(_order(sim)) == EXPECTED
        late_ns = sim.platform.now() - sim.start_ns - 120 * MINUTE
    assert 0 < late_ns < 2 * SECOND
    assert late_ns % MILLISECOND == 0


def test_an_unknown_profile_is_named_with_what_there_is() -> None:
    with pytest.raises(InvalidArgumentError, match="'cloud' is no profile; there are: local, prod"):
        Simulation(profile="cloud")


# --- the checks above can fail: bugs planted in the platform ---


def _hold_nothing(self: PipelinedHost, release: Any) -> None:
    release()


@pytest.mark.parametrize(
    ("name", "mutant"), [("hold", _hold_nothing), ("settle_units", lambda self: self.unconfirmed.clear())]
)
def test_a_gate_with_a_planted_bug_is_found(name: str, mutant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PipelinedHost, name, mutant)
    with pytest.raises(AssertionError):
        if name == "hold":
            test_a_reply_leaves_when_its_commit_is_durable_and_a_read_does_not_wait()
        else:
            test_a_crash_keeps_a_prefix_of_what_was_under_way()
