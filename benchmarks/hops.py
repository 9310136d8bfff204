"""One hop of the scheduler, with the trace and its digest, beside a task switch of stock asyncio.

A token goes round a ring of 100 stations; several tokens go round at once, so that there is a choice at every
hop. Ours is a macro event per hop: the seed chooses among the ready ones, and each is a step of the trace.
It is compared with the least that a task switch of stock asyncio can be: as many tasks that give way to each
other and do nothing else. The ring of tasks and queues, on the simulation's loop and on asyncio's, stands
below it without a goal: there a station that finds a token waiting does not switch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from temporal_do.sim import Simulation
from temporal_do.sim.choices import Choices
from temporal_do.sim.scheduler import Scheduler
from temporal_do.sim.trace import Trace

from .measuring import Effort, Timing
from .results import Goal, Result

STATIONS = 100
GOAL = Goal(2)


class Token:
    """What goes round; the trace shows its class."""


def raw_ring(hops: int, tokens: int) -> int:
    """The bare scheduler: a macro event and a step of the trace per hop; returns how many there were."""
    scheduler = Scheduler(0, Choices(1).stream("schedule"))
    trace = Trace(None)
    names = [f"Station/ring/{number}" for number in range(STATIONS)]
    token = Token()
    left = hops

    def hop(lane: int, station: int, number: int) -> None:
        nonlocal left
        trace.add(("deliver", scheduler.now(), names[station], 1, number, token))
        left -= 1
        if left > 0:
            scheduler.post(lane, hop, lane, (station + 1) % STATIONS, number + 1)

    for lane in range(tokens):
        scheduler.post(lane, hop, lane, lane * STATIONS // tokens, 0)
    while (event := scheduler.take()) is not None:
        event[1](*event[2])
    assert len(trace.digest) == 32
    return len(trace)


async def _ring(hops: int, tokens: int) -> int:
    queues: list[asyncio.Queue[int]] = [asyncio.Queue() for _ in range(STATIONS)]
    done = 0

    async def station(number: int) -> None:
        nonlocal done
        for _ in range(hops // STATIONS):
            token = await queues[number].get()
            done += 1
            queues[(number + 1) % STATIONS].put_nowait(token + 1)

    stations = [asyncio.ensure_future(station(number)) for number in range(STATIONS)]
    for token in range(tokens):
        queues[token * STATIONS // tokens].put_nowait(0)
    await asyncio.gather(*stations)
    return done


async def _giving_way(hops: int, tasks: int) -> int:
    async def task() -> None:
        for _ in range(hops // tasks):
            await asyncio.sleep(0)

    await asyncio.gather(*(task() for _ in range(tasks)))
    return hops


def on_stock_asyncio(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run it on asyncio's own loop."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work())
    finally:
        loop.close()


def in_a_simulation(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run it on the simulation's loop."""
    with Simulation(1) as simulation:
        return simulation.execute(work())


def run(effort: Effort) -> list[Result]:
    """One token, where there is nothing to choose, and eight, where there always is."""
    hops = effort.size(40_000, 400)
    results = []
    for tokens in (1, 8):
        raw, switch, task, ring = effort.measure_in_turns(
            (f"raw hop, {tokens}", partial(raw_ring, hops, tokens)),
            (f"asyncio switch, {tokens}", partial(on_stock_asyncio, partial(_giving_way, hops, tokens))),
            (f"task hop, {tokens}", partial(in_a_simulation, partial(_ring, hops, tokens))),
            (f"asyncio hop, {tokens}", partial(on_stock_asyncio, partial(_ring, hops, tokens))),
        )
        what = f"{tokens} ready at a time" if tokens > 1 else "nothing to choose"
        results.append(_compared(f"raw hop, {what}", raw, switch, hops, "a bare asyncio switch"))
        results.append(_compared(f"tasks and queues, {what}", task, ring, hops, "asyncio's ring", goal=False))
    return results


def _compared(name: str, ours: Timing, theirs: Timing, hops: int, peer: str, *, goal: bool = True) -> Result:
    """By processor time: stock asyncio asks the system for events, and may wait there."""
    mine, peers = ours.cpu_s / hops * 1e6, theirs.cpu_s / hops * 1e6
    return Result(
        name=name,
        value=mine,
        unit="us",
        on_cpu=mine,
        peer=peer,
        peer_value=peers,
        ratio=peers / mine,
        ratio_goal=Goal(1 / GOAL.bound, at_least=True) if goal else None,
        note=f"{mine / peers:.2f} times its cost" + (f"; at most {GOAL.bound} is the goal" if goal else ""),
    )
