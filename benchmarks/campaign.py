"""Seeds per second of processor time: a campaign over durable workflows beside simloop's job queue.

Each side runs in a process of its own, which has imported nothing of the other, and both take turns. What a
seed costs is given for every mode there is, because the modes differ in what they prove: our digest is always
taken, theirs is taken for a failing seed only.

Must not import: simloop, before it is known to be there.
"""

from __future__ import annotations

import sys
from collections import Counter
from statistics import median
from typing import Any

from .measuring import Effort, ask_child
from .results import Goal, Result, format_number

GOAL = Goal(4, at_least=True)
PEER_PYTHON = (3, 12)

OURS = """
import json, sys, time
from collections import Counter
from benchmarks.jobs import SCENARIO, count_of, faults_of
from temporal_do.sim.runner import many_runs, run_scenario

def run(seeds, checkers):
    with many_runs():  # as campaigns do
        for seed in seeds:
            result = run_scenario(SCENARIO, seed=seed, faults=faults_of(seed), checkers=checkers)
            if not result.passed:
                raise SystemExit(f"seed {seed}: {result.violations[0].message}")

first, count = int(sys.argv[1]), int(sys.argv[2])
seeds = range(first, first + count)
run(range(3), None)
answer = {}
for mode, checkers in (("checkers", None), ("digest", ())):
    began = time.process_time()
    run(seeds, checkers)
    answer[mode] = time.process_time() - began
counts = sum((count_of(seed) for seed in seeds), Counter())
print(json.dumps({"cpu_s": answer, "counts": counts}))
"""

THEIRS = """
import json, sys, time
from collections import Counter
from benchmarks.peer_jobs import count_of, original, run_seed, scenario

first, count = int(sys.argv[1]), int(sys.argv[2])
workload = original(sys.argv[3]) if sys.argv[3] else scenario
for seed in range(3):
    run_seed(seed, workload=workload)
answer = {}
seeds = range(first, first + count)
for mode, with_hash in (("trace", False), ("digest", True)):
    began = time.process_time()
    for seed in seeds:
        run_seed(seed, with_hash=with_hash, workload=workload)
    answer[mode] = time.process_time() - began
counts = sum((count_of(seed, workload) for seed in seeds), Counter())
print(json.dumps({"cpu_s": answer, "counts": counts}))
"""


def why_no_peer() -> str:
    """Why the peer can't be measured here, "" if it can."""
    if sys.version_info < PEER_PYTHON:
        here = "{}.{}".format(*sys.version_info)
        return f"simloop needs Python 3.12 and this is {here}; run this on a newer one"
    from importlib.util import find_spec

    return "" if find_spec("simloop") is not None else "simloop is not installed (the extra 'bench' names it)"


def run(effort: Effort) -> list[Result]:
    """Rounds of all, in turns; medians."""
    count = effort.size(40, 2)
    rounds = effort.rounds(5)
    absent = why_no_peer()
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    originals: list[dict[str, Any]] = []
    for turn in range(rounds):
        effort.note(f"campaign, round {turn + 1} of {rounds}")
        ours.append(ask_child(OURS, turn * count, count))
        if not absent:
            theirs.append(ask_child(THEIRS, turn * count, count, ""))
            if effort.simloop:
                originals.append(ask_child(THEIRS, turn * count, count, effort.simloop))

    def rate(answers: list[dict[str, Any]], mode: str) -> float:
        return median(count / answer["cpu_s"][mode] for answer in answers)

    def told(answers: list[dict[str, Any]], *names: str) -> str:
        counts: Counter[str] = sum((Counter(answer["counts"]) for answer in answers), Counter())
        seeds = count * len(answers)
        each = [f"{format_number(counts[name] / seeds)} {name}" for name in names]
        virtual_s = format_number(counts["virtual_ms"] / seeds / 1000)
        return f"per seed {', '.join(each)}, {virtual_s} virtual seconds"

    def compared(mine: float, mode: str, goal: Goal | None = None) -> dict[str, Any]:
        if not theirs:
            return {}
        peers = rate(theirs, mode)
        return {"peer": "simloop", "peer_value": peers, "ratio": mine / peers, "ratio_goal": goal}

    mine = rate(ours, "digest")
    note = told(ours, "messages", "faults", "commits", "steps") + "; the scenario's own promises are judged"
    results = [
        Result(
            name="8 workflows x 3 activities, digest of every step",
            value=mine,
            unit="seed/CPU-s",
            note=f"{note}. No peer: {absent}" if absent else note,
            **compared(mine, "trace", GOAL),
        )
    ]
    if theirs:
        results.append(
            Result(
                name="the same beside simloop with a hash of its trace",
                value=mine,
                unit="seed/CPU-s",
                note=f"simloop: {told(theirs, 'messages', 'faults', 'steps')} (600 at most); above it keeps "
                "its trace and hashes none, as its explorer does with a seed that passes",
                **compared(mine, "digest"),
            )
        )
    if originals:
        results.append(
            Result(
                name="simloop's own checkout of the job queue, beside the one written anew",
                value=rate(originals, "trace"),
                unit="seed/CPU-s",
                peer="written anew",
                peer_value=rate(theirs, "trace"),
                ratio=rate(originals, "trace") / rate(theirs, "trace"),
                note=told(originals, "messages", "faults", "steps"),
            )
        )
    checked = rate(ours, "checkers")
    results.append(
        Result(
            name="the same, and all checkers read the trace",
            value=checked,
            unit="seed/CPU-s",
            note="every history is replayed as well",
            **compared(checked, "trace"),
        )
    )
    return results
