"""How long production code waits for its imports, in fresh processes whose bytecode is cached."""

from __future__ import annotations

from statistics import median

from .measuring import Effort
from .results import Goal, Result

_CODE = """
import sys, time
cpu, wall = time.process_time(), time.perf_counter()
exec(sys.argv[1])
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
import json
print(json.dumps({"wall": wall, "cpu": cpu}))
"""
_PEER = "from temporalio import activity, client, workflow; from temporalio.worker import Worker"
_OURS = (
    ("import temporal_do.runtime", 150),
    ("from temporal_do.runtime import Temporal, Worker, RetryPolicy", None),
    ("from temporal_do.sim import Simulation", None),
)


def run(effort: Effort) -> list[Result]:
    """Time each statement in processes of its own, in turns with the peer."""
    statements = [statement for statement, _ in _OURS] + [_PEER]
    found: dict[str, list[dict[str, float]]] = {statement: [] for statement in statements}
    for statement in statements:
        effort.ask_children(f"{statement}, once for the bytecode", _CODE, statement, runs=1)
    for _ in range(effort.size(9, 1)):
        for statement in statements:
            found[statement] += effort.ask_children(statement, _CODE, statement, runs=1)

    def median_ms(statement: str, clock: str) -> float:
        return median(answer[clock] for answer in found[statement]) * 1e3

    theirs = median_ms(_PEER, "wall")
    return [
        Result(
            name=statement,
            value=median_ms(statement, "wall"),
            on_cpu=median_ms(statement, "cpu"),
            unit="ms",
            goal=Goal(goal) if goal else None,
            peer="temporalio (client, workflow, worker)",
            peer_value=theirs,
            ratio=theirs / median_ms(statement, "wall"),
        )
        for statement, goal in _OURS
    ]
