"""The executor that a host gives to its shells: the deployment's inline executor, made when it is needed.

Invariant: until a workflow task comes, nothing of the workflow side is loaded, so that a process that only
runs activities, or an isolate that only stores rows, never pays for it.

Must not import: a host implementation, nor the workflow side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .deployment import Deployment


class LazyExecutor:
    """Implements runtime.shell.Executor. ``options`` go to the inline executor."""

    __slots__ = ("_deployment", "_inner", "_options")

    def __init__(self, deployment: Deployment, **options: Any) -> None:
        self._deployment = deployment
        self._options = options
        self._inner: Any = None

    def polls(self, namespace: str, task_queue: str) -> bool:
        """Does a worker here take workflow tasks of ``task_queue``?"""
        return self._deployment.polls_workflows(namespace, task_queue)

    async def execute(self, key: str, task: Any) -> Any:
        """Run one workflow task."""
        inner = self._inner
        if inner is None:
            inner = self._inner = self._make()
        return await inner.execute(key, task)

    def _make(self) -> Any:
        return self._deployment.executor(**self._options)

    def evict(self, key: str, run_id: str = "") -> None:
        """Forget what is cached for ``key``: all of it, or one run."""
        if self._inner is not None:
            self._inner.evict(key, run_id)
