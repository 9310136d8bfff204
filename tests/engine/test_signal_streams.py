"""Many senders, one workflow that continues as new again and again: every acknowledged signal arrives exactly
once, those of one sender in order, whatever crashes."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime import Temporal, Worker, WorkflowContext
from temporal_do.sim import FaultPlan, Simulation

from .laws import (
    check_at_most_one_open_run_at_a_time,
    check_every_history_replays,
    check_history,
    check_nothing_is_stuck,
    histories_of,
)

ROUGH = (
    FaultPlan.crashes(60_000)
    | FaultPlan.workers(30_000)
    | FaultPlan.network(60_000)
    | FaultPlan.queue(60_000)
    | FaultPlan.alarms(60_000)
    | FaultPlan.storage(30_000)
    | FaultPlan.zombies(20_000)
)

Signal = list[int]

pauses = st.lists(st.sampled_from([0, 1, 40, 90, 1000, 7000]), min_size=1, max_size=6)


class Stream:
    """A receiver that takes so many signals a run, and clients and workflows that send."""

    def __init__(self, run_lengths: list[int], receives: str, work: str) -> None:
        temporal = self.temporal = Temporal(namespace="streams")

        @temporal.activity
        async def noted(signal: Signal) -> Signal:
            return signal

        async def slowly() -> None:
            await asyncio.sleep(0.5)

        async def deal_with(ctx: WorkflowContext, signal: Signal) -> None:
            if work == "activity":
                assert await ctx.activity("note", noted, signal) == signal
            elif work == "local":
                await ctx.activity("slow", slowly)
            elif work == "sleep":
                await ctx.sleep("pause", 1)

        @temporal.workflow("receiver")
        async def receiver(ctx: WorkflowContext, seen: list[Signal], runs: int, total: int) -> list[Signal]:
            length = run_lengths[runs % len(run_lengths)]
            if receives == "handler":
                taken: list[Signal] = []
                ctx.on_signal("s", lambda *signal: taken.append(list(signal)))
                while len(seen) < total and length:
                    await ctx.wait_condition(lambda: taken)
                    while taken and len(seen) < total:
                        seen.append(taken.pop(0))
                        length = max(0, length - 1)
                        await deal_with(ctx, seen[-1])
            else:
                while len(seen) < total and length:
                    seen.append(list(await ctx.wait_for_signal("s")))
                    length -= 1
                    await deal_with(ctx, seen[-1])
            if len(seen) < total:
                ctx.continue_as_new(seen, runs + 1, total)
            return seen

        @temporal.workflow("sender")
        async def sender(ctx: WorkflowContext, number: int, pauses_ms: list[int]) -> None:
            for n, pause_ms in enumerate(pauses_ms):
                await ctx.signal_workflow("receiver", "s", number, n)
                if pause_ms:
                    await ctx.sleep("pause", pause_ms / 1000)

        self.receiver, self.sender = receiver, sender
        self.workflows = [receiver, sender]
        self.worker = Worker(
            namespace="streams", task_queue="main", workflows=self.workflows, activities=[noted]
        )

    async def play(self, simulation: Simulation, clients: list[list[int]], senders: list[list[int]]) -> Any:
        total = sum(map(len, clients + senders))
        simulation.run(self.worker)
        handle = await self.temporal.start_workflow(
            self.receiver, workflow_id="receiver", task_queue="main", args=[[], 0, total]
        )

        async def client(number: int, pauses_ms: list[int]) -> None:
            for n, pause_ms in enumerate(pauses_ms):
                await handle.signal("s", number, n)
                await simulation.sleep(pause_ms / 1000)

        for number, pauses_ms in enumerate(senders):
            await self.temporal.start_workflow(
                self.sender, workflow_id=f"sender-{number}", task_queue="main", args=[100 + number, pauses_ms]
            )
        await asyncio.gather(*(client(number, pauses_ms) for number, pauses_ms in enumerate(clients)))
        seen = await handle.result()
        simulation.heal()
        await simulation.sleep("1h")
        return seen


@given(
    clients=st.lists(pauses, min_size=1, max_size=4),
    senders=st.lists(pauses, max_size=2),
    run_lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    receives=st.sampled_from(["wait", "handler"]),
    work=st.sampled_from(["none", "activity", "local", "sleep"]),
    seed=st.integers(0, 2**32),
)
def test_every_acknowledged_signal_arrives_once_and_in_the_order_of_its_sender(
    clients: list[list[int]],
    senders: list[list[int]],
    run_lengths: list[int],
    receives: str,
    work: str,
    seed: int,
) -> None:
    stream = Stream(run_lengths, receives, work)
    with Simulation(seed, faults=ROUGH) as simulation:
        seen = simulation.execute(stream.play(simulation, clients, senders))
        numbers = [*range(len(clients)), *range(100, 100 + len(senders))]
        for number, pauses_ms in zip(numbers, clients + senders, strict=True):
            assert [n for sender, n in seen if sender == number] == list(range(len(pauses_ms)))
        assert len(seen) == sum(map(len, clients + senders))
        histories = histories_of(simulation)
        for history in histories:
            check_history(history)
        check_at_most_one_open_run_at_a_time(histories)
        check_every_history_replays(histories, stream.workflows)
        check_nothing_is_stuck(simulation)
