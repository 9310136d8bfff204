"""What one activity costs the engine: commits and requests by kind of object, and time.

Counted as the difference between a workflow of few and one of many activities, so that its start and its end
are not in it.
"""

from __future__ import annotations

from collections import Counter

from temporal_do.runtime.keys import kind_of
from temporal_do.sim import Simulation

from .measuring import Effort
from .results import Result, duration, rate
from .workflows import activities, temporal, worker

FEW = 10


def _simulate(count: int) -> Simulation:
    async def live() -> None:
        simulation.run(worker)
        await temporal.execute_workflow(activities, workflow_id="turns", args=[count])

    with Simulation(seed=1, trace_limit=None) as simulation:
        simulation.execute(live())
    return simulation


def _count(simulation: Simulation) -> Counter[tuple[str, str]]:
    """(what, kind of object) -> how often."""
    found: Counter[tuple[str, str]] = Counter()
    for step in simulation.trace.tuples():
        if step[0] in ("commit", "deliver", "alarm"):
            found[step[0], kind_of(step[2])] += 1
        elif step[0] == "consume":
            found["consume", step[2]] += 1
    return found


def _breakdown(found: Counter[tuple[str, str]], what: str, per: int) -> str:
    return ", ".join(
        f"{kind} {n / per:.3g}" for (each, kind), n in sorted(found.items()) if each == what and n
    )


def run(effort: Effort) -> list[Result]:
    """Count the turns of an activity, then time them."""
    many = FEW + effort.size(1000, 20)
    per = many - FEW
    found = _count(_simulate(many))
    found.subtract(_count(_simulate(FEW)))
    commits = sum(n for (what, _), n in found.items() if what == "commit")
    requests = sum(n for (what, _), n in found.items() if what == "deliver")
    messages = sum(n for (what, _), n in found.items() if what != "commit")
    timing = effort.measure(f"{many} activities", lambda: _simulate(many).stats)
    stats = timing.outcome
    delivered = messages / per * many
    return [
        Result(
            name="commits per activity",
            value=commits / per,
            unit="commits",
            note=_breakdown(found, "commit", per),
        ),
        Result(
            name="requests per activity",
            value=requests / per,
            unit="requests",
            note=_breakdown(found, "deliver", per),
        ),
        Result(
            name="messages per activity",
            value=messages / per,
            unit="messages",
            note="requests, queue messages and alarms",
        ),
        duration("cost per turn", timing, "us", per=stats["commits"], note="a turn ends in one commit"),
        duration("cost per activity", timing, "us", per=many),
        rate("messages", timing, delivered, "message"),
    ]
