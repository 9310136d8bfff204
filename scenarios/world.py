"""What the scenarios share: promises, clients that do not give up, choices of the workload.

A scenario is one module: its docstring says what it does, under which faults and what it promises; it has
``SCENARIO``, the names of the states it must come to now and then (``SOMETIMES``), and ``workload``, which
takes the parts of its world as arguments, so that a test can put a wrong one in. Owns no list of scenarios;
imports the simulator and the runtime.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..runtime.activity import ActivityInfo, info
from ..runtime.errors import HostError, invariant
from ..sim.faults import FaultPlan
from ..sim.properties import PropertyViolated, always, sometimes
from ..sim.scenario import Kind

if TYPE_CHECKING:
    from ..sim.simulation import Simulation

T = TypeVar("T")

ROUGH = (
    FaultPlan.crashes(10_000)
    | FaultPlan.workers(20_000)
    | FaultPlan.network(10_000)
    | FaultPlan.queue(50_000)
    | FaultPlan.alarms(20_000)
    | FaultPlan.storage(20_000)
    | FaultPlan.zombies(3_000)
)
"""A rough day: objects and workers die, superseded incarnations go on for a while, messages are lost, late
and doubled, alarms late, commits slow."""


PROD = {"profile": "prod"}
"""Everything that the platform's documentation allows; commits are pipelined."""


class Promises:
    """What a scenario promises, by name. A broken one ends the run, and its name is in the report."""

    def __init__(self, sim: Simulation, *names: str) -> None:
        self.sim = sim
        self._names = names
        self._broken: dict[str, str] = {}
        for name in names:
            always(sim, name, partial(self._holds, name))

    def _holds(self, name: str) -> bool:
        if name in self._broken:
            raise AssertionError(self._broken[name])
        return True

    def broken(self, name: str, text: str) -> None:
        """Say so from within an activity or a stub: the run ends after the event under way."""
        invariant(name in self._names, "nobody promised this", name=name)
        self._broken.setdefault(name, text)

    def keep(self, name: str, condition: object, text: str, *, kind: Kind = Kind.SAFETY) -> None:
        """Say so from within the workload: the run ends here unless ``condition`` is true."""
        invariant(name in self._names, "nobody promised this", name=name)
        if not condition:
            raise PropertyViolated(f"{name}: {text}", name=name, kind=kind)


class Attempts:
    """Every execution of an activity, as the outside world sees it. A lease is for one execution."""

    PROMISE = "no attempt runs twice"

    def __init__(self, promises: Promises) -> None:
        self.promises = promises
        self.seen: set[tuple[str, int]] = set()

    def begin(self) -> ActivityInfo:
        """An attempt begins: call it first in every activity. Returns the facts about it."""
        facts = info()
        attempt = (facts.idempotency_key, facts.attempt)
        if attempt in self.seen:
            self.promises.broken(
                self.PROMISE, f"attempt {facts.attempt} of {facts.activity_type} of {facts.workflow_id}"
            )
        self.seen.add(attempt)
        return facts


def declare(sim: Simulation, names: Iterable[str]) -> None:
    """Name the states that a campaign must come to, for the runs that do not."""
    for name in names:
        sometimes(sim, name, False)


async def insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the outcome is known; each question repeats itself for minutes before it gives up.

    What is asked must be harmless when it is asked again: give it a request id.
    """
    while True:
        try:
            return await ask()
        except HostError:
            continue


async def takes(seconds: float) -> None:
    """Let an activity take its time."""
    await asyncio.sleep(seconds)


def choose(sim: Simulation, label: str, options: int) -> int:
    """One of ``options`` numbers, chosen by the seed: an input of the workload. 0 is the plain one."""
    return sim.platform.choices.draw(f"workload:{label}", options)


async def side_by_side(*work: Awaitable[Any]) -> list[Any]:
    """All clients at once; what each of them returned."""
    return list(await asyncio.gather(*work))
