"""``@pytest.mark.chaos``: one test, many seeds, each in a world of its own and under faults.

Owns how a test becomes a scenario, and what a failing one says; ``plugin_marker`` says what was asked for.
Every seed gets a new simulation and new fixtures, as far as these depend on ``sim``. The first failure ends
the campaign; it is shrunk, and its smallest run is the one that pytest shows. Invariants: only tests with the
marker come here; the command that repeats the failure is the last line of what is added to the report.

Must not import: another asyncio plugin.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from ..runtime.durations import parse_duration
from ..runtime.errors import InvalidArgumentError
from .errors import TapeError
from .explore import Campaign, CampaignReport, Outcome, Progress, make_strategy
from .explore.report import Summary
from .explore.work import play_case
from .failure import Failure, examine
from .failure_file import read_failure, write_failure
from .plugin_marker import Wanted, options_of, plan_of, refused, wanted_of
from .plugin_run import async_function, marker_options
from .plugin_terminal import BRANCH, COMMAND, KIND, LOCATION, MESSAGE, Status, status, width_of_report
from .runner import run_scenario
from .scenario import Kind, RunResult, Scenario
from .simulation import Simulation
from .tape import Tape

CURRENT: pytest.StashKey[Simulation] = pytest.StashKey()
"""Where an item keeps the simulation of the seed that is being run; the ``sim`` fixture hands it out."""
TOLD: pytest.StashKey[str] = pytest.StashKey()
"""Where an item keeps the story of its failure, for the report."""
TITLE = "temporal-do chaos"
STATUS_EVERY_NS = 100_000_000
HEAL_AFTER = "365d"
"""A test's workflows may sleep for weeks, and faults are to strike all along; they end with the test."""
_SIMULATION_OPTIONS = (
    "start",
    "freeze_time",
    "cache_size",
    "profile",
    "time_skipping",
    "raise_task_failures",
)


@contextmanager
def in_its_place(item: pytest.Function) -> Iterator[None]:
    """While this lasts, calling the item's function runs its campaign instead."""
    original = item.obj

    def campaign(**_: Any) -> None:
        run_chaos(item, original)

    functools.update_wrapper(campaign, original)
    del campaign.__wrapped__  # type: ignore[attr-defined]
    item.obj = campaign
    try:
        yield
    finally:
        item.obj = original


def run_chaos(item: pytest.Function, test: Any) -> None:
    """Run the campaign of one test. Raises what its smallest failing run raises, or fails the test.

    Frames are not hidden here: of a failure without a traceback pytest would say that all of it is hidden.
    """
    caught: list[BaseException] = []
    scenario = _scenario(item, test, caught)
    wanted = wanted_of(item)
    try:
        with status(item.config) as shown:
            report = _run(item, scenario, wanted, shown)
            failure = _examined(scenario, wanted, report, shown)
    except (InvalidArgumentError, TapeError) as error:
        raise refused(item, error) from None
    finally:
        _finish_fixtures(item)
    item.user_properties.append(("chaos_seeds", report.runs))
    item.user_properties += [(BRANCH, branch) for branch in report.branches or ()]
    if failure is not None:
        _tell(item, wanted, failure, caught)
    missed = [name for _, name in report.never_reached]
    if missed and report.judges_reach and wanted.judges_reach and failure is None:
        text = f"never reached in {report.runs} runs: {', '.join(missed)}"
        _tell_machines(item, Kind.LIVENESS, text, "")
        pytest.fail(text, pytrace=False)


# --- what is asked for ---


def _scenario(item: pytest.Function, test: Any, caught: list[BaseException]) -> Scenario:
    """The test as a scenario; what it raises is in ``caught`` afterwards."""
    function = async_function(test)
    if function is None or "sim" not in item.fixturenames:
        pytest.fail(
            f"@pytest.mark.chaos of {item.nodeid} needs an 'async def' test that takes 'sim'", pytrace=False
        )
    options = options_of(item)
    simulation_options = marker_options(item)
    try:
        faults = plan_of(options.get("faults"))
        heal_after_ns = parse_duration(options.get("heal_after", HEAL_AFTER), name="heal_after")
        settle_ns = parse_duration(options.get("settle", "1d"), name="settle")
    except InvalidArgumentError as error:
        raise refused(item, error) from None
    return Scenario(
        name=item.name,
        workload=_workload(item, function, caught),
        faults=faults,
        options={
            name: simulation_options[name] for name in _SIMULATION_OPTIONS if name in simulation_options
        },
        heal_after_ns=heal_after_ns,
        settle_ns=settle_ns,
    )


def _workload(
    item: pytest.Function, function: Callable[..., Any], caught: list[BaseException]
) -> Callable[[Simulation], Coroutine[Any, Any, None]]:
    def workload(simulation: Simulation) -> Coroutine[Any, Any, None]:
        __tracebackhide__ = True
        caught.clear()
        _forget_output(item)
        item.stash[CURRENT] = simulation
        kwargs = _new_fixtures(item)
        close = simulation.close

        def close_after_fixtures() -> None:
            """What fixtures do at their end, they do in a world that is still there."""
            if not simulation.platform.closed:
                simulation.close = close  # type: ignore[method-assign]
                try:
                    _finish_fixtures(item)
                finally:
                    close()

        simulation.close = close_after_fixtures  # type: ignore[method-assign]
        return run(function(**kwargs))

    async def run(test: Coroutine[Any, Any, Any]) -> None:
        __tracebackhide__ = True
        try:
            await test
        except pytest.fail.Exception as error:
            # No Exception, so a run would let it through: to the run it is what a failed assertion is.
            caught.append(error)
            raise AssertionError(str(error)).with_traceback(_without_pytest(error.__traceback__)) from None
        except BaseException as error:
            caught.append(error)
            raise

    return workload


def _without_pytest(traceback: TracebackType | None) -> TracebackType | None:
    """Up to where the test called pytest to fail it."""
    frames: list[TracebackType] = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    while frames and "_pytest" in Path(frames[-1].tb_frame.f_code.co_filename).parts:
        frames.pop()
    for frame in reversed(frames):
        traceback = TracebackType(traceback, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return traceback


def _forget_output(item: pytest.Function) -> None:
    """What earlier seeds printed: the report shows the output of the run that it tells of."""
    manager = item.config.pluginmanager.getplugin("capturemanager")
    if manager is not None and manager.is_globally_capturing():
        manager.read_global_capture()


def _new_fixtures(item: pytest.Function) -> Mapping[str, Any]:
    """The test's arguments, made anew as far as they depend on ``sim``; the others stay as they are."""
    _finish_fixtures(item)
    item._initrequest()  # what plugins that run a test again call
    item._request._fillfixtures()
    return {name: item.funcargs[name] for name in item._fixtureinfo.argnames}


def _finish_fixtures(item: pytest.Function) -> None:
    """End ``sim`` and with it every fixture that was made from it."""
    for definition in item._fixtureinfo.name2fixturedefs.get("sim", ()):
        definition.finish(item._request)  # type: ignore[arg-type]


# --- running ---


def _run(item: pytest.Function, scenario: Scenario, wanted: Wanted, shown: Status) -> CampaignReport:
    strategy = make_strategy(wanted.strategy)
    if options_of(item).get("faults") is not None and (why := strategy.refuses(scenario.faults)):
        raise InvalidArgumentError(f"strategy {strategy.name!r} can't use its faults: {why}")
    if wanted.tape is not None or wanted.single is not None:
        summary = Summary([scenario.name])
        if wanted.tape is not None:
            tape = read_failure(_from_invocation(item, wanted.tape)).tape
            result = _repeat(scenario, tape, wanted)
            outcome = Outcome(scenario=scenario.name, number=0, result=result)
        else:
            case = strategy.case_of(scenario, str(wanted.single))
            outcome = play_case(scenario, scenario.name, strategy.play, case, wanted.strict, None, True)
        summary.add(outcome)
        return summary.report("replay", judges_reach=False)
    return Campaign(
        scenario,
        strategy=strategy,
        seeds=wanted.seeds if wanted.is_counted or strategy.endless else None,
        budget_ns=wanted.budget_ns,
        failures_max=1,
        first_seed=wanted.first_seed,
        strict=wanted.strict,
        progress=_progress(shown),
    ).run()


def _repeat(scenario: Scenario, tape: Tape, wanted: Wanted) -> RunResult:
    if wanted.strategy == "double_run":
        from .explore.double_run import repeat_twice

        return repeat_twice(scenario, tape, wanted.strict, None)
    return run_scenario(scenario, tape=tape, strict=wanted.strict)


def _progress(shown: Status) -> Callable[[Progress], None] | None:
    """What tells how far it is, some times a second."""
    if not shown.on:
        return None
    last_ns = 0

    def tell(progress: Progress) -> None:
        nonlocal last_ns
        if progress.elapsed_ns - last_ns >= STATUS_EVERY_NS:
            last_ns = progress.elapsed_ns
            done = f"{progress.done}/{progress.total}" if progress.total else str(progress.done)
            shown.show(f"{done} seeds, {progress.runs_per_second:.0f}/s")

    return tell


def _examined(scenario: Scenario, wanted: Wanted, report: CampaignReport, shown: Status) -> Failure | None:
    if not report.failures:
        return None
    if wanted.tape is None:
        shown.show(f"shrinking the failure of seed {report.failures[0].result.seed} ...")
    return examine(
        scenario,
        report.failures[0],
        strategy=wanted.strategy,
        strict=wanted.strict,
        shrinking=wanted.tape is None,
    )


# --- telling ---


def _tell(item: pytest.Function, wanted: Wanted, failure: Failure, caught: list[BaseException]) -> None:
    """Fail the test: with the exception of its smallest run if there is one, else with the story."""
    __tracebackhide__ = True
    command = _command(item, wanted, failure)
    found = failure.outcome.result
    head = f"found with seed {found.seed}"
    if failure.runs and failure.repeats:
        head += f", shrunk in {failure.runs} runs"
    story = f"{head}\n{failure.story(width=width_of_report(item.config), command=command)}"
    item.user_properties += [("chaos_failed_seed", found.seed), (COMMAND, command)]
    first = failure.result.violations[0]
    _tell_machines(item, first.kind, first.message, first.location)
    error = caught[-1] if caught and failure.repeats else None
    if isinstance(error, Exception | pytest.fail.Exception):
        item.stash[TOLD] = story
        raise error
    pytest.fail(f"chaos: {story}", pytrace=False)


def _tell_machines(item: pytest.Function, kind: Kind, message: str, location: str) -> None:
    """Put into the report what JUnit XML and annotations are made of."""
    if not location:
        location = f"{item.path}:{(item.location[1] or 0) + 1}"
    item.user_properties += [(KIND, kind.value), (MESSAGE, message), (LOCATION, location)]


def _command(item: pytest.Function, wanted: Wanted, failure: Failure) -> str:
    words = ["pytest", _test_of(item)]
    if wanted.tape is not None:
        words += ["--chaos-tape", wanted.tape]
    else:
        file = _record(item, failure, wanted) if failure.repeats else None
        if file is None:
            words += ["--sim-seed", str(failure.outcome.result.seed)]
        else:
            words += ["--chaos-tape", str(file)]
    if wanted.strict and item.config.getoption("--sim-strict"):
        words.append("--sim-strict")
    return shlex.join(words)


def _record(item: pytest.Function, failure: Failure, wanted: Wanted) -> Path | None:
    """Write the failure into pytest's cache folder; None: it has none."""
    cache = getattr(item.config, "cache", None)
    if cache is None:
        return None
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", item.nodeid).strip("-")[-120:]
    file = Path(cache.mkdir("temporal-do-chaos")) / f"{name}.json"
    try:
        write_failure(file, failure.result, scenario="", test=item.nodeid, strict=wanted.strict)
    except OSError:
        return None
    return Path(os.path.relpath(file, item.config.invocation_params.dir))


def _from_invocation(item: pytest.Function, path: str) -> Path:
    return Path(item.config.invocation_params.dir) / path


def _test_of(item: pytest.Function) -> str:
    file, colons, name = item.nodeid.partition("::")
    if item.config.invocation_params.dir != item.config.rootpath:
        file = os.path.relpath(item.config.rootpath / file, item.config.invocation_params.dir)
    return f"{file}{colons}{name}"


def add_story(report: pytest.TestReport, item: pytest.Item) -> bool:
    """Put the story at the end of the report, if the test has one."""
    story = item.stash.get(TOLD, None)
    if story is None:
        return False
    add_to_text = getattr(report.longrepr, "addsection", None)
    # Behind what the test printed is the better place for it, but a file for CI holds the first part only.
    is_kept = item.config.getoption("xmlpath", None) is not None
    if add_to_text is None or (item.config.getoption("showcapture") == "all" and not is_kept):
        report.sections.append((TITLE, story))
    else:
        add_to_text(TITLE, story)
    return True
