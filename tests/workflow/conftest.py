"""Every test of a feature runs twice: with the run kept in memory, and rebuilt before every task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from temporal_do.runtime.definitions import define_workflow
from temporal_do.runtime.workflow.replay import replay_history

from .history_builder import NullGuard, WorkflowTester

Start = Callable[..., WorkflowTester]


@pytest.fixture(params=[False, True], ids=["cached", "rebuilt"])
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """``start(workflow function, *args)`` gives a tester. What it recorded is replayed when the test ends."""
    testers: list[WorkflowTester] = []

    def make(function: Any, *args: Any, **options: Any) -> WorkflowTester:
        workflow = define_workflow("test-workflow", function)
        tester = WorkflowTester(workflow, *args, drop_cache=request.param, **options)
        testers.append(tester)
        return tester

    yield make
    for tester in testers:
        result = replay_history(tester.history(), [tester.workflow], guard=NullGuard())
        assert result.ok or tester.errors, str(result.error)
        tester.executor.clear()
