"""A name the workflow context does not have is answered with what to write instead."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from temporal_do.runtime import WorkflowContext
from temporal_do.runtime.workflow.info import WorkflowInfo
from temporal_do.runtime.workflow.misnamed import INSTEAD


@pytest.fixture
def ctx() -> Any:
    return WorkflowContext(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("execute_activity", "no 'execute_activity'; write ctx.activity(step, activity, *args)"),
        ("wait_for_sginal", "no 'wait_for_sginal'; did you mean ctx.wait_for_signal?"),
        ("zebra", "the workflow context has no 'zebra'"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_one(ctx: Any, name: str, told: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(ctx, name)
    assert str(caught.value).endswith(told)


def test_what_is_suggested_exists_and_what_exists_needs_no_suggestion() -> None:
    for wrong, right in INSTEAD.items():
        assert inspect.getattr_static(WorkflowContext, wrong, None) is None
        path = re.split(r"\W", right.removeprefix("info."))[0]
        assert hasattr(WorkflowInfo if right.startswith("info.") else WorkflowContext, path), right


@pytest.mark.sim(replay=False)  # which forgets it again
def test_a_forgotten_await_is_told_under_the_name_that_was_written(sim: Any) -> None:
    from temporal_do.runtime import Temporal, Worker

    temporal = Temporal(namespace="misnamed")

    @temporal.workflow("forgetful")
    async def forgetful(ctx: WorkflowContext) -> None:
        ctx.sleep("1h")

    sim.run(Worker(namespace="misnamed", task_queue="main", workflows=[forgetful]))
    with pytest.warns(RuntimeWarning, match=r"coroutine 'ctx\.sleep' was never awaited"):
        sim.execute(temporal.execute_workflow(forgetful, workflow_id="f"))
