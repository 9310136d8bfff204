"""What the end-to-end tests share: an application in the test's world, and a replay of everything it did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from temporal_do.runtime import Temporal, Worker, WorkflowDefinition, WorkflowHandle
from temporal_do.runtime.history import write_history
from temporal_do.sim import Replayer, Simulation
from temporal_do.sim.produced import produced_histories


class App:
    """A Temporal application of one test: plain functions become workflows under their own names."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.temporal = Temporal(namespace="api")

    def define(self, workflow: Any) -> WorkflowDefinition:
        if isinstance(workflow, WorkflowDefinition):
            return workflow
        return self.temporal.define_workflow(workflow.__name__, workflow)

    def deploy(self, *workflows: Any, activities: Any = (), task_queue: str = "main") -> Worker:
        worker = Worker(
            namespace="api",
            task_queue=task_queue,
            workflows=[self.define(each) for each in workflows],
            activities=activities,
        )
        self.sim.run(worker)
        return worker

    async def start(
        self, workflow: Any, *args: Any, activities: Any = (), **options: Any
    ) -> WorkflowHandle[Any]:
        """Deploy ``workflow`` and start it."""
        self.deploy(workflow, activities=activities)
        return await self.begin(workflow, *args, **options)

    async def begin(self, workflow: Any, *args: Any, **options: Any) -> WorkflowHandle[Any]:
        """Start what is deployed already."""
        options.setdefault("workflow_id", "w-1")
        return await self.temporal.start_workflow(self.define(workflow), args=list(args), **options)

    async def run(self, workflow: Any, *args: Any, activities: Any = (), **options: Any) -> Any:
        return await (await self.start(workflow, *args, activities=activities, **options)).result()


@pytest.fixture
def app(sim: Simulation) -> App:
    return App(sim)


@pytest.fixture(autouse=True)
def every_history_replays(request: pytest.FixtureRequest) -> Iterator[None]:
    """Through the public replayer, from the exported JSON, strictly."""
    sim: Simulation | None = request.getfixturevalue("sim") if "sim" in request.fixturenames else None
    yield
    marker = request.node.get_closest_marker("sim")
    if sim is None or (marker is not None and marker.kwargs.get("replay") is False):
        return
    for produced in produced_histories(sim.platform):
        workflow = sim.deployment.workflow(produced.namespace, produced.task_queue, produced.workflow_type)
        if workflow is not None and not produced.task_failure:
            Replayer(workflows=[workflow], namespace=produced.namespace).replay(
                write_history(produced.history)
            )
