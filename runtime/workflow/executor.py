"""The inline executor: runs workflow tasks by running the user's coroutine in this process.

Owns the cache of runs and the conversation around one task: advance the run, run its local activities between
drains, take the commands, answer the queries. Invariants
- The cache is a cache: dropping a run at any moment changes nothing but speed. A run whose task failed, or
that
  went another way than the history, is dropped at once.
- ``execute`` suspends only while local activities run. When they take longer than 80 % of the workflow task's
  timeout the task is completed with ``more=True`` and they go on in the next one.
- One run executes one task at a time; a query that arrives meanwhile is answered beside it.
- Only open runs are kept: a query of a closed one is answered by a run that goes with the answer.

Imports no actor and no host.
"""

from __future__ import annotations

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..durations import SECOND
from ..errors import HistoryReadError, InvariantViolation, NondeterminismError, WorkflowNotRegisteredError
from ..history.events import STATUS_OF_CLOSE
from ..workflow_task import CompleteWorkflowTask, FailWorkflowTask, HistoryView, QueryAnswer, WorkflowTask
from .errors import StaleRun, WorkflowCodeError
from .guarding import Guards
from .instance import WorkflowRun
from .strictness import PRODUCTION, Strictness

if TYPE_CHECKING:
    from ..definitions import WorkflowDefinition
    from ..guard import Guard
    from ..payloads import DataConverter

Lookup = Callable[[str, str, str], "WorkflowDefinition | None"]

DEFAULT_TASK_TIMEOUT_NS = 10 * SECOND
DEFAULT_CACHE_SIZE = 10_000
NONDETERMINISM = "WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR"
UNHANDLED = "WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE"
SDK_VERSION = f"python-{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}"


class InlineExecutor:
    """Runs workflow tasks in this process.

    Arguments: ``workflows(namespace, task_queue, type)``, the definition or None; ``polls(namespace,
    task_queue)`` and ``registered(namespace, task_queue)``, what the worker takes and names in errors;
    ``guard``, entered around every synchronous run of user code; ``cache_size``, runs kept; ``strictness`` of
    replays; ``on_task_failed(task, message, error)`` and ``on_step(task, message)``, observers.
    """

    def __init__(
        self,
        workflows: Lookup,
        *,
        converter: DataConverter | None = None,
        guard: Guard | None = None,
        cache_size: int = DEFAULT_CACHE_SIZE,
        strictness: Strictness = PRODUCTION,
        polls: Callable[[str, str], bool] | None = None,
        registered: Callable[[str, str], tuple[str, ...]] | None = None,
        on_task_failed: Callable[[WorkflowTask, FailWorkflowTask, BaseException], object] | None = None,
        on_step: Callable[[WorkflowTask, Any], object] | None = None,
    ) -> None:
        if converter is None:
            from ..payloads import DEFAULT_CONVERTER

            converter = DEFAULT_CONVERTER
        self._workflows = workflows
        self._converter = converter
        self._guards = Guards(guard)
        self._cache_size = cache_size
        self._strictness = strictness
        self._polls = polls
        self._registered = registered
        self._on_task_failed = on_task_failed
        self._on_step = on_step
        self._runs: OrderedDict[str, WorkflowRun] = OrderedDict()
        self._keys: dict[str, str | tuple[str, ...]] = {}
        self._busy: dict[str, object] = {}
        self._apart: dict[object, WorkflowRun] = {}

    # --- what the shell asks ------------------------------------------------------------------------------

    def polls(self, namespace: str, task_queue: str) -> bool:
        """Does a worker here take workflow tasks of ``task_queue``?"""
        return self._polls is None or self._polls(namespace, task_queue)

    async def execute(self, key: str, task: WorkflowTask) -> CompleteWorkflowTask | FailWorkflowTask | None:
        """Run ``task`` for the object ``key``. Never raises for what user code does.

        None: a later task of the same run has come meanwhile, so this one has timed out and is over.
        """
        if task.run_id in self._busy:
            if not task.started_event_id:
                return self._answer_beside(task)
            self._drop(task.run_id)
        turn = self._busy[task.run_id] = object()
        try:
            if not task.started_event_id and _is_over(task.events):
                message = await self._execute_apart(key, task, turn)
            else:
                message = await self._execute(key, task, turn)
            if message is None:
                return None
        except BaseException as error:
            if self._busy.get(task.run_id) is turn:
                self._drop(task.run_id)
            if not isinstance(error, Exception):
                raise
            message = self._failed(task, error)
        finally:
            if self._busy.get(task.run_id) is turn:
                del self._busy[task.run_id]
        if self._on_step is not None:
            self._on_step(task, message)
        return message

    def evict(self, key: str, run_id: str = "") -> None:
        """Forget the runs of the object ``key``, or only the one named; user ``finally`` blocks run, nothing
        they do leaves."""
        runs = run_id or self._keys.get(key, ())
        for run_id in (runs,) if isinstance(runs, str) else runs:
            # A task in progress starts again from the history, if whoever runs it is still there.
            self._busy.pop(run_id, None)
            self._drop(run_id)

    def clear(self) -> None:
        """Forget everything."""
        for key in list(self._keys):
            self.evict(key)

    @property
    def cached_run_ids(self) -> tuple[str, ...]:
        """The runs in the cache, least recently used first."""
        return tuple(self._runs)

    # --- one task -----------------------------------------------------------------------------------------

    async def _execute(
        self, key: str, task: WorkflowTask, turn: object, *, cached: bool = True
    ) -> CompleteWorkflowTask | FailWorkflowTask | None:
        run = self._runs.get(task.run_id) if cached else None
        live = False
        if run is not None:
            self._runs.move_to_end(task.run_id)
            try:
                live = self._advance(run, task)
            except StaleRun:
                self._drop(task.run_id)
                run = None
        if run is None:
            run = self._make(task)
            if cached:
                self._keep(key, run)
            else:
                self._apart[turn] = run
            try:
                live = self._advance(run, task)
            except StaleRun:
                raise InvariantViolation("a run without a past can't be stale", run_id=task.run_id) from None
        if task.started_event_id and not live:
            raise HistoryReadError(
                f"the workflow task started by event {task.started_event_id} is not in the "
                "history it came with"
            )
        more = False
        if live and run.locals:
            more = await self._run_locals(run)
            if self._busy.get(task.run_id, turn) is not turn:
                return None
            if not run.alive:  # evicted while it waited
                return await self._execute_apart(key, task, turn)
        commands = tuple(
            [each.command for each in run.commit_live(task.started_event_id) if each.command is not None]
            if live
            else ()
        )
        answers = self._answers(run, task)
        if cached and run.closing is not None and live:
            self._drop(task.run_id)
        return CompleteWorkflowTask(
            run_id=task.run_id,
            started_event_id=task.started_event_id,
            attempt=task.attempt,
            commands=commands,
            answers=answers,
            more=more,
            sdk_version=SDK_VERSION,
        )

    async def _execute_apart(
        self, key: str, task: WorkflowTask, turn: object
    ) -> CompleteWorkflowTask | FailWorkflowTask | None:
        """Run a task without the cache: whoever runs it may have a successor by now, whose history goes
        another way; or the run is over, and nobody would tell the cache to forget it."""
        try:
            return await self._execute(key, task, turn, cached=False)
        finally:
            run = self._apart.pop(turn, None)
            if run is not None:
                run.close()

    def _advance(self, run: WorkflowRun, task: WorkflowTask) -> bool:
        if 0 < task.started_event_id <= run.processed_id:
            raise StaleRun  # this task has run already, and whoever gave it does not know
        return run.advance(task.events.after(run.processed_id), task.started_event_id, task.updates)

    def _make(self, task: WorkflowTask) -> WorkflowRun:
        definition = self._workflows(task.namespace, task.task_queue, task.workflow_type)
        if definition is None:
            names = self._registered(task.namespace, task.task_queue) if self._registered is not None else ()
            known = ", ".join(repr(name) for name in sorted(names)) or "none"
            raise WorkflowNotRegisteredError(
                f"workflow {task.workflow_type!r} is not registered on the workers of task queue "
                f"{task.task_queue!r}; registered: {known}. Name it in its Worker(workflows=[...])",
                workflow_type=task.workflow_type,
                task_queue=task.task_queue,
            )
        return WorkflowRun(
            definition,
            namespace=task.namespace,
            workflow_id=task.workflow_id,
            run_id=task.run_id,
            task_queue=task.task_queue,
            converter=self._converter,
            guard=self._guards.of(definition),
            strictness=self._strictness,
        )

    def _answers(self, run: WorkflowRun, task: WorkflowTask) -> tuple[QueryAnswer, ...]:
        if not task.queries:
            return ()
        from .updates import answer

        return tuple([answer(run, query) for query in task.queries])

    def _answer_beside(self, task: WorkflowTask) -> CompleteWorkflowTask | FailWorkflowTask:
        run = self._runs.get(task.run_id)
        if run is None:
            return self._failed(task, InvariantViolation("a query found no run to ask"))
        return CompleteWorkflowTask(
            run_id=task.run_id,
            started_event_id=0,
            attempt=task.attempt,
            answers=self._answers(run, task),
            sdk_version=SDK_VERSION,
        )

    def _failed(self, task: WorkflowTask, error: BaseException) -> FailWorkflowTask:
        from ..failures import failure_from_exception

        if isinstance(error, WorkflowCodeError):
            error = error.error
        failure = failure_from_exception(error, self._converter)
        message = FailWorkflowTask(
            run_id=task.run_id,
            started_event_id=task.started_event_id,
            attempt=task.attempt,
            cause=NONDETERMINISM if isinstance(error, NondeterminismError) else UNHANDLED,
            failure=failure,
            answers=tuple([QueryAnswer(query_id=query.query_id, failure=failure) for query in task.queries]),
        )
        if self._on_task_failed is not None:
            self._on_task_failed(task, message, error)
        return message

    # --- local activities ---------------------------------------------------------------------------------

    async def _run_locals(self, run: WorkflowRun) -> bool:
        """Run local activities until the code wants no more; True if time ran out first."""
        from .local_runner import run_attempts, settled

        loop = asyncio.get_running_loop()
        timeout_ns = (run.started and run.started.workflow_task_timeout) or DEFAULT_TASK_TIMEOUT_NS
        deadline = loop.time() + timeout_ns * 0.8 / SECOND
        while run.locals and run.closing is None:
            progressed = False
            for machine in list(run.locals.values()):
                if machine.state == "requested":
                    machine.to("start")
                    outcome = settled(machine)
                    if outcome is not None:
                        self._finish(run, machine, outcome)
                        progressed = True
                        break
                    machine.task = asyncio.ensure_future(run_attempts(machine, deadline))
                elif machine.task is not None and machine.task.done():
                    self._finish(run, machine, machine.task.result())
                    progressed = True
                    break
            if progressed:
                continue
            tasks = [machine.task for machine in run.locals.values() if machine.task is not None]
            await asyncio.wait(
                tasks, timeout=max(0.0, deadline - loop.time()), return_when=asyncio.FIRST_COMPLETED
            )
            if not run.alive:
                return False
            if loop.time() >= deadline and not any(task.done() for task in tasks):
                return True
        return False

    def _finish(self, run: WorkflowRun, machine: Any, outcome: Any) -> None:
        with run.guard:
            run.finish_local(machine, outcome, run.now_ns)
        run.check_guard()

    # --- the cache ----------------------------------------------------------------------------------------

    def _keep(self, key: str, run: WorkflowRun) -> None:
        self._runs[run.run_id] = run
        known = self._keys.get(key)
        if known is None or known == run.run_id:
            self._keys[key] = run.run_id
        else:
            others = (known,) if isinstance(known, str) else known
            self._keys[key] = (*(each for each in others if each != run.run_id), run.run_id)
        run.key = key
        while len(self._runs) > self._cache_size:
            oldest = next((each for each in self._runs if each not in self._busy), None)
            if oldest is None:
                return
            self._drop(oldest)

    def _drop(self, run_id: str) -> None:
        run = self._runs.pop(run_id, None)
        if run is None:
            return
        known = self._keys.get(run.key)
        rest = tuple(each for each in ((known,) if isinstance(known, str) else known or ()) if each != run_id)
        if len(rest) > 1:
            self._keys[run.key] = rest
        elif rest:
            self._keys[run.key] = rest[0]
        else:
            self._keys.pop(run.key, None)
        run.close()


def _is_over(events: HistoryView) -> bool:
    last = events.last_event_id
    return last > 0 and events.after(last - 1)[0].event_type in STATUS_OF_CLOSE
