"""What is deployed in this isolate: the workers, their executor and the actors. One of each, for all objects.

Objects share an isolate, and with it the cache of workflow coroutines, which is what bounds its memory.
Nothing here waits for anything, so that no object ever waits for what another one does.

Must not import: the SDK, anything of JavaScript, the workflow side before a workflow task comes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ...runtime.actors import ACTORS
from ...runtime.deployment import Deployment

if TYPE_CHECKING:
    from ...runtime.actor import Actor
    from ...runtime.definitions import Worker
    from ...runtime.payloads import DataConverter
    from ...runtime.shell import Executor

logger = logging.getLogger("temporal_do.cloudflare")

IDENTITY: Final = "cloudflare"
CACHE_SIZE: Final = 500
"""So many runs keep their coroutine in memory; an isolate has 128 MB."""


class WorkflowExecutor:
    """The deployment's inline executor, made when the first workflow task comes."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._inner: Any = None

    def polls(self, namespace: str, task_queue: str) -> bool:
        """Does a worker here take workflow tasks of ``task_queue``?"""
        return self._deployment.polls_workflows(namespace, task_queue)

    async def execute(self, key: str, task: Any) -> Any:
        """Run one workflow task."""
        if self._inner is None:
            self._inner = self._deployment.executor(cache_size=CACHE_SIZE, on_task_failed=_task_failed)
        return await self._inner.execute(key, task)

    def evict(self, key: str, run_id: str = "") -> None:
        """Forget what is cached for ``key``: all of it, or one run."""
        if self._inner is not None:
            self._inner.evict(key, run_id)


class Deployed:
    """What runs in this isolate."""

    def __init__(self) -> None:
        self.actors: Mapping[str, Actor[Any]] = ACTORS
        self.deployment: Deployment
        self.executor: Executor
        self.deploy(())

    def deploy(self, workers: Iterable[Worker], *, converter: DataConverter | None = None) -> None:
        """Run these workers, and no others."""
        self.deployment = Deployment(
            converter=converter, identity=IDENTITY, on_activity_failed=_activity_failed
        )
        for worker in workers:
            self.deployment.add(worker)
        self.executor = WorkflowExecutor(self.deployment)


def _task_failed(task: Any, failure: Any, exception: BaseException | None) -> None:
    logger.warning(
        "workflow task of %s failed (attempt %d), and is tried again: %s",
        task.workflow_id,
        task.attempt,
        exception if exception is not None else getattr(failure, "message", ""),
        exc_info=exception,
    )


def _activity_failed(attempt: Any, error: BaseException) -> None:
    logger.warning(
        "activity %r of %s failed (attempt %d): %s",
        attempt.activity_type,
        attempt.workflow_id,
        attempt.attempt,
        error if str(error) else type(error).__name__,
        exc_info=error,
    )


deployed: Final = Deployed()
"""Filled when the Worker's entry is imported."""
