"""The gate: besides the fixed seeds of ``tests/scenarios`` and the planted bugs beside this file, every build
runs seeds that nobody has run before. A failing one is shrunk, told, and named with what repeats it.

Together they stay under two minutes of one processor.
"""

from __future__ import annotations

import time

import pytest

from temporal_do.scenarios import SCENARIOS
from temporal_do.sim.explore import Campaign
from temporal_do.sim.failure import examine

FRESH = 3
"""Fresh seeds for each scenario."""


def told(name: str, first_seed: int, seeds: int = FRESH) -> str:
    """Run the seeds; the story of the first failure with its command, or ""."""
    scenario = SCENARIOS[name]
    report = Campaign(scenario, seeds=seeds, first_seed=first_seed, failures_max=1, strict_every=3).run()
    if not report.failures:
        return ""
    outcome = report.failures[0]
    command = f"temporal-do chaos {name} --seed {outcome.result.seed}"
    return f"seed {outcome.result.seed}\n{examine(scenario, outcome).story(command=command)}"


@pytest.mark.parametrize("name", SCENARIOS)
def test_fresh_seeds_pass(name: str) -> None:
    first = time.time_ns() // 1_000_000_000 * 100
    story = told(name, first)
    assert not story, story


def test_a_failing_seed_is_told_with_the_command_that_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.chaos import shop

    monkeypatch.setitem(globals(), "SCENARIOS", {"careless": shop.CARELESS})
    story = told("careless", 1_000, seeds=60)
    assert "order 7 was charged" in story
    assert story.splitlines()[-1].startswith("repeat with: temporal-do chaos careless --seed 10")
