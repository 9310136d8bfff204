"""The workers that run in one process, and how they take activity tasks from the queue.

Owns which workflows and activities are registered for which task queue, the overrides of activities by name
(mocks), the consumer of the shared activity queue, and what a log hears of code that raised. Invariants
- A queue message is acknowledged (``consume`` returns) as soon as the lease of its attempt is durable, or
  when there is nothing to do; user code runs after that, as work of its own. HostError: deliver it again.
- Two deliveries of one task run it once: the second lease is refused.
- A task for a queue that no worker here polls is parked with its TaskQueueDO, and comes back when a worker
  announces itself.

One deployment belongs to one world (a simulation, a process). Must not import a host implementation, nor the
workflow side before an executor is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from .activity_watch import pause
from .activity_worker import Attempt, RunSync
from .actor import Refusal
from .errors import HostError, InvalidArgumentError
from .failure_errors import ApplicationError
from .keys import task_queue_key
from .messages.activity import ActivityTask, LeaseActivity, Leased
from .messages.task_queue import ParkActivityTask, WorkerStarted, WorkerStopped

if TYPE_CHECKING:
    from logging import Logger

    from .definitions import ActivityDefinition, Worker, WorkflowDefinition
    from .host import Host
    from .payloads import DataConverter
    from .sweep import SweepReport
    from .workflow_task import WorkflowTask

Run = Callable[[Coroutine[Any, Any, None]], Any]
"""Runs a coroutine as work of its own; it dies with the worker."""

LEASE_TRIES = 3


class Deployment:
    """What runs here. Mutable: workers come and go."""

    def __init__(
        self,
        *,
        converter: DataConverter | None = None,
        run_sync: RunSync | None = None,
        identity: str = "worker",
        logger: Logger | None = None,
    ) -> None:
        """``run_sync`` runs sync activities beside the loop (a thread runner); without it they run on it.
        ``logger`` is told of every activity attempt and every workflow task whose code raised."""
        self.mocks: dict[str, Callable[..., Any]] = {}
        """Activity name -> function that runs instead of the registered one."""
        self._converter = converter
        self._run_sync = run_sync
        self._identity = identity
        self._logger = logger
        self._workers: dict[Worker, str] = {}
        self._workers_made = 0
        self._namespaces: dict[str, None] = {}
        self._workflows: dict[tuple[str, str], dict[str, WorkflowDefinition]] = {}
        self._activities: dict[tuple[str, str], dict[str, ActivityDefinition[Any, Any]]] = {}
        self._instance = ""
        self._requests = 0

    @property
    def converter(self) -> DataConverter:
        """Encodes and decodes arguments and results."""
        if self._converter is None:
            from .payloads import DEFAULT_CONVERTER

            self._converter = DEFAULT_CONVERTER
        return self._converter

    # --- registration ---

    def add(self, worker: Worker) -> None:
        """Run ``worker`` here. Of two definitions with one name on one queue the later worker's counts."""
        if worker not in self._workers:
            self._workers_made += 1
            self._namespaces[worker.namespace] = None
            self._workers[worker] = f"{self._identity}-{self._workers_made}"
            self._index()

    def remove(self, worker: Worker) -> None:
        """Stop running ``worker``; its attempts go on. Raises InvalidArgumentError if it is not here."""
        if self._workers.pop(worker, None) is None:
            raise InvalidArgumentError(f"the worker for task queue {worker.task_queue!r} does not run here")
        self._index()

    def _index(self) -> None:
        self._workflows.clear()
        self._activities.clear()
        for worker in self._workers:
            queue = (worker.namespace, worker.task_queue)
            self._workflows.setdefault(queue, {}).update(worker.workflows)
            self._activities.setdefault(queue, {}).update(worker.activities)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers that run here, oldest first."""
        return tuple(self._workers)

    def workflow(self, namespace: str, task_queue: str, workflow_type: str) -> WorkflowDefinition | None:
        """The workflow of that name, if a worker here runs it."""
        found = self._workflows.get((namespace, task_queue))
        return None if found is None else found.get(workflow_type)

    def registered_workflows(self, namespace: str, task_queue: str) -> tuple[str, ...]:
        """Names of the workflows that workers here run for ``task_queue``."""
        return tuple(self._workflows.get((namespace, task_queue), ()))

    def activity(
        self, namespace: str, task_queue: str, activity_type: str
    ) -> ActivityDefinition[Any, Any] | None:
        """The activity of that name, if a worker here runs it (mocks aside)."""
        found = self._activities.get((namespace, task_queue))
        return None if found is None else found.get(activity_type)

    def registered_activities(self, namespace: str, task_queue: str) -> tuple[str, ...]:
        """Names of the activities that workers here run for ``task_queue``, mocks included."""
        found = self._activities.get((namespace, task_queue))
        return () if found is None else tuple(dict.fromkeys((*found, *self.mocks)))

    def polls(self, namespace: str, task_queue: str) -> bool:
        """Does any worker here serve ``task_queue``?"""
        return (namespace, task_queue) in self._workflows

    def polls_workflows(self, namespace: str, task_queue: str) -> bool:
        """Does a worker here take workflow tasks of ``task_queue``?"""
        return bool(self._workflows.get((namespace, task_queue)))

    def polls_activities(self, namespace: str, task_queue: str) -> bool:
        """Does a worker here take activity tasks of ``task_queue``?"""
        found = self._activities.get((namespace, task_queue))
        return found is not None and bool(found or self.mocks)

    # --- workers come and go ---

    async def announce(self, host: Host, worker: Worker) -> None:
        """Tell the TaskQueueDO that ``worker`` polls: what was parked moves. Raises HostError."""
        identity = self._workers.get(worker, self._identity)
        started = WorkerStarted(namespace=worker.namespace, task_queue=worker.task_queue, identity=identity)
        await _accepted(host, task_queue_key(worker.namespace, worker.task_queue), started)

    async def retire(self, host: Host, worker: Worker) -> None:
        """Tell the TaskQueueDO that ``worker`` polls no more; call it before ``remove``. Raises HostError."""
        identity = self._workers.get(worker, self._identity)
        stopped = WorkerStopped(namespace=worker.namespace, task_queue=worker.task_queue, identity=identity)
        await _accepted(host, task_queue_key(worker.namespace, worker.task_queue), stopped)

    # --- recovery ---

    async def sweep(self, host: Host, *, thorough: bool = False) -> SweepReport:
        """Wake what the platform has forgotten, in every namespace a worker here serves or has served. For
        the host's cron trigger, every few minutes; see ``sweep``. Never raises HostError."""
        from .sweep import shards_of, sweep

        return await sweep(host, shards_of(self._namespaces), thorough=thorough)

    # --- the activity queue ---

    async def consume(self, host: Host, body: Any, run: Run) -> None:
        """Take one message of the activity queue.

        Returns when it may be acknowledged; ``run`` got the coroutine of the attempt then, if there is one
        to be run, and must keep it until it ends (killing the worker kills it). Raises HostError when the
        message must be delivered again.
        """
        if type(body) is not ActivityTask:
            raise HostError(f"the activity queue holds a {type(body).__name__}; a newer version may know it")
        if not self.polls_activities(body.namespace, body.task_queue):
            key = task_queue_key(body.namespace, body.task_queue)
            await _accepted(host, key, ParkActivityTask(task=body))
            return
        attempt = await self.take(host, body)
        if attempt is not None:
            run(attempt.run())

    async def take(self, host: Host, task: ActivityTask) -> Attempt | None:
        """Lease ``task``: the attempt to be run now, or None if it has no work for us. Raises HostError when
        nobody can say; the task comes again then."""
        leased = await self._lease(host, task)
        return None if leased is None else self.attempt(host, task.activity_key, leased)

    def attempt(self, host: Host, activity_key: str, leased: Leased) -> Attempt:
        """The attempt that runs what was leased: the mock, the registered function, or the failure that says
        that there is none."""
        name = leased.activity_type
        definition = self.activity(leased.namespace, leased.task_queue, name)
        registered = None if definition is None else definition.fn
        fn = self.mocks.get(name, registered)
        if fn is None:
            fn = _not_registered(leased, self.registered_activities(leased.namespace, leased.task_queue))
        hints_from = fn if getattr(fn, "__annotations__", None) else registered
        return Attempt(
            host,
            activity_key,
            leased,
            fn,
            converter=self.converter,
            hints_from=hints_from,
            run_sync=self._run_sync,
            identity=self._identity,
            on_failed=None if self._logger is None else partial(_activity_failed, self._logger),
        )

    async def _lease(self, host: Host, task: ActivityTask) -> Leased | None:
        """The lease, or None if the task has no work for us. The same request id until an answer is known:
        a lease whose answer was lost would cost the attempt."""
        if not self._instance:
            self._instance = host.entropy(6).hex()
        self._requests += 1
        request = LeaseActivity(
            token=task.token, identity=self._identity, request_id=f"{self._instance}-{self._requests}"
        )
        for tries_left in range(LEASE_TRIES - 1, -1, -1):
            try:
                reply = await host.call(task.activity_key, request)
                break
            except HostError:
                if not tries_left:
                    raise
                await pause(LEASE_TRIES - tries_left)
        if type(reply) is Leased:
            return reply
        if type(reply) is Refusal and reply.retryable:
            raise HostError(f"no lease for now: {reply.message}", code=reply.code)
        return None

    # --- the workflow side ---

    def executor(self, **options: Any) -> Any:
        """The inline executor for the workflows registered here; ``options`` are its own."""
        from .workflow.executor import InlineExecutor

        if self._logger is not None:
            options.setdefault("on_task_failed", partial(_task_failed, self._logger))
        return InlineExecutor(
            self.workflow,
            converter=self.converter,
            polls=self.polls_workflows,
            registered=self.registered_workflows,
            **options,
        )


def _task_failed(logger: Logger, task: WorkflowTask, _: Any, error: BaseException) -> None:
    logger.warning(
        "workflow task of %s failed (attempt %d), and is tried again: %s",
        task.workflow_id,
        task.attempt,
        error,
        exc_info=error,
    )


def _activity_failed(logger: Logger, leased: Leased, error: BaseException) -> None:
    logger.warning(
        "activity %r of %s failed (attempt %d): %s",
        leased.activity_type,
        leased.workflow_id,
        leased.attempt,
        error if str(error) else type(error).__name__,
        exc_info=error,
    )


async def _accepted(host: Host, receiver: str, message: Any) -> None:
    reply = await host.call(receiver, message)
    if type(reply) is Refusal:
        raise HostError(f"{receiver} refused: {reply.message}", code=reply.code)


def _not_registered(leased: Leased, names: tuple[str, ...]) -> Callable[..., NoReturn]:
    text = (
        f"activity {leased.activity_type!r} is not registered on the workers of task queue "
        f"{leased.task_queue!r}; registered: {', '.join(sorted(names)) or 'none'}. "
        "Name it in its Worker(activities=[...])"
    )

    def refuse(*_: Any) -> NoReturn:
        raise ApplicationError(text, type="ActivityNotRegistered")

    return refuse
