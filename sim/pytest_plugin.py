"""The pytest plugin: the ``sim`` fixture, its marker and its options.

Owns the hooks; what they do is in ``plugin_run`` and ``plugin_report``, imported when the first test asks for
a simulation, because this file is loaded in every pytest run of everybody who has the package installed.

Invariants
- A simulation belongs to one test. Nothing is shared, so ``-n`` needs no care.
- Only tests (and async fixtures) that use ``sim`` are touched, so other asyncio plugins keep the rest.

Must not import at its top: anything of this package, nor anything that is not loaded with pytest anyway.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .simulation import Simulation

SIMULATION: pytest.StashKey[Simulation] = pytest.StashKey()
"""Where an item keeps its simulation."""

MARKER = (
    "sim(seed=0, start='2026-01-01T00:00:00Z', freeze_time=False, faults=None, strict=False, replay=True): "
    "how the test's simulation is made. Takes what Simulation() takes; replay=False leaves out the replay of "
    "the histories that the test produced"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all under one heading."""
    group = parser.getgroup("temporal-do", "simulated workflows")
    group.addoption("--sim-seed", metavar="SEED", help="run every simulation with this seed")
    group.addoption(
        "--sim-seeds",
        type=int,
        metavar="COUNT",
        help="run every test that uses a simulation with COUNT seeds",
    )
    group.addoption(
        "--sim-strict", action="store_true", help="encode and decode every row and message (slower)"
    )
    group.addoption(
        "--no-sim-replay",
        action="store_true",
        help="do not replay the histories that a test produced when it has passed",
    )
    parser.addini(
        "sim_replay",
        "replay the histories that a test produced when it has passed",
        type="bool",
        default=True,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known; refuse options that make no sense."""
    config.addinivalue_line("markers", MARKER)
    seeds = config.getoption("--sim-seeds")
    if seeds is not None and seeds < 1:
        raise pytest.UsageError(f"--sim-seeds takes a number from 1 on, not {seeds}")
    if seeds is not None and config.getoption("--sim-seed") is not None:
        raise pytest.UsageError("--sim-seed runs one seed and --sim-seeds many: give one of them")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With --sim-seeds, one test per seed."""
    count = metafunc.config.getoption("--sim-seeds")
    if count is not None and "sim" in metafunc.fixturenames:
        seeds = range(count)
        metafunc.parametrize("sim", seeds, indirect=True, ids=[f"seed{seed}" for seed in seeds])


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    """A simulated world of this test's own: see ``temporal_do.sim.Simulation``.

    Calls on a ``Temporal`` find it by themselves. An ``async def`` test runs on its virtual time; a plain one
    calls ``sim.execute(...)``. ``@pytest.mark.sim(...)`` says how it is made.
    """
    from .plugin_run import new_simulation

    item = request.node
    with new_simulation(item, getattr(request, "param", None)) as simulation:
        item.stash[SIMULATION] = simulation
        yield simulation


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Run the test on its simulation, then look at what it left behind."""
    simulation = pyfuncitem.stash.get(SIMULATION, None)
    if simulation is None:
        return (yield)
    from .plugin_run import check_afterwards, on_virtual_time

    with on_virtual_time(pyfuncitem, simulation):
        result = yield
    check_afterwards(pyfuncitem, simulation)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Run an async fixture that takes ``sim`` on the simulation as well."""
    code = getattr(fixturedef.func, "__code__", None)
    if "sim" not in fixturedef.argnames or code is None or not code.co_flags & 0x280:
        return (yield)  # neither a coroutine (0x80) nor an async generator (0x200)
    from .plugin_run import fixture_on_virtual_time

    with fixture_on_virtual_time(fixturedef, request):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of a failure what repeats it."""
    simulation = item.stash.get(SIMULATION, None)
    if simulation is None:
        return (yield)
    from .plugin_report import add_section, shorten_traceback

    if call.excinfo is not None:
        shorten_traceback(call.excinfo, item.config)
    report = yield
    if report.failed:
        add_section(report, item, simulation)
    return report
