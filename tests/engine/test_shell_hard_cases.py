"""Hard cases of the shell: alarms that are lost or collide, receivers that refuse for ever, turns that wait
while the incarnation dies, what an executor need not keep."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from temporal_do.runtime.actor import OUTBOX, Actor, Alarm, Ok, Poke, Refusal, State, Turn
from temporal_do.runtime.durations import SECOND
from temporal_do.runtime.errors import HostError
from temporal_do.runtime.host import Commit
from temporal_do.runtime.records import record
from temporal_do.runtime.shell import REDELIVERY_DELAY_MAX_NS, Shell
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.platform import NoExecutor

from .representatives import QUEUE, Base


@record
class Say:
    """Write a row, wake up at ``at_ns``, and tell ``to``."""

    text: str
    at_ns: int = 0
    to: str = ""


@record
class Glance:
    """Read the row; writes nothing."""


@record
class Row:
    """What was said."""

    text: str
    at_ns: int = 0


class Diary(Actor[State]):
    """Keeps the last thing said to it; refuses what says "no" for now."""

    kind = "Diary"

    def __init__(self) -> None:
        self.handlers = {Say: _say, Glance: _glance, Poke: _wake, Alarm: _wake}

    def load(self, key: str, tables: Any) -> State:
        return State(key, tables)

    def next_alarm(self, state: State) -> int | None:
        row = state.get("row", "last")
        return row.at_ns or None if row is not None else None


def _say(state: State, message: Say, turn: Turn) -> Any:
    if message.text == "no":
        return Refusal(code="busy", message="not now", retryable=True)
    turn.put("row", "last", Row(text=message.text, at_ns=message.at_ns))
    if message.to:
        turn.send(message.to, Say(text="no"))
    return Ok()


def _glance(state: State, message: Glance, turn: Turn) -> Any:
    row = state.get("row", "last")
    return Row(text="") if row is None else row


def _wake(state: State, message: Any, turn: Turn) -> Any:
    row = state.get("row", "last")
    if row is not None and row.at_ns and row.at_ns <= turn.now:
        turn.put("row", "last", Row(text=f"{row.text}!"))
    return Ok()


def diaries(**options: Any) -> Simulation:
    return Simulation(1, actors={"Diary": Diary()}, executor=NoExecutor(), **options)


ONE, OTHER = "Diary/n/one", "Diary/n/other"


def test_a_poke_sets_an_alarm_again_that_the_platform_has_lost() -> None:
    with diaries() as simulation:
        due_ns = simulation.platform.now() + 3600 * SECOND

        async def scenario() -> Any:
            await simulation.host.call(ONE, Say(text="a", at_ns=due_ns))
            alarm = simulation.platform.objects[ONE].alarm
            alarm.set(None)
            await simulation.host.call(ONE, Poke())
            assert alarm.when_ns == due_ns
            await simulation.sleep("2h")
            return await simulation.host.call(ONE, Glance())

        assert simulation.execute(scenario()).text == "a!"


def test_a_turn_beside_a_running_alarm_sets_a_later_one() -> None:
    commits: list[Commit] = []
    turns: list[asyncio.Future[None]] = []

    class Host:
        def now(self) -> int:
            return 100 * SECOND

        async def load(self) -> Any:
            return {}

        async def commit(self, commit: Commit) -> None:
            commits.append(commit)
            turn = asyncio.get_running_loop().create_future()
            turns.append(turn)
            await turn

    async def scenario() -> None:
        shell = Shell(ONE, Diary(), Host(), NoExecutor())  # type: ignore[arg-type]
        first = asyncio.ensure_future(shell.handle(Say(text="a", at_ns=100 * SECOND)))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(shell.handle(Say(text="b", at_ns=100 * SECOND)))
        await asyncio.sleep(0)
        ringing = asyncio.ensure_future(shell.alarm(100 * SECOND))
        for work in (first, second, ringing):
            await asyncio.sleep(0)
            turns[-1].set_result(None)
            await work

    asyncio.run(scenario())
    assert [commit.alarm_ns for commit in commits[:2]] == [100 * SECOND, 100 * SECOND + 1_000_000]


def test_a_receiver_that_refuses_for_ever_is_asked_less_and_less_often() -> None:
    with diaries(trace_limit=None) as simulation:

        async def scenario() -> None:
            await simulation.host.call(ONE, Say(text="a", to=OTHER))
            await simulation.sleep("24h")

        simulation.execute(scenario())
        asked = [
            s["at_ns"] for s in simulation.trace.steps() if s["kind"] == "call" and s["receiver"] == OTHER
        ]
        woken = [s for s in simulation.trace.steps() if s["kind"] == "alarm"]
        assert simulation.platform.objects[ONE].tables[OUTBOX]
    pauses = [later - earlier for earlier, later in zip(asked, asked[1:], strict=False)]
    assert pauses == sorted(pauses)
    assert REDELIVERY_DELAY_MAX_NS <= pauses[-1] <= REDELIVERY_DELAY_MAX_NS + SECOND
    assert len(woken) <= 2 * len(asked)


@pytest.mark.parametrize("fault", ["crash_before_commit", "crash_after_commit", "crash_in_doubt"])
def test_turns_that_wait_while_the_incarnation_dies_have_an_unknown_outcome(fault: str) -> None:
    faults = FaultPlan(rates={"slow_commit": 1_000_000}, commit_ns_max=SECOND)
    with diaries(faults=faults) as simulation:

        async def ask(message: Any) -> Any:
            try:
                return await simulation.host.call(ONE, message)
            except HostError:
                return None

        async def scenario() -> Any:
            first = asyncio.ensure_future(ask(Say(text="a")))
            rest = [asyncio.ensure_future(ask(each)) for each in (Glance(), Say(text="b"), Glance())]
            await asyncio.sleep(0.0005)
            simulation.crash(ONE)
            replies = [await first, *[await each for each in rest]]
            simulation.heal()
            simulation.place(fault, ONE, 1)
            again = [asyncio.ensure_future(ask(each)) for each in (Say(text="c"), Glance(), Glance())]
            replies += [await each for each in again]
            return replies, await ask(Glance())

        replies, last = simulation.execute(scenario())
    assert replies[0] is None and replies[2] is None
    # Nobody has seen what did not become durable; a look may have come before all else.
    assert {reply.text for reply in replies[:4] if isinstance(reply, Row)} <= {""}
    assert {reply.text for reply in replies[4:] if isinstance(reply, Row)} <= {"", last.text}


def test_a_terminated_run_is_not_kept_in_memory() -> None:
    base = Base()
    closed: list[str] = []

    @base.temporal.workflow("waits")
    async def workflow(ctx: Any) -> None:
        try:
            await ctx.sleep("long", "30d")
        finally:
            closed.append("finally")

    app = base.app([workflow], lambda simulation: base.run(workflow))

    async def scenario() -> None:
        simulation.run(app.worker)
        first = await base.temporal.start_workflow(workflow, workflow_id="a", task_queue=QUEUE)
        await base.temporal.start_workflow(workflow, workflow_id="b", task_queue=QUEUE, run_timeout="1h")
        await simulation.sleep("1m")
        await first.terminate("enough")
        await simulation.sleep("2h")
        assert closed == ["finally", "finally"]

    with Simulation(1) as simulation:
        simulation.execute(scenario())
