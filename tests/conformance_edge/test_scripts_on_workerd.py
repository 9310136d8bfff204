"""Generated scripts see the same on the simulator and on the platform's own binary."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from temporal_do.edge_adapter.tooling.platform import Platform

from .cases import draw_cases
from .compare import Summary, compare, smallest
from .on_workerd import ScriptsEdge

SAMPLE = 50
SOAK = 2_000
BATCH = 250
SHOWN = 3


def told(summary: Summary, edge: ScriptsEdge) -> str:
    """What there is to say about divergences."""
    found = [str(smallest(each, edge.perform)) for each in summary.divergences[:SHOWN]]
    return "\n\n".join([str(summary), *found])


def run(platform: Platform, folder: Path, loop: asyncio.Runner, count: int, seed: int) -> Summary:
    edge = ScriptsEdge.start(platform, folder, loop)
    total = Summary()
    try:
        cases = draw_cases(count, seed)
        for first in range(0, count, BATCH):
            summary = compare(cases[first : first + BATCH], edge.perform)
            total.add(summary)
            assert not summary.divergences, f"seed {seed}: {told(summary, edge)}"
    finally:
        loop.run(edge.edge.stop())
    print(f"seed {seed}: {total}")
    return total


def test_a_sample_of_scripts_sees_the_same(platform: Platform, tmp_path: Path, loop: asyncio.Runner) -> None:
    total = run(platform, tmp_path, loop, SAMPLE, 1)
    assert total.cases == SAMPLE
    assert total.restarts > 5, "some scripts survive a kill -9 of the platform"


def test_bugs_planted_in_the_worker_are_found(
    platform: Platform, tmp_path: Path, loop: asyncio.Runner
) -> None:
    cases = [case for case in draw_cases(3 * SAMPLE, 1) if len(case.parts) == 1]
    edge = ScriptsEdge.start(platform, tmp_path, loop)
    try:
        for sabotage, word in (("abort loses rows", "abort"), ("blobs are replaced", "blob")):
            edge.sabotage = sabotage
            chosen = [case for case in cases if f"['{word}'" in str(case)][:8]
            assert compare(chosen, edge.perform, again=0).divergences, sabotage
    finally:
        loop.run(edge.edge.stop())


@pytest.mark.soak
def test_thousands_of_scripts_see_the_same(platform: Platform, tmp_path: Path, loop: asyncio.Runner) -> None:
    total = run(platform, tmp_path, loop, SOAK, random.SystemRandom().randrange(10**9))
    assert total.cases == SOAK
