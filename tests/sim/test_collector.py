"""The garbage collector's pace belongs to the process: a simulation borrows it and gives it back."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from temporal_do.sim import Simulation
from temporal_do.sim.loop import YOUNG_OBJECTS_MAX


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


async def young_objects_max() -> int:
    return gc.get_threshold()[0]


def test_a_simulation_collects_less_often_while_it_runs_and_gives_the_pace_back() -> None:
    gc.set_threshold(700, 11, 12)
    with Simulation() as simulation:
        assert simulation.execute(young_objects_max()) == YOUNG_OBJECTS_MAX
        assert gc.get_threshold() == (700, 11, 12)


def test_the_pace_is_given_back_when_the_work_fails() -> None:
    gc.set_threshold(700, 11, 12)

    async def fail() -> None:
        raise ValueError("on purpose")

    with Simulation() as simulation, pytest.raises(ValueError, match="on purpose"):
        simulation.execute(fail())
    assert gc.get_threshold() == (700, 11, 12)


@pytest.mark.parametrize("young", [0, YOUNG_OBJECTS_MAX * 2])
def test_a_collector_that_is_off_or_slower_is_left_alone(young: int) -> None:
    gc.set_threshold(young, 11, 12)
    with Simulation() as simulation:
        assert simulation.execute(young_objects_max()) == young
