"""Where workflow code runs in a simulation: the deployment's inline executor, made when it is first needed.

Owns: that workflow code runs under the strict guard here (what would make a replay differ is refused by
line), that it counts as progress, and that its failures are told. Must not import the workflow side before
the first task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..runtime.errors import WorkflowTaskFailedError
from ..runtime.lazy_executor import LazyExecutor

if TYPE_CHECKING:
    from ..runtime.deployment import Deployment
    from .platform import Platform

TellFailure = Callable[[BaseException], object]


class WorkflowExecutor(LazyExecutor):
    """Implements runtime.shell.Executor. ``platform`` is set by whoever makes both.

    ``tell`` hears of every failed workflow task, as a WorkflowTaskFailedError (None: nobody does).
    ``options`` go to the inline executor.
    """

    __slots__ = ("_guard", "_tell", "platform")

    def __init__(self, deployment: Deployment, tell: TellFailure | None, **options: Any) -> None:
        super().__init__(deployment, **options)
        self._tell = tell
        self._guard: Any = None
        self.platform: Platform

    async def execute(self, key: str, task: Any) -> Any:
        """Run one workflow task."""
        if task.attempt <= 1:  # the same task again is no progress
            self.platform.progressed()
        return await super().execute(key, task)

    def _make(self) -> Any:
        from ..runtime.guard import strict_guard

        self._guard = strict_guard()
        return self._deployment.executor(guard=self._guard, on_task_failed=self._failed, **self._options)

    def _failed(self, task: Any, message: Any, error: BaseException) -> None:
        if self._tell is None:
            return
        if not isinstance(error, WorkflowTaskFailedError):
            from ..runtime.workflow.location import line_of, of_traceback

            file, line = line_of(of_traceback(error))
            error = WorkflowTaskFailedError(
                workflow_id=task.workflow_id, attempt=task.attempt, cause=error, file=file, line=line
            )
        self._tell(error)

    @property
    def cached_run_ids(self) -> tuple[str, ...]:
        """The runs whose coroutine is kept."""
        return () if self._inner is None else tuple(self._inner.cached_run_ids)

    def close(self) -> None:
        """No more tasks: every run is dropped, and what the guard has installed goes."""
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.clear()
        self._tell = None
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.close()
