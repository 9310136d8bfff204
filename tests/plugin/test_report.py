"""What a failing test says, and what makes a passing one fail afterwards."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.plugin.conftest import write_tests

pytest_plugins = "pytester"

FAILING = """
async def test_order(sim):
    sim.run(worker)
    await temporal.execute_workflow(order, workflow_id="o", args=[5])
    print("something printed")
    assert False
"""


def test_a_failure_shows_seed_time_and_steps_and_ends_with_the_command_that_repeats_it(
    project: pytest.Pytester,
) -> None:
    write_tests(project, FAILING)
    result = project.runpytest_inprocess("--sim-seed", "5")
    result.stdout.fnmatch_lines(
        [
            "*something printed*",
            "*temporal-do simulation*",
            "seed 5, virtual time 2026-01-08T00:00:00+00:00 (7d after the start), *",
            "the last steps:",
            "  +7d  *",
            "repeat with: pytest test_it.py::test_order --sim-seed 5",
            "*short test summary*",
        ]
    )
    lines = result.stdout.str().splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("repeat with: "))
    assert "short test summary" in lines[at + 1]


def test_the_command_repeats_the_same_failure(project: pytest.Pytester) -> None:
    write_tests(project, FAILING)
    first = project.runpytest_inprocess("--sim-seeds", "2")
    commands = re.findall(r"^repeat with: pytest (.*)$", first.stdout.str(), re.MULTILINE)
    assert commands == ["test_it.py::test_order --sim-seed 0", "test_it.py::test_order --sim-seed 1"]
    again = project.runpytest_inprocess(*shlex.split(commands[1]))
    assert again.stdout.str().count("seed 1, virtual time 2026-01-08") == 1


def test_the_command_keeps_parameters_and_options(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        @pytest.mark.parametrize("word", ["a b"])
        async def test_it(sim, word):
            assert False
        """,
    )
    result = project.runpytest_inprocess("--sim-seeds", "1", "--sim-strict", "--no-sim-replay")
    (command,) = re.findall(r"^repeat with: pytest (.*)$", result.stdout.str(), re.MULTILINE)
    words = shlex.split(command)
    assert words == ["test_it.py::test_it[a b]", "--sim-seed", "0", "--sim-strict", "--no-sim-replay"]
    project.runpytest_inprocess(*words).assert_outcomes(failed=1)


def test_the_command_fits_the_folder_pytest_was_called_in(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "deep").mkdir()
    write_tests(project, FAILING)
    monkeypatch.chdir(project.path / "deep")
    result = project.runpytest_inprocess(str(Path("..") / "test_it.py"))
    result.stdout.fnmatch_lines(["repeat with: pytest ../test_it.py::test_order --sim-seed 0"])


def test_the_section_is_there_when_captured_output_is_not_shown(project: pytest.Pytester) -> None:
    write_tests(project, FAILING)
    result = project.runpytest_inprocess("--show-capture=no")
    result.stdout.fnmatch_lines(["repeat with: pytest test_it.py::test_order --sim-seed 0"])
    result.stdout.no_fnmatch_line("something printed")


def test_the_seed_is_in_the_junit_file(project: pytest.Pytester) -> None:
    write_tests(project, FAILING)
    project.runpytest_inprocess("--junitxml=found.xml", "--sim-seed", "5")
    assert '<property name="sim_seed" value="5"' in (project.path / "found.xml").read_text()


def test_a_bug_in_workflow_code_fails_the_test_with_the_users_line(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        async def test_it(sim):
            sim.run(worker)
            await temporal.execute_workflow(buggy, workflow_id="b")
        """,
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ['>*return {}[[]"the missing key"]', "E*KeyError: 'the missing key'", "*app.py:*: KeyError"]
    )
    result.stdout.fnmatch_lines(
        [">*await temporal.execute_workflow(*", "*test_it.py:*WorkflowTaskFailedError"]
    )
    for ours in ("runtime/workflow/", "sim/loop.py", "plugin_run.py"):
        assert ours not in result.stdout.str()


def test_our_frames_are_there_with_full_trace(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        async def test_it(sim):
            await asyncio.Event().wait()
        """,
    )
    assert "sim/loop.py" not in project.runpytest_inprocess().stdout.str()
    assert "sim/loop.py" in project.runpytest_inprocess("--full-trace").stdout.str()


def test_a_test_may_expect_a_bug(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        from temporal_do.runtime import WorkflowTaskFailedError

        async def test_it(sim):
            sim.run(worker)
            with pytest.raises(WorkflowTaskFailedError):
                await temporal.execute_workflow(buggy, workflow_id="b")
        """,
    )
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_bug_that_nobody_noticed_fails_the_test_with_the_users_line(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        @temporal.workflow("soon")
        async def soon(ctx):
            await ctx.sleep("a second", "1s")
            raise ValueError("nobody looked")

        def test_it(sim):
            sim.run(Worker(namespace="shop", task_queue="main", workflows=[soon]))
            sim.execute(temporal.start_workflow(soon, workflow_id="left behind"))
            while sim.now().second < 1:
                sim.step()
        """,
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "The test passed, but not everything in it went well:",
            '*test_it.py", line *, in soon',
            "*ValueError: nobody looked",
            "*WorkflowTaskFailedError: *",
        ]
    )


def test_a_workflow_that_depends_on_a_global_fails_the_test_by_its_replay(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        async def test_it(sim):
            sim.run(worker)
            await temporal.execute_workflow(impure, workflow_id="i")
        """,
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "The test passed, but the history of workflow 'i' (impure) does not replay*",
            "*app.py:*",
            "*depends on something outside: a global variable*",
            "repeat with: pytest test_it.py::test_it --sim-seed 0",
        ]
    )
    assert "ctx.patched" not in result.stdout.str()


def test_open_runs_are_replayed_too(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        async def test_it(sim):
            sim.run(worker)
            await temporal.start_workflow(impure, workflow_id="i")
            await sim.sleep("100ms")
        """,
    )
    project.runpytest_inprocess().assert_outcomes(failed=1)


@pytest.mark.parametrize("switch", ["option", "ini", "marker"])
def test_the_replay_afterwards_can_be_switched_off(project: pytest.Pytester, switch: str) -> None:
    marker = "@pytest.mark.sim(replay=False)\n" if switch == "marker" else ""
    write_tests(
        project,
        marker
        + """async def test_it(sim):
    sim.run(worker)
    await temporal.execute_workflow(impure, workflow_id="i")
""",
    )
    options = {"option": ["--no-sim-replay"], "ini": ["-o", "sim_replay=false"], "marker": []}
    project.runpytest_inprocess(*options[switch]).assert_outcomes(passed=1)


def test_a_change_deployed_in_the_test_is_held_against_the_old_histories(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        newer = Temporal(namespace="shop")

        @newer.workflow("order")
        async def changed(ctx, amount):
            return await ctx.activity("charge", lambda: charge(amount))

        async def test_it(sim):
            sim.run(worker)
            await temporal.start_workflow(order, workflow_id="o", args=[5])
            await sim.sleep("1d")
            await sim.stop(worker)
            sim.run(Worker(namespace="shop", task_queue="main", workflows=[changed], activities=[charge]))
        """,
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*does not replay*", "*ctx.patched(*"])


def test_a_failing_or_skipped_test_is_not_judged_again(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        async def test_skipped(sim):
            sim.run(worker)
            await temporal.execute_workflow(impure, workflow_id="i")
            pytest.skip("enough")

        @pytest.mark.xfail(strict=True)
        async def test_expected(sim):
            sim.run(worker)
            await temporal.execute_workflow(impure, workflow_id="i")
            raise AssertionError
        """,
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(skipped=1, xfailed=1)


def test_assertions_inside_workflow_code_explain_themselves(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        @temporal.workflow("asserting")
        async def asserting(ctx):
            found = [1, 2, 3]
            assert found == [1, 2, 4]

        async def test_it(sim):
            sim.run(Worker(namespace="shop", task_queue="main", workflows=[asserting]))
            await temporal.execute_workflow(asserting, workflow_id="a")
        """,
    )
    result = project.runpytest_inprocess()
    result.stdout.fnmatch_lines(["E*assert [[]1, 2, 3] == [[]1, 2, 4]", "E*At index 2 diff: 3 != 4"])
