"""Where nothing is wrong no checker says so, whatever the platform does."""

from __future__ import annotations

import pytest

from temporal_do.sim import FaultPlan
from temporal_do.sim.runner import run_scenario

from .worlds import CORRECT, scenario

EVERYTHING = FaultPlan.everything(15_000)


def complaints(name: str, seed: int, faults: FaultPlan, profile: str) -> list[str]:
    result = run_scenario(scenario(name, profile=profile), seed=seed, faults=faults, strict=seed % 3 == 2)
    return [f"seed {seed}: {each.checker}: {each.message}" for each in result.violations]


@pytest.mark.parametrize("profile", ["local", "prod"])
@pytest.mark.parametrize("name", CORRECT)
def test_without_faults_nobody_complains(name: str, profile: str) -> None:
    assert complaints(name, 2, FaultPlan(), profile) == []


@pytest.mark.parametrize("profile", ["local", "prod"])
@pytest.mark.parametrize("name", CORRECT)
def test_with_every_fault_there_is_nobody_complains(name: str, profile: str) -> None:
    assert [each for seed in (1, 2) for each in complaints(name, seed, EVERYTHING, profile)] == []


@pytest.mark.soak
@pytest.mark.parametrize("profile", ["local", "prod"])
@pytest.mark.parametrize("name", CORRECT)
def test_in_many_storms_nobody_complains(name: str, profile: str) -> None:
    for rate in (5_000, 20_000, 50_000):
        faults = FaultPlan.everything(rate)
        assert [each for seed in range(100, 160) for each in complaints(name, seed, faults, profile)] == []
