"""`--sim-host`: what a test gets in another world, what it does not, and how it is told."""

from __future__ import annotations

import pytest

from tests.edge_host.conftest import run

pytest_plugins = "pytester"


def test_a_test_runs_in_the_other_world_with_what_is_portable(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
        async def test_order(sim):
            sim.run(worker)
            started = sim.now()
            handle = await temporal.start_workflow(order, workflow_id="o", args=[5])
            assert sim.crash("o")
            assert await handle.result() == "charged 5"
            assert sim.now() - started >= datetime.timedelta(seconds=1)
            await sim.sleep("2s")
            await sim.run_until("1s")
            await sim.run_until(sim.now() + datetime.timedelta(seconds=1))
            assert sim.now() - started >= datetime.timedelta(seconds=5)
            assert (await temporal.connect(sim.host).list_workflows())[0].workflow_id == "o"

        async def test_conditions(sim):
            done = []

            async def later():
                await asyncio.sleep(3)
                done.append(True)

            async def is_done():
                return done

            task = asyncio.ensure_future(later())
            await sim.run_until(lambda: done)
            await sim.run_until(is_done)
            await task

        def test_plain(sim):
            sim.run(worker)
            work = temporal.execute_workflow(order, workflow_id="o", args=[5])
            assert sim.execute(work) == "charged 5"

        @pytest.fixture
        async def started(sim):
            return await temporal.start_workflow(order, workflow_id="o", args=[5])

        async def test_with_an_async_fixture(started):
            assert await started.result() == "charged 5"

        def test_that_takes_no_world():
            assert True
        """,
    )
    result.assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "async def test_it(sim): sim.mock_activity('charge', len)",
            "sim.mock_activity is the simulator's alone",
        ),
        ("async def test_it(sim): sim.seed", "sim.seed"),
        ("@pytest.mark.sim(start='2030-01-01T00:00:00Z')\nasync def test_it(sim): pass", "sim(start=...)"),
        ("@pytest.mark.chaos(seeds=3)\nasync def test_it(sim): pass", "chaos is the simulator's alone"),
    ],
)
def test_what_the_simulator_alone_can_do_skips_the_test_with_that_reason(
    project: pytest.Pytester, code: str, reason: str
) -> None:
    result = run(project, code)
    result.assert_outcomes(skipped=1)
    assert reason in result.stdout.str()
    assert "this is --sim-host=fake" in result.stdout.str()


def test_options_without_a_meaning_there_do_not_skip_a_test(project: pytest.Pytester) -> None:
    run(project, "@pytest.mark.sim(seed=7, strict=True)\nasync def test_it(sim): pass").assert_outcomes(
        passed=1
    )


def test_what_no_simulation_has_is_an_error_and_no_skip(project: pytest.Pytester) -> None:
    result = run(project, "async def test_it(sim): sim.slep('1s')")
    result.assert_outcomes(failed=1)
    assert "sim has no attribute 'slep'" in result.stdout.str()


def test_a_world_that_cannot_be_had_here_skips_the_test(project: pytest.Pytester) -> None:
    project.makeconftest(
        "import pytest\n@pytest.fixture\ndef sim_host_options(): return {'reason': 'no node'}"
    )
    result = run(project, "async def test_it(sim): pass")
    result.assert_outcomes(skipped=1)
    assert "no node" in result.stdout.str()


def test_a_history_that_does_not_replay_fails_the_test_that_left_it(project: pytest.Pytester) -> None:
    text = """
        async def test_it(sim):
            sim.run(worker)
            await temporal.execute_workflow(impure, workflow_id="i")
        """
    result = run(project, text)
    result.assert_outcomes(failed=1)
    assert "a history it has left does not replay" in result.stdout.str()
    run(project, text, "--no-sim-replay").assert_outcomes(passed=1)


def test_a_failure_tells_what_the_world_has_to_say(project: pytest.Pytester) -> None:
    result = run(project, "async def test_it(sim): assert False")
    result.assert_outcomes(failed=1)
    assert "all is quiet here" in result.stdout.str()


@pytest.mark.parametrize(
    "option", ["--sim-seed=1", "--sim-seeds=2", "--sim-strict", "--chaos-seeds=2", "--chaos-budget=1s"]
)
def test_options_that_explore_are_refused_there(project: pytest.Pytester, option: str) -> None:
    result = run(project, "async def test_it(sim): pass", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"{option.partition('=')[0]} is the simulator's" in result.stderr.str()


def test_a_host_that_is_not_there_is_refused_and_the_others_are_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("async def test_it(sim): pass")
    result = pytester.runpytest_inprocess("--sim-host=moon")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "there is no host 'moon'; there are: sim, edge" in result.stderr.str()
