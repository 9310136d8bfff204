"""``@pytest.mark.chaos``: an ordinary async test, many seeds."""

from __future__ import annotations

import re
import shlex
import sys
from textwrap import dedent

import pytest

pytest_plugins = "pytester"

CARELESS = """
    @pytest.fixture
    def book(sim):
        found = []

        def charge(amount):
            found.append(amount)
            return "charged"

        sim.run(worker)
        sim.mock_activity("charge", charge)
        return found


    @pytest.mark.chaos(seeds=200, faults="workers=100000,crashes")
    async def test_charged_once(sim, book):
        print("a run begins")
        await temporal.execute_workflow(order, workflow_id="order-1", args=[5], request_id="once")
        assert book == [5]
"""


def _write(project: pytest.Pytester, text: str) -> None:
    project.makeini("[pytest]\naddopts = --import-mode=importlib\npythonpath = .\n")
    project.makepyfile(
        test_it="import pytest\nfrom tests.chaos.shop import *\n"
        "from temporal_do.sim import FaultPlan\nfrom temporal_do.sim.properties import sometimes\n"
        + dedent(text)
    )


def test_every_seed_gets_a_world_and_fixtures_of_its_own(pytester: pytest.Pytester) -> None:
    _write(
        pytester,
        """
        worlds, made, ended, shared = [], [], [], []


        @pytest.fixture
        def untouched():
            shared.append(1)
            return "the same"


        @pytest.fixture
        async def started(sim):
            made.append(sim.seed)
            sim.run(worker)
            yield await temporal.start_workflow(waits, workflow_id="w-1", request_id="once")
            await sim.sleep("1h")
            ended.append(sim.seed)


        class TestIt:
            @pytest.mark.chaos(seeds=5)
            async def test_it(self, sim, started, untouched):
                worlds.append(sim)
                assert untouched == "the same"
                await started.signal("never")
                await started.result()


        def test_what_was_made():
            assert [each.seed for each in worlds] == [0, 1, 2, 3, 4]
            assert made[-5:] == ended[-5:] == [0, 1, 2, 3, 4]
            assert len(made) == len(ended)
        """,
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_a_failure_shows_the_assertion_the_story_and_the_command(pytester: pytest.Pytester) -> None:
    _write(pytester, CARELESS)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            ">*assert book == [[]5]",
            "E*assert [[]5, 5*",
            "*temporal-do chaos*",
            "found with seed *, shrunk in * runs",
            "✗ safety: a promise was broken*",
            "What mattered, *",
            "*FAULT worker_crash*",
            "History of order-1 (order), *",
            "repeat with: pytest test_it.py::test_charged_once --chaos-tape *",
            "*short test summary*",
        ]
    )
    assert text.count("a run begins") == 2, "once in the source, once printed: only by the run that is told"
    lines = text.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("repeat with: "))
    assert "short test summary" in lines[at + 1]
    assert "temporal_do/sim" not in text and "sim/plugin" not in text


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("pytest.fail('charged twice')", "Failed: charged twice"),
        ("pytest.fail('charged twice', pytrace=False)", "charged twice"),
        ("with pytest.raises(KeyError): pass", "Failed: DID NOT RAISE"),
    ],
)
def test_what_pytest_itself_fails_is_shrunk_and_told_like_an_assertion(
    pytester: pytest.Pytester, how: str, said: str
) -> None:
    _write(pytester, CARELESS.replace("assert book == [5]", f"if book != [5]:\n            {how}"))
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert said in text and "What mattered" in text
    assert re.search(r"^    at test_it\.py:\d+$", text, re.MULTILINE)
    (command,) = re.findall(r"^repeat with: pytest (.*)$", text, re.MULTILINE)
    pytester.runpytest_inprocess(*shlex.split(command)).assert_outcomes(failed=1)


def test_the_command_repeats_the_failure(pytester: pytest.Pytester) -> None:
    _write(pytester, CARELESS)
    first = pytester.runpytest_inprocess().stdout.str()
    (command,) = re.findall(r"^repeat with: pytest (.*)$", first, re.MULTILINE)
    again = pytester.runpytest_inprocess(*shlex.split(command))
    again.assert_outcomes(failed=1)
    story = first[first.index("✗ safety") : first.index("repeat with: ")]
    assert story in again.stdout.str()
    assert f"repeat with: pytest {command}" in again.stdout.str()


def test_show_says_of_which_test_a_recorded_failure_is(pytester: pytest.Pytester) -> None:
    _write(pytester, CARELESS)
    first = pytester.runpytest_inprocess().stdout.str()
    (command,) = re.findall(r"^repeat with: (.*)$", first, re.MULTILINE)
    shown = pytester.run(sys.executable, "-m", "temporal_do.cli", "chaos", "show", command.split()[-1])
    assert shown.ret == 0
    assert shown.outlines[0].startswith("test_it.py::test_charged_once: seed ")
    assert shown.outlines[-1] == f"repeat with: {command}"


def test_the_seed_repeats_the_failure_where_pytest_keeps_no_cache(pytester: pytest.Pytester) -> None:
    _write(pytester, CARELESS)
    first = pytester.runpytest_inprocess("-p", "no:cacheprovider").stdout.str()
    (command,) = re.findall(r"^repeat with: pytest (.*)$", first, re.MULTILINE)
    assert re.fullmatch(r"test_it.py::test_charged_once --sim-seed \d+", command)
    again = pytester.runpytest_inprocess(*shlex.split(command))
    again.assert_outcomes(failed=1)
    assert f"found with seed {command.split()[-1]}, " in again.stdout.str()


def test_junit_says_how_many_seeds_and_what_repeats(pytester: pytest.Pytester) -> None:
    _write(pytester, CARELESS)
    pytester.runpytest_inprocess("--junitxml=j.xml")
    text = (pytester.path / "j.xml").read_text()
    for name in ("chaos_seeds", "chaos_failed_seed", "chaos_command"):
        assert f'<property name="{name}"' in text
    assert '<property name="chaos_kind" value="safety"' in text
    assert 'name="sim_seed"' not in text
    story = text.split("<failure")[1]
    assert "What mattered" in story and "repeat with: pytest " in story


def test_what_only_a_checker_or_the_clock_notices_fails_with_the_story(pytester: pytest.Pytester) -> None:
    _write(
        pytester,
        """
        @pytest.mark.chaos(seeds=3, faults="none")
        async def test_it(sim):
            sim.run(worker)
            sometimes(sim, "pigs fly", False)


        @pytest.mark.chaos(seeds=3, faults="none", allow_unreached=True)
        async def test_allowed(sim):
            sometimes(sim, "pigs fly", False)


        @pytest.mark.chaos(seeds=3, faults="none")
        async def test_stuck(sim):
            sim.run(worker)
            await temporal.execute_workflow(waits, workflow_id="waiting-1")
        """,
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["never reached in 3 runs: pigs fly"])
    result.stdout.fnmatch_lines(["✗ liveness: what had to happen did not (deadlock)"])


def test_options_say_how_many_seeds_and_how_long(pytester: pytest.Pytester) -> None:
    _write(
        pytester,
        """
        seen = []

        @pytest.mark.chaos(seeds=50)
        async def test_it(sim):
            seen.append(sim.seed)

        def test_count(request):
            expected = request.config.getoption("--chaos-seeds")
            assert len(set(seen)) == expected if expected else len(set(seen)) > 0
        """,
    )
    pytester.runpytest_inprocess("--chaos-seeds", "7").assert_outcomes(passed=2)
    pytester.runpytest_inprocess("--chaos-budget", "50ms", "--sim-seeds", "2").assert_outcomes(passed=2)


def test_fresh_seeds_begin_where_the_options_say(pytester: pytest.Pytester) -> None:
    _write(
        pytester,
        """
        seen = []

        @pytest.mark.chaos(seeds=50)
        async def test_it(sim):
            seen.append(sim.seed)

        def test_what_was_seen(request):
            print("seeds:", sorted({*seen}))
        """,
    )

    def seeds(*words: str) -> str:
        result = pytester.runpytest_inprocess("-rA", *words)
        result.assert_outcomes(passed=2)
        (line,) = [line for line in result.stdout.lines if line.startswith("seeds: ")]
        return line.removeprefix("seeds: ")

    assert seeds("--chaos-seeds", "3", "--sim-seed", "1000") == "[1000, 1001, 1002]"
    assert seeds("--sim-seed", "1000") == "[1000]"
    assert seeds("--chaos-budget", "1ms", "--sim-seed", "1000") == "[1000]"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--chaos-seeds", "0"), "--chaos-seeds takes a number from 1 on, not 0"),
        (("--chaos-seeds", "many"), "invalid int value: 'many'"),
        (("--chaos-budget", "soon"), "--chaos-budget: "),
        (("--chaos-budget", "0s"), "--chaos-budget: "),
        (("--chaos-seeds", "5", "--sim-seed", "monday"), "'monday' is no number"),
    ],
)
def test_options_that_make_no_sense_say_why_and_run_nothing(
    pytester: pytest.Pytester, words: tuple[str, ...], said: str
) -> None:
    _write(pytester, "@pytest.mark.chaos\nasync def test_it(sim):\n    pass\n")
    result = pytester.runpytest_inprocess(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str()


def test_the_sim_marker_still_says_how_the_world_is_made(pytester: pytest.Pytester) -> None:
    _write(
        pytester,
        """
        @pytest.mark.sim(start="2030-01-01T00:00:00Z")
        @pytest.mark.chaos(seeds=2)
        async def test_it(sim):
            assert sim.now().year == 2030
        """,
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "test", "said"),
    [
        ("chaos(seed=3)", "async def test_it(sim)", "knows no 'seed'"),
        ("chaos(200)", "async def test_it(sim)", "takes names only"),
        ("chaos(faults='gremlins')", "async def test_it(sim)", "is no fault"),
        ("chaos(strategy='luck')", "async def test_it(sim)", "no strategy is called 'luck'"),
        ("chaos(budget='soon')", "async def test_it(sim)", "budget"),
        ("chaos(budget='0s')", "async def test_it(sim)", "budget takes a time above 0, not '0s'"),
        ("chaos(seeds='many')", "async def test_it(sim)", "seeds takes a number from 1 on, not 'many'"),
        ("chaos(seeds=0)", "async def test_it(sim)", "seeds takes a number from 1 on, not 0"),
        ("chaos(faults=5)", "async def test_it(sim)", "a FaultPlan or a text such as 'crashes', not 5"),
        ("chaos()", "def test_it(sim)", "needs an 'async def' test that takes 'sim'"),
        ("chaos()", "def test_it()", "needs an 'async def' test that takes 'sim'"),
    ],
)
def test_a_marker_that_makes_no_sense_says_why(
    pytester: pytest.Pytester, marker: str, test: str, said: str
) -> None:
    _write(pytester, f"@pytest.mark.{marker}\n{test}:\n    pass\n")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    assert said in result.stdout.str()
    assert "Traceback" not in result.stdout.str() and "another exception" not in result.stdout.str()


@pytest.mark.parametrize(("case", "test"), [("TestCase", "def"), ("IsolatedAsyncioTestCase", "async def")])
def test_a_method_of_a_test_case_is_not_run_as_if_it_had_no_marker(
    pytester: pytest.Pytester, case: str, test: str
) -> None:
    _write(
        pytester,
        f"""
        import unittest


        class TestShop(unittest.{case}):
            @pytest.mark.chaos(seeds=3)
            {test} test_it(self):
                pass

            {test} test_that_has_no_marker(self):
                pass
        """,
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1, passed=1)
    assert "methods of a TestCase take no fixtures" in result.stdout.str()


def test_a_test_steered_by_coverage_names_the_branches_that_no_seed_took(pytester: pytest.Pytester) -> None:
    _write(
        pytester,
        """
        from temporal_do.runtime import Temporal, Worker, WorkflowContext

        choosing = Temporal(namespace="choosing")

        @choosing.workflow("chooses")
        async def chooses(ctx: WorkflowContext, amount: int) -> str:
            if amount > 100:
                return "much"
            return "little"

        @pytest.mark.chaos(seeds=3, strategy="coverage", faults="none")
        async def test_it(sim):
            sim.run(Worker(namespace="choosing", task_queue="main", workflows=[chooses]))
            await choosing.execute_workflow(chooses, workflow_id="w-1", task_queue="main", args=[5])
        """,
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*temporal-do chaos: branches that no seed took*",
            "test_it.py::test_it",
            "  *test_it.py:[0-9]*->[0-9]* (if amount > 100:)",
        ]
    )
