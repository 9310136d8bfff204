"""One crash at every place: whatever is struck, the result is that of the run in which nothing was.

In a short run a sample of the places (every kind of fault of every application); with ``--soak`` all of them,
and pairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import count

import pytest

from temporal_do.sim import Simulation
from temporal_do.sim.faults import Placement

from .representatives import REPRESENTATIVES
from .sweep import Swept, places, run, run_struck, storm

SAMPLE = 30
LOSS_SAMPLE = 10
PAIRS = 400


def _order(name: str, *struck: Placement) -> bytes:
    return blake2b(f"{name}{struck}".encode(), digest_size=8).digest()


def sampled(name: str, found: list[Placement], most: int) -> list[Placement]:
    """At most ``most`` of them: every fault in turn, at places that look random and are always the same."""
    ordered = sorted(found, key=lambda each: _order(name, each))
    turns = {fault: count() for fault in sorted({each.fault for each in ordered})}
    return sorted(ordered, key=lambda each: next(turns[each.fault]))[:most]


def check_all(name: str, calm: Swept, struck: Iterable[tuple[Placement, ...]]) -> None:
    """Every one of these runs ends as the calm one, and keeps every law."""
    for placements in struck:
        try:
            found = run_struck(REPRESENTATIVES[name], *placements)
            assert found.result == calm.result
        except Exception as error:
            raise AssertionError(f"{name} with {placements}: {type(error).__name__}: {error}") from error


def test_faults_that_never_strike_change_nothing() -> None:
    for make in REPRESENTATIVES.values():
        with Simulation(0) as simulation:
            calm = run(make(), simulation)
        assert run_struck(make).digest == calm.digest
        assert places(make)[0].digest == calm.digest


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_one_fault_at_any_place_changes_no_result(name: str) -> None:
    calm, found = places(REPRESENTATIVES[name])
    assert len(found) > 100
    check_all(name, calm, ((each,) for each in sampled(name, found, SAMPLE)))


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_what_the_platform_loses_for_good_the_recovery_sweep_finds(name: str) -> None:
    calm, found = places(REPRESENTATIVES[name], losses=True)
    check_all(name, calm, ((each,) for each in sampled(name, found, LOSS_SAMPLE)))


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_strict_mode_and_an_empty_cache_change_nothing(name: str) -> None:
    make = REPRESENTATIVES[name]
    calm = run_struck(make)
    assert run_struck(make, strict=True) == calm
    dropped = run_struck(make, cache_size=0)
    assert (dropped.result, dropped.histories) == (calm.result, calm.histories)


@pytest.mark.soak
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_one_fault_at_every_place_changes_no_result(name: str) -> None:
    calm, found = places(REPRESENTATIVES[name])
    check_all(name, calm, ((each,) for each in found))


@pytest.mark.soak
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_two_faults_at_any_places_change_no_result(name: str) -> None:
    calm, found = places(REPRESENTATIVES[name])
    firsts = sampled(f"{name} first", found, PAIRS)
    seconds = sampled(f"{name} second", found, PAIRS)
    check_all(name, calm, zip(firsts, reversed(seconds), strict=True))


@pytest.mark.soak
@pytest.mark.parametrize("name", REPRESENTATIVES)
@pytest.mark.parametrize("seed", range(10))
def test_a_storm_changes_no_result(name: str, seed: int) -> None:
    calm = run_struck(REPRESENTATIVES[name], seed=seed)
    app = REPRESENTATIVES[name]()
    with Simulation(seed, faults=storm(30_000)) as simulation:
        assert run(app, simulation).result == calm.result
