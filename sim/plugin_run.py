"""The pytest plugin's work: make a test's simulation, run the test on it, and judge what the test left
behind.

Owns how marker, options and settings become a Simulation, and the checks after a test that passed: a workflow
whose code failed without the test noticing, and a cold replay of every history the test produced. Invariants:
the checks read and never run the simulation on; a test that failed by itself is not checked.

Must not import: another asyncio plugin.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ..runtime.errors import InvalidArgumentError, NondeterminismError
from .simulation import Simulation


def new_simulation(item: Any, seed: int | None) -> Simulation:
    """The simulation that the marker, the options and ``seed`` (of --sim-seeds) ask for."""
    options = marker_options(item)
    options.pop("replay", None)
    chosen = item.config.getoption("--sim-seed")
    if seed is not None:
        options["seed"] = seed
    elif chosen is not None:
        options["seed"] = _seed(chosen)
    if item.config.getoption("--sim-strict"):
        options["strict"] = True
    try:
        simulation = Simulation(**options)
    except (InvalidArgumentError, TypeError) as error:
        text = str(error).removeprefix("Simulation.__init__() ")
        pytest.fail(f"@pytest.mark.sim of {item.nodeid}: {text}", pytrace=False)
    if item.get_closest_marker("chaos") is None:  # of many seeds, the one that failed is told
        item.user_properties.append(("sim_seed", simulation.seed))
    return simulation


def _seed(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def marker_options(item: Any) -> dict[str, Any]:
    """What ``@pytest.mark.sim`` says, the nearest marker first."""
    options: dict[str, Any] = {}
    for marker in item.iter_markers("sim"):
        if marker.args:
            pytest.fail(f"@pytest.mark.sim of {item.nodeid} takes names only: sim(seed=7)", pytrace=False)
        options = {**marker.kwargs, **options}
    return options


@contextmanager
def on_virtual_time(item: pytest.Function, simulation: Simulation) -> Iterator[None]:
    """While this lasts, calling the item's function runs it on ``simulation`` if it is async.

    Done by replacing the function, so that whoever would run a coroutine test otherwise sees a plain one.
    """
    original = item.obj
    inner = async_function(original)
    if inner is None:
        yield
        return
    item.obj = _executing(inner, simulation)
    try:
        yield
    finally:
        item.obj = original


def async_function(function: Any) -> Callable[..., Any] | None:
    """The coroutine function behind what another plugin may have made of it."""
    seen: Callable[..., Any] | None = function
    while seen is not None:
        if inspect.iscoroutinefunction(seen):
            return seen
        seen = getattr(seen, "__wrapped__", None) if not inspect.ismethod(seen) else None
    return None


def _executing(function: Callable[..., Any], simulation: Simulation) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return simulation.execute(function(*args, **kwargs))

    return run


@contextmanager
def fixture_on_virtual_time(fixturedef: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """While this lasts, the async fixture is a plain one that runs on the test's simulation."""
    original = fixturedef.func
    bound = original
    if inspect.ismethod(original) and request.instance is not None:
        bound = original.__func__.__get__(request.instance)
    run = _run_generator if inspect.isasyncgenfunction(original) else _run_coroutine

    def fixture(**kwargs: Any) -> Any:
        return run(request.getfixturevalue("sim"), bound, kwargs)

    if run is _run_generator:

        def generator(**kwargs: Any) -> Iterator[Any]:
            yield from fixture(**kwargs)

        fixturedef.func = generator
    else:
        fixturedef.func = fixture
    try:
        yield
    finally:
        fixturedef.func = original


def _run_coroutine(simulation: Simulation, function: Callable[..., Any], kwargs: dict[str, Any]) -> Any:
    return simulation.execute(function(**kwargs))


def _run_generator(
    simulation: Simulation, function: Callable[..., Any], kwargs: dict[str, Any]
) -> Iterator[Any]:
    generator = function(**kwargs)

    async def advance() -> Any:
        return await anext(generator)

    yield simulation.execute(advance)
    try:
        simulation.execute(advance)
    except StopAsyncIteration:
        return
    pytest.fail(f"the async fixture {function.__name__} yields more than once", pytrace=False)


def check_afterwards(item: pytest.Function, simulation: Simulation) -> None:
    """Fail the test for what it left behind without noticing."""
    __tracebackhide__ = True
    alert = simulation.take_alert()
    if alert is not None:
        pytest.fail(f"The test passed, but not everything in it went well:\n{_told(alert)}", pytrace=False)
    config = item.config
    wanted = marker_options(item).get("replay", config.getini("sim_replay"))
    if not wanted or config.getoption("--no-sim-replay"):
        return
    problem = replay_problem(simulation)
    if problem:
        pytest.fail(problem, pytrace=False)


def _told(error: BaseException) -> str:
    from traceback import format_exception

    from .plugin_report import without_engine

    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = without_engine(each.__traceback__, thrown_in=True)
        each = each.__cause__
    return "".join(format_exception(error))


def replay_problem(simulation: Simulation) -> str:
    """What is wrong with the first produced history that does not replay; "" if all do.

    Each is replayed from its events alone, with the newest workflow of that name that runs for its task
    queue. A workflow that no worker runs any more is left out.
    """
    from .produced import produced_histories

    deployment = simulation.deployment
    for produced in produced_histories(simulation.platform):
        name = produced.workflow_type
        definition = deployment.workflow(produced.namespace, produced.task_queue, name)
        if definition is None:
            continue
        from ..runtime.workflow.replay import replay_history

        error = replay_history(
            produced.history,
            {name: definition},
            deployment.converter,
            run_id=produced.run_id,
            namespace=produced.namespace,
        ).error
        if error is None or (produced.task_failure and not isinstance(error, NondeterminismError)):
            continue  # a workflow task that failed has told the test already
        return (
            f"The test passed, but the history of workflow {produced.workflow_id!r} ({name}) does not "
            "replay: the same code, run again from the history alone, does something else.\n\n"
            f"{_explained(error, simulation, name)}\n\n"
            "Leave this check out for one test with @pytest.mark.sim(replay=False), or with --no-sim-replay."
        )
    return ""


def _explained(error: BaseException, simulation: Simulation, workflow_type: str) -> str:
    """The report. Where the code did not change between, how to patch a change is no advice."""
    if not isinstance(error, NondeterminismError) or _was_redeployed(simulation, workflow_type):
        return str(error)
    from ..runtime.workflow.report import render

    advice = (
        "The code is the one that made this history a moment ago, so what it does depends on something "
        "outside: a global variable, a cache, an object it shares with the test. Pass that as an argument, "
        "or record it with ctx.side_effect or an activity."
    )
    return render({**error.fields, "advice": advice, "fix": ""})


def _was_redeployed(simulation: Simulation, workflow_type: str) -> bool:
    workers = [worker for worker in simulation.deployment.workers if workflow_type in worker.workflows]
    if len(workers) > 1:
        return True
    return any(step[0] == "worker" and step[2] == "stopped" for step in simulation.trace.tuples())
