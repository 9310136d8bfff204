"""The ``sim`` fixture: async tests run on virtual time, each in a world of its own."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import write_tests

pytest_plugins = "pytester"


def test_an_async_test_runs_with_no_other_plugin(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        async def test_order(sim):
            sim.run(worker)
            started = sim.now()
            handle = await temporal.start_workflow(order, workflow_id="o", args=[5])
            assert await handle.result() == "charged 5"
            assert sim.now() - started >= datetime.timedelta(days=7)

        class TestGroup:
            async def test_as_a_method(self, sim):
                await asyncio.sleep(3600)
                assert isinstance(self, TestGroup)

        @pytest.mark.parametrize("amount", [1, 2])
        async def test_with_parameters(sim, amount):
            sim.run(worker)
            done = await temporal.execute_workflow(order, workflow_id="o", args=[amount])
            assert done == f"charged {amount}"
        """,
    )
    project.runpytest_inprocess().assert_outcomes(passed=4)


def test_a_plain_test_executes_coroutines_itself(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        def test_order(sim):
            sim.run(worker)
            work = temporal.execute_workflow(order, workflow_id="o", args=[5])
            assert sim.execute(work) == "charged 5"
        """,
    )
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_every_test_has_a_world_of_its_own(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        @pytest.mark.parametrize("time", [1, 2])
        async def test_the_same_id(sim, time):
            sim.run(worker)
            assert sim.now().isoformat() == "2026-01-01T00:00:00+00:00"
            await temporal.start_workflow(
                order, workflow_id="the same", args=[5], id_reuse_policy="reject_duplicate"
            )

        def test_outside(request):
            from temporal_do.runtime import NoHostError
            with pytest.raises(NoHostError):
                temporal.host()
        """,
    )
    project.runpytest_inprocess().assert_outcomes(passed=3)


def test_fixtures_may_use_the_world_async_ones_too(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        left = []

        @pytest.fixture
        def shop(sim):
            sim.run(worker)
            return sim

        @pytest.fixture
        async def started(shop, sim):
            return await temporal.start_workflow(order, workflow_id="o", args=[5])

        @pytest.fixture
        async def with_an_end(sim):
            await asyncio.sleep(5)
            yield sim.now()
            await asyncio.sleep(5)
            left.append(sim.now())

        async def test_order(started):
            assert await started.result() == "charged 5"

        async def test_generator(with_an_end, sim):
            assert with_an_end == sim.now()

        def test_it_was_left():
            (at,) = left
            assert at.second == 10

        class TestGroup:
            @pytest.fixture
            async def owner(self, sim):
                await asyncio.sleep(1)
                return self

            async def test_method_fixture(self, owner, sim):
                assert owner is self
        """,
    )
    project.runpytest_inprocess().assert_outcomes(passed=4)


def test_a_fixture_of_the_users_may_prepare_the_world(project: pytest.Pytester) -> None:
    project.makeconftest(
        """
        import pytest
        import app

        @pytest.fixture
        def sim(sim):
            sim.run(app.worker)
            return sim
        """
    )
    write_tests(
        project,
        """
        async def test_order(sim):
            assert await temporal.execute_workflow(order, workflow_id="o", args=[5]) == "charged 5"
        """,
    )
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_the_marker_says_how_the_world_is_made(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        import time
        from temporal_do.sim import FaultPlan

        @pytest.mark.sim(seed=7, start="2030-05-01T00:00:00Z", faults=FaultPlan.evictions())
        async def test_made(sim):
            sim.run(worker)
            assert (sim.seed, sim.now().year) == (7, 2030)
            await temporal.execute_workflow(order, workflow_id="o", args=[5])
            assert "fault_evict" in sim.stats

        @pytest.mark.sim(freeze_time=True)
        async def test_frozen(sim):
            assert datetime.datetime.now().year == 2026
            before = time.time()
            await asyncio.sleep(60)
            assert time.time() - before == 60

        @pytest.mark.sim(seed=1)
        class TestNearest:
            @pytest.mark.sim(seed=2)
            async def test_wins(self, sim):
                assert sim.seed == 2

            async def test_inherits(self, sim):
                assert sim.seed == 1
        """,
    )
    project.runpytest_inprocess("--strict-markers").assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("sim(sede=7)", "*unexpected keyword argument 'sede'*"),
        ("sim(7)", "*takes names only: sim(seed=7)*"),
        ("sim(start='yesterday')", "*start 'yesterday' is no instant*"),
    ],
)
def test_a_wrong_marker_says_what_is_wrong(project: pytest.Pytester, marker: str, message: str) -> None:
    write_tests(project, f"@pytest.mark.{marker}\nasync def test_it(sim): ...\n")
    result = project.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*@pytest.mark.sim of test_it.py::test_it" + message])
    result.stdout.no_fnmatch_line("*plugin_run.py*")


def test_seeds_can_be_given_on_the_command_line(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        @pytest.mark.sim(seed=3)
        async def test_it(sim):
            print("the seed is", repr(sim.seed))
        """,
    )
    for options, seeds in (
        ([], ["3"]),
        (["--sim-seed", "17"], ["17"]),
        (["--sim-seed", "green"], ["'green'"]),
        (["--sim-seeds", "2"], ["0", "1"]),
    ):
        result = project.runpytest_inprocess("-s", *options)
        result.assert_outcomes(passed=len(seeds))
        result.stdout.fnmatch_lines([f"*the seed is {seed}*" for seed in seeds])


def test_options_that_make_no_sense_are_usage_errors(project: pytest.Pytester) -> None:
    for options in (["--sim-seeds", "0"], ["--sim-seeds", "2", "--sim-seed", "1"], ["--sim-seeds", "many"]):
        assert project.runpytest_inprocess(*options).ret == pytest.ExitCode.USAGE_ERROR


def test_strict_mode_can_be_switched_on(project: pytest.Pytester) -> None:
    write_tests(project, "async def test_it(sim):\n    assert sim.content_digest is not None\n")
    project.runpytest_inprocess().assert_outcomes(failed=1)
    project.runpytest_inprocess("--sim-strict").assert_outcomes(passed=1)


def test_coroutine_tests_without_the_fixture_are_left_alone(project: pytest.Pytester) -> None:
    write_tests(project, "async def test_it():\n    pass\n")
    result = project.runpytest_inprocess()
    result.stdout.fnmatch_lines(["*async def functions are not natively supported*"])


def test_other_plugins_that_wrap_coroutine_tests_do_not_get_in_the_way(project: pytest.Pytester) -> None:
    """As those do that run async tests on a real loop: one wraps the function early, one looks at it late."""
    project.makeconftest(
        """
        import asyncio, functools, inspect
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_call(item):
            function = item.obj
            if inspect.iscoroutinefunction(function):
                @functools.wraps(function)
                def on_a_real_loop(*args, **kwargs):
                    return asyncio.run(function(*args, **kwargs))
                item.obj = on_a_real_loop

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            assert not inspect.iscoroutinefunction(pyfuncitem.obj)
        """
    )
    write_tests(
        project,
        """
        async def test_simulated(sim):
            await asyncio.sleep(86_400)

        async def test_real():
            await asyncio.sleep(0)
        """,
    )
    project.runpytest_inprocess().assert_outcomes(passed=2)


def test_it_works_with_several_processes(project: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    write_tests(
        project,
        """
        @pytest.mark.parametrize("number", range(6))
        async def test_order(sim, number):
            sim.run(worker)
            await temporal.execute_workflow(order, workflow_id="o", args=[number])
            assert number != 4
        """,
    )
    result = project.runpytest_subprocess("-n", "2")
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(
        [
            "seed 0, virtual time 2026-01-08*",
            "repeat with: pytest 'test_it.py::test_order[[]4[]]' --sim-seed 0",
        ]
    )


def test_loading_the_plugin_loads_nothing_heavy(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_light="""
        import sys

        def test_it():
            loaded = [name for name in sys.modules if name.startswith("temporal_do.")]
            assert sorted(loaded) == ["temporal_do.sim", "temporal_do.sim.pytest_plugin"], loaded
            assert not {"hypothesis", "networkx", "freezegun", "croniter", "attr"} & set(sys.modules)
        """
    )
    project.runpytest_subprocess("-p", "no:hypothesispytest", "-p", "no:schemathesis").assert_outcomes(
        passed=1
    )
