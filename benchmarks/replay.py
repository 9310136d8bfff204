"""Replay of one long history of timers and activities, ours beside Temporal's own replayer.

Both get the history as an object that has been read before; reading the JSON is measured by itself. Both are
checked first: they accept the history, and report a workflow that was changed.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from temporal_do.runtime import History, Temporal, WorkflowContext
from temporal_do.runtime.guard import no_guard, production_guard
from temporal_do.runtime.history import read_history, write_history
from temporal_do.runtime.workflow.replay import replay_history

from .measuring import Effort, Timing
from .results import Goal, Result, rate
from .workflows import days, days_history, hello

EVENTS_PER_DAY = 11

changed = Temporal(namespace="changed")


@changed.workflow("days")
async def changed_days(ctx: WorkflowContext, count: int) -> int:
    """``days`` with its two steps swapped."""
    for _ in range(count):
        await ctx.activity("greet", hello, "world")
        await ctx.sleep("a day", "1d")
    return count


def _ours(history: History, guard: Any = None) -> int:
    result = replay_history(history, [days], guard=guard)
    if result.error is not None:
        raise result.error
    return result.events


@cache
def _quiet_runtime() -> Any:
    """Temporal's runtime without its log, which would tell of the failures that are wanted here."""
    from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

    quiet = TelemetryFilter(core_level="OFF", other_level="OFF")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=quiet)))


def _theirs(history: Any, workflow: type, *, sandboxed: bool) -> Any:
    """Temporal's verdict: None, or the failure."""
    from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

    async def replay() -> Any:
        options = {} if sandboxed else {"workflow_runner": UnsandboxedWorkflowRunner()}
        replayer = Replayer(workflows=[workflow], runtime=_quiet_runtime(), **options)  # type: ignore[arg-type]
        return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure

    return asyncio.run(replay())


def _check(history: History) -> None:
    """Both replayers accept the history and refuse a changed workflow."""
    from temporalio.client import WorkflowHistory

    from .peer_workflows import ChangedDays, Days

    _ours(history)
    if replay_history(history, [changed_days]).error is None:
        raise RuntimeError("our replayer accepts a changed workflow")
    theirs = WorkflowHistory.from_json("days", write_history(history))
    failure = _theirs(theirs, Days, sandboxed=False)
    if failure is not None:
        raise RuntimeError(f"Temporal's replayer refuses our history: {failure}")
    if _theirs(theirs, ChangedDays, sandboxed=False) is None:
        raise RuntimeError("Temporal's replayer accepts a changed workflow")


def _beside(effort: Effort, history: History) -> list[Result]:
    from temporalio.client import WorkflowHistory

    from .peer_workflows import Days

    text = write_history(history)
    theirs = WorkflowHistory.from_json("days", text)
    count = len(history.events)
    ours, bare, boxed = effort.measure_in_turns(
        (f"replay of {count:,} events", lambda: _ours(history)),
        ("the same by Temporal", lambda: _theirs(theirs, Days, sandboxed=False)),
        ("the same by Temporal, sandboxed", lambda: _theirs(theirs, Days, sandboxed=True)),
        runs=3,
    )
    our_reading, their_reading = effort.measure_in_turns(
        ("reading JSON", lambda: read_history(text)),
        ("reading JSON by Temporal", lambda: WorkflowHistory.from_json("days", text)),
        runs=3,
    )
    if bare.outcome is not None or boxed.outcome is not None:
        raise RuntimeError(f"Temporal's replayer refuses our history: {bare.outcome or boxed.outcome}")
    ten_times = Goal(10, at_least=True)

    def beside(name: str, mine: Timing, peer: str, peers: Timing, **facts: Any) -> Result:
        ratio = peers.wall_s / mine.wall_s
        return rate(
            name, mine, count, "event", peer=peer, peer_value=count / peers.wall_s, ratio=ratio, **facts
        )

    return [
        beside(f"replay, {count:,} events", ours, "temporalio, no sandbox", bare, ratio_goal=ten_times),
        beside(
            f"replay, {count:,} events",
            ours,
            "temporalio, sandbox (its default)",
            boxed,
            ratio_goal=ten_times,
        ),
        beside(f"reading JSON, {count:,} events", our_reading, "WorkflowHistory.from_json", their_reading),
    ]


def run(effort: Effort) -> list[Result]:
    """Measure by length, by guard, and beside Temporal's replayer."""
    effort.note("making a history and checking both replayers")
    _check(days_history(20))
    results = []
    histories: dict[int, History] = {}
    for length in (effort.size(1_000, 100), effort.size(10_000, 200), effort.size(50_000, 400)):
        effort.note(f"making a history of {length:,} events")
        histories[length] = days_history((length - 5) // EVENTS_PER_DAY)
    lengths = list(histories)
    for length, history in histories.items():
        timing = effort.measure(f"replay of {length:,} events", lambda h=history: _ours(h))  # type: ignore[misc]
        goal = Goal(50_000, at_least=True) if length >= lengths[1] else None
        results.append(
            rate(
                f"replay, {len(history.events):,} events",
                timing,
                len(history.events),
                "event",
                goal=goal,
                note="strict guard",
            )
        )
    middle = histories[lengths[1]]
    for name, make in (("production guard", production_guard), ("no guard", no_guard)):
        guard = make()
        try:
            timing = effort.measure(f"replay, {name}", lambda g=guard: _ours(middle, g))  # type: ignore[misc]
        finally:
            guard.close()
        count = len(middle.events)
        results.append(rate(f"replay, {count:,} events", timing, count, "event", note=name))
    return results + _beside(effort, middle)
