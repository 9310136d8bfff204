"""The pytest plugin: the ``sim`` fixture, its markers and its options.

Owns the hooks; what they do is in ``plugin_run``, ``plugin_chaos`` and ``plugin_report``, imported when the
first test asks for a simulation, because this file is loaded in every pytest run of everybody who has the
package installed.

Invariants
- A simulation belongs to one test. Nothing is shared, so ``-n`` needs no care.
- Only tests (and async fixtures) that use ``sim`` are touched, so other asyncio plugins keep the rest.

Must not import at its top: anything of this package, nor anything that is not loaded with pytest anyway.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from .simulation import Simulation

SIMULATION: pytest.StashKey[Simulation] = pytest.StashKey()
"""Where an item keeps its simulation."""

SIM = "sim"
"""The host that is no other one."""

MARKER = (
    "sim(seed=0, start='2026-01-01T00:00:00Z', freeze_time=False, faults=None, strict=False, replay=True): "
    "how the test's simulation is made. Takes what Simulation() takes; replay=False leaves out the replay of "
    "the histories that the test produced"
)

CHAOS_MARKER = (
    "chaos(seeds=100, faults=None, budget=None, strategy=None, strict=False, allow_unreached=False): run the "
    "async test once per seed under faults (a FaultPlan, or a text such as 'crashes,network'; None: every "
    "seed draws its own); heal_after= and settle= as in a Scenario"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all under one heading."""
    group = parser.getgroup("temporal-do", "simulated workflows")
    group.addoption(
        "--sim-seed",
        metavar="SEED",
        help="run every simulation with this seed; with --chaos-seeds or --chaos-budget: where chaos begins",
    )
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
    group.addoption(
        "--chaos-seeds",
        type=int,
        metavar="COUNT",
        help="run every test marked with chaos with COUNT seeds, whatever its marker says",
    )
    group.addoption(
        "--chaos-budget", metavar="TIME", help="end the seeds of a chaos test after so much real time (60s)"
    )
    group.addoption("--chaos-tape", metavar="FILE", help="repeat one recorded run of a chaos test")
    group.addoption(
        "--sim-host",
        metavar="HOST",
        default=SIM,
        help="where tests that use sim run: sim (default), or in real time on a real host: edge is the "
        "platform's own binary on this machine",
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
    config.addinivalue_line("markers", CHAOS_MARKER)
    chaos_seeds = config.getoption("--chaos-seeds")
    if chaos_seeds is not None and chaos_seeds < 1:
        raise pytest.UsageError(f"--chaos-seeds takes a number from 1 on, not {chaos_seeds}")
    budget = config.getoption("--chaos-budget")
    if budget is not None:
        _check_budget(budget)
    first = config.getoption("--sim-seed")
    if first is not None and (chaos_seeds, budget) != (None, None):
        if not first.removeprefix("-").isdecimal():
            raise pytest.UsageError(
                f"--sim-seed {first!r} is no number: it goes without --chaos-seeds and --chaos-budget"
            )
    if config.getoption("--sim-host") != SIM:
        from .plugin_host import check_option

        check_option(config)
    seeds = config.getoption("--sim-seeds")
    if seeds is not None and seeds < 1:
        raise pytest.UsageError(f"--sim-seeds takes a number from 1 on, not {seeds}")
    if seeds is not None and config.getoption("--sim-seed") is not None:
        raise pytest.UsageError("--sim-seed runs one seed and --sim-seeds many: give one of them")


def _check_budget(text: str) -> None:
    from ..runtime.durations import parse_duration
    from ..runtime.errors import InvalidArgumentError

    try:
        given = parse_duration(text, name="--chaos-budget")
    except InvalidArgumentError as error:
        raise pytest.UsageError(f"--chaos-budget: {error}") from None
    if given < 1:
        raise pytest.UsageError(f"--chaos-budget: a time above 0, not {text!r}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With --sim-seeds, one test per seed."""
    count = metafunc.config.getoption("--sim-seeds")
    if count is None or metafunc.definition.get_closest_marker("chaos") is not None:
        return  # a chaos test runs its seeds itself
    if "sim" in metafunc.fixturenames:
        seeds = range(count)
        metafunc.parametrize("sim", seeds, indirect=True, ids=[f"seed{seed}" for seed in seeds])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse the chaos marker where it would mean nothing."""
    if item.get_closest_marker("chaos") is not None:
        from .plugin_marker import check_kind

        check_kind(item)


@pytest.fixture
def sim_host_options() -> Mapping[str, Any]:
    """How a world is made with --sim-host; override it in your conftest. For edge: ``project``, the folder
    or file of the Worker's configuration, and ``variables``, values of the Worker's variables."""
    return {}


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Iterator[Simulation]:
    """A simulated world of this test's own: see ``temporal_do.sim.Simulation``.

    Calls on a ``Temporal`` find it by themselves. An ``async def`` test runs on its virtual time; a plain one
    calls ``sim.execute(...)``. ``@pytest.mark.sim(...)`` says how it is made. With ``--sim-host`` it is what
    of this another world has: see ``plugin_host.PortableSim``.
    """
    item = request.node
    host = request.config.getoption("--sim-host")
    if host != SIM:
        from .plugin_host import other_world

        with other_world(request, host) as other:
            yield cast("Simulation", other)
        return
    from .plugin_run import new_simulation

    if item.get_closest_marker("chaos") is not None:
        from .plugin_chaos import CURRENT

        # The campaign's runs are entered by their runner. What setup gets before them is only closed: its end
        # may come in a run's context, where a world that was entered here can't be left.
        current = item.stash.get(CURRENT, None)
        item.stash[SIMULATION] = simulation = current or new_simulation(item, None)
        try:
            yield simulation
        finally:
            if current is None:
                simulation.close()
        return
    with new_simulation(item, getattr(request, "param", None)) as simulation:
        item.stash[SIMULATION] = simulation
        yield simulation


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Run the test on its simulation, then look at what it left behind."""
    if pyfuncitem.get_closest_marker("chaos") is not None:
        from .plugin_chaos import in_its_place

        with in_its_place(pyfuncitem):
            return (yield)
    if pyfuncitem.config.getoption("--sim-host") != SIM:
        from .plugin_host import run_in_other_world

        with run_in_other_world(pyfuncitem):
            return (yield)
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
        report = yield
        if report.failed and item.config.getoption("--sim-host") != SIM:
            from .plugin_host import add_section as add_other

            add_other(report, item)
        return report
    from .plugin_report import add_section, shorten_traceback

    if call.excinfo is not None:
        shorten_traceback(call.excinfo, item.config)
    report = yield
    if report.failed and item.get_closest_marker("chaos") is not None:
        from .plugin_chaos import add_story

        add_story(report, item)
    elif report.failed:
        add_section(report, item, simulation)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What chaos tests have to say after all tests."""
    stats = terminalreporter.stats
    for report in (*stats.get("failed", ()), *stats.get("passed", ())):
        if any(name.startswith("chaos_") for name, _ in getattr(report, "user_properties", ())):
            from .plugin_terminal import summarize

            summarize(terminalreporter)
            return
