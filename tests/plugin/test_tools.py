"""Debuggers and coverage work inside workflow code."""

from __future__ import annotations

import json
import sys

import pytest

from tests.plugin.conftest import write_tests

pytest_plugins = "pytester"


def test_breakpoint_stops_inside_workflow_code(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        @temporal.workflow("stopping")
        async def stopping(ctx, secret):
            await ctx.sleep("a while", "1d")
            breakpoint()
            return secret

        async def test_it(sim):
            sim.run(Worker(namespace="shop", task_queue="main", workflows=[stopping]))
            assert await temporal.execute_workflow(stopping, workflow_id="s", args=[41]) == 41
        """,
    )
    command = [sys.executable, "-m", "pytest", "--no-sim-replay", "test_it.py"]
    result = project.run(*command, stdin=b"p secret + 1\nc\n")
    result.stdout.fnmatch_lines(["*PDB set_trace*", "*42", "*1 passed*"])


def test_a_debugger_after_a_failure_stands_at_the_users_line(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        async def test_it(sim):
            word = "the local"
            await asyncio.Event().wait()
        """,
    )
    command = [sys.executable, "-m", "pytest", "--pdb", "test_it.py"]
    result = project.run(*command, stdin=b"p word\nq\n")
    result.stdout.fnmatch_lines(["*entering PDB*", "*'the local'"])


def test_coverage_sees_workflow_code(project: pytest.Pytester) -> None:
    write_tests(
        project,
        """
        async def test_order(sim):
            sim.run(worker)
            await temporal.execute_workflow(order, workflow_id="o", args=[5])
        """,
    )
    project.run(sys.executable, "-m", "coverage", "run", "--source=.", "-m", "pytest", "test_it.py")
    project.run(sys.executable, "-m", "coverage", "json", "-o", "found.json")
    found = json.loads((project.path / "found.json").read_text())["files"]["app.py"]
    lines = (project.path / "app.py").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "lambda: charge(amount)" in text)
    assert line in found["executed_lines"]
    missing = next(number for number, text in enumerate(lines, 1) if "the missing key" in text)
    assert missing in found["missing_lines"]
