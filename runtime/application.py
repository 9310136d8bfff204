"""The application: a namespace, its definitions, and the client calls on it.

Owns the registries of workflows and activities. A :class:`Temporal` holds no host: each call finds its own
(``connect``, else the context's, else an error that names the ways), so that one module-level object serves
several simulations and real hosts at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import definitions
from .archiving import ArchivePolicy, archive_policy
from .connection import Caller, request
from .definitions import (
    ActivityDefinition,
    ActivitySet,
    WorkflowDefinition,
    WorkflowFunction,
    as_arguments,
    check_arguments,
)
from .durations import parse_duration, parse_optional_duration
from .errors import InvalidArgumentError, WorkflowNotRegisteredError
from .keys import WORKFLOW_ID_LENGTH_MAX
from .policies import Duration, IdConflictPolicy, IdReusePolicy, RetryPolicy, WorkflowStatus, choose
from .texts import checked_text

if TYPE_CHECKING:
    from .activity_completion import AsyncActivityHandle
    from .handles import WorkflowHandle
    from .listing import WorkflowExecutionInfo
    from .payloads import DataConverter
    from .schedule_client import ScheduleHandle

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_TASK_QUEUE = "main"
START_PATIENCE_SECONDS = 30.0
"""A start is answered when the run is registered. After so long without an answer it is asked for again."""


class Temporal(Caller):
    """An application in one namespace.

    Arguments: ``namespace``; ``task_queue``, where workflows start unless told otherwise; ``converter``, how
    values become payloads; ``url`` and ``token``, the HTTP API that calls go to where no other host is known
    (needs the extra ``temporal-do[remote]``). ``async with`` it, or ``close``, ends the connections to it.
    ``history_retention``: how long the history of a closed workflow is kept: "forever" (in the object store),
    a duration of 72 hours or more, or None, as long as there is a place for it. ``history_store_bytes``: from
    which size on closed histories lie in the object store (None: 1 MiB). Both hold for what this object
    starts, and for children, successors and schedules of that.
    """

    def __init__(
        self,
        namespace: str = "default",
        *,
        task_queue: str = DEFAULT_TASK_QUEUE,
        converter: DataConverter | None = None,
        url: str | None = None,
        token: str | None = None,
        history_retention: Duration | None = None,
        history_store_bytes: int | None = None,
    ) -> None:
        super().__init__(url, token)
        if converter is not None and not hasattr(converter, "to_payload"):
            raise InvalidArgumentError(f"converter is a DataConverter(...), not {converter!r}")
        self.namespace = checked_text(namespace, "namespace")
        self.task_queue = checked_text(task_queue, "task_queue")
        self._converter = converter
        self._workflows: dict[str, WorkflowDefinition] = {}
        self._activities: dict[str, ActivityDefinition[Any, Any]] = {}
        self.archive_policy: ArchivePolicy | None = archive_policy(history_retention, history_store_bytes)
        """Where histories lie after the end, and for how long; None: the default."""

    # --- definitions ---

    def define_workflow(self, name: str, fn: WorkflowFunction) -> WorkflowDefinition:
        """Define workflow ``name``: ``async def fn(ctx, *args)``. Raises InvalidArgumentError."""
        definition = definitions.define_workflow(name, fn)
        known = self._workflows.get(name)
        if known is not None and known.fn is not definition.fn and not _same_source(known.fn, definition.fn):
            raise InvalidArgumentError(
                f"workflow {name!r} is defined twice: as {_where(known.fn)} and as {_where(definition.fn)}"
            )
        self._workflows[name] = definition
        return definition

    def workflow(self, name: str) -> Callable[[WorkflowFunction], WorkflowDefinition]:
        """Decorator form of :meth:`define_workflow`."""
        if not isinstance(name, str):
            raise InvalidArgumentError(
                "write @temporal.workflow(\"name\"): a workflow's name outlives its function's"
            )

        def decorate(fn: WorkflowFunction) -> WorkflowDefinition:
            return self.define_workflow(name, fn)

        return decorate

    def define_activities(self, source: Any) -> ActivitySet:
        """Define activities: a mapping of names to functions, a list of functions, or a class whose functions
        they are. The result calls like the functions."""
        found = definitions.define_activity_set(source)
        self._activities.update(found)
        return found

    def activities(self, source: Any) -> Any:
        """Decorator form of :meth:`define_activities` for a class."""
        return self.define_activities(source)

    @overload
    def activity(self, fn: F, /) -> F: ...

    @overload
    def activity(self, /, *, name: str) -> Callable[[F], F]: ...

    def activity(self, fn: Any = None, /, *, name: str | None = None) -> Any:
        """Decorator: define one activity, under its function's name or ``name``."""
        if fn is None:
            return lambda actual: self._define_activity(actual, name)
        return self._define_activity(fn, name)

    def _define_activity(self, fn: Any, name: str | None) -> ActivityDefinition[Any, Any]:
        definition = definitions.define_activity(fn, name)
        self._activities[definition.name] = definition
        return definition

    @property
    def workflows(self) -> Mapping[str, WorkflowDefinition]:
        """Every workflow defined here, by name."""
        return dict(self._workflows)

    @property
    def converter(self) -> DataConverter:
        """How values become payloads."""
        if self._converter is None:
            from .payloads import DataConverter

            self._converter = DataConverter()
        return self._converter

    # --- workflows ---

    async def start_workflow(
        self,
        workflow: WorkflowDefinition | str,
        *,
        args: Sequence[Any] = (),
        workflow_id: str | None = None,
        task_queue: str | None = None,
        id_reuse_policy: IdReusePolicy | str = IdReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy: IdConflictPolicy | str = IdConflictPolicy.FAIL,
        memo: Mapping[str, Any] | None = None,
        search_attributes: Mapping[str, Any] | None = None,
        execution_timeout: Duration | None = None,
        run_timeout: Duration | None = None,
        task_timeout: Duration | None = None,
        retry: RetryPolicy | None = None,
        start_delay: Duration | None = None,
        request_id: str | None = None,
    ) -> WorkflowHandle[Any]:
        """Start a workflow and return its handle; the workflow is durable when this returns.

        ``workflow`` is a definition or a name. With ``task_queue`` the name may be one that only the workers
        of that queue know; its arguments are not checked here, and its result comes as plain values.
        ``workflow_id`` names it for ever (a fresh id if None); ``execution_timeout`` bounds the whole chain
        of runs, ``run_timeout`` each run; ``retry`` is a policy for the workflow itself; ``request_id`` makes
        a repeated call harmless. Raises WorkflowAlreadyStartedError, InvalidArgumentError,
        WorkflowNotRegisteredError, PayloadTooLargeError.
        """
        return await self._start(
            workflow,
            args,
            workflow_id,
            task_queue,
            id_reuse_policy,
            id_conflict_policy,
            memo,
            search_attributes,
            execution_timeout,
            run_timeout,
            task_timeout,
            retry,
            start_delay,
            request_id,
            None,
        )

    async def execute_workflow(self, workflow: WorkflowDefinition | str, **options: Any) -> Any:
        """:meth:`start_workflow`, then wait for the result."""
        handle = await self.start_workflow(workflow, **options)
        return await handle.result()

    async def signal_with_start(
        self,
        workflow: WorkflowDefinition | str,
        signal: str,
        signal_args: Sequence[Any] = (),
        *,
        workflow_id: str,
        args: Sequence[Any] = (),
        task_queue: str | None = None,
        id_reuse_policy: IdReusePolicy | str = IdReusePolicy.ALLOW_DUPLICATE,
        memo: Mapping[str, Any] | None = None,
        search_attributes: Mapping[str, Any] | None = None,
        execution_timeout: Duration | None = None,
        run_timeout: Duration | None = None,
        retry: RetryPolicy | None = None,
        request_id: str | None = None,
    ) -> WorkflowHandle[Any]:
        """Signal the running workflow, or start it with the signal as its first event: one atomic step."""
        checked_text(signal, "the name of a signal")
        return await self._start(
            workflow,
            args,
            _checked_id(workflow_id),
            task_queue,
            id_reuse_policy,
            IdConflictPolicy.USE_EXISTING,
            memo,
            search_attributes,
            execution_timeout,
            run_timeout,
            None,
            retry,
            None,
            request_id,
            (signal, as_arguments(signal_args, "signal_args")),
        )

    async def _start(
        self,
        workflow: WorkflowDefinition | str,
        args: Sequence[Any],
        workflow_id: str | None,
        task_queue: str | None,
        id_reuse_policy: IdReusePolicy | str,
        id_conflict_policy: IdConflictPolicy | str,
        memo: Mapping[str, Any] | None,
        search_attributes: Mapping[str, Any] | None,
        execution_timeout: Duration | None,
        run_timeout: Duration | None,
        task_timeout: Duration | None,
        retry: RetryPolicy | None,
        start_delay: Duration | None,
        request_id: str | None,
        signal: tuple[str, tuple[Any, ...]] | None,
    ) -> WorkflowHandle[Any]:
        from .actor import Refusal
        from .handles import WorkflowHandle, new_id, raise_refusal
        from .keys import workflow_key
        from .messages.workflow import SignalInput, StartWorkflow
        from .search_attributes import encode_search_attributes

        workflow_type, definition = self.resolve_workflow(workflow, task_queue)
        values = as_arguments(args, "args") if definition is None else check_arguments(definition, args)
        host = self.host()
        chosen_id = new_id(host) if workflow_id is None else _checked_id(workflow_id)
        converter = self.converter
        request_id = new_id(host) if request_id is None else checked_text(request_id, "request_id")
        message = StartWorkflow(
            request_id=request_id,
            run_id=new_id(host),
            namespace=self.namespace,
            workflow_id=chosen_id,
            workflow_type=workflow_type,
            task_queue=self._task_queue(task_queue),
            input=converter.to_payloads(values),
            execution_timeout_ns=_timeout(execution_timeout, "execution_timeout"),
            run_timeout_ns=_timeout(run_timeout, "run_timeout"),
            task_timeout_ns=_timeout(task_timeout, "task_timeout"),
            retry_policy=_checked_retry(retry),
            id_reuse_policy=choose(IdReusePolicy, id_reuse_policy, "id_reuse_policy").value,
            id_conflict_policy=choose(IdConflictPolicy, id_conflict_policy, "id_conflict_policy").value,
            memo=self._memo(memo),
            search_attributes=encode_search_attributes(search_attributes),
            start_delay_ns=0 if start_delay is None else parse_duration(start_delay, name="start_delay"),
            identity="client",
            signal=None
            if signal is None
            else SignalInput(
                request_id=f"{request_id}:signal",
                signal_name=signal[0],
                input=converter.to_payloads(signal[1]),
                identity="client",
            ),
            archive=self.archive_policy,
        )
        reply = await request(
            host, workflow_key(self.namespace, chosen_id), message, patience_seconds=START_PATIENCE_SECONDS
        )
        if isinstance(reply, Refusal):
            raise_refusal(reply, chosen_id)
        return WorkflowHandle(
            self,
            chosen_id,
            first_execution_run_id=reply.run_id,
            result_type=self.result_type_of(workflow_type, definition),
            workflow_type=workflow_type,
        )

    def get_handle(
        self, workflow_id: str, run_id: str | None = None, *, result_type: Any = Any
    ) -> WorkflowHandle[Any]:
        """A handle for a workflow that exists (or not: the first call on it will tell)."""
        from .handles import WorkflowHandle

        if run_id is not None:
            checked_text(run_id, "a run id")
        return WorkflowHandle(self, _checked_id(workflow_id), run_id, result_type=result_type)

    async def list_workflows(
        self,
        query: str = "",
        *,
        status: WorkflowStatus | str | None = None,
        workflow_type: str | None = None,
        limit: int = 1_000,
    ) -> list[WorkflowExecutionInfo]:
        """Runs of this namespace, newest start first, at most ``limit``.

        ``query`` is Temporal's list filter, e.g. ``ExecutionStatus = 'Running' AND CustomerId = 'c1'``;
        ``status`` and ``workflow_type`` are shorthands that narrow it. Raises InvalidArgumentError.
        """
        from .listing import list_executions

        return await list_executions(self, query, status, workflow_type, limit)

    async def count_workflows(
        self, query: str = "", *, status: WorkflowStatus | str | None = None, workflow_type: str | None = None
    ) -> int:
        """How many runs :meth:`list_workflows` would list without a limit."""
        from .listing import count_executions

        return await count_executions(self, query, status, workflow_type)

    def get_async_activity_handle(self, task_token: bytes) -> AsyncActivityHandle:
        """A handle to complete an activity from outside its worker, by its ``activity.info().task_token``."""
        from .activity_completion import AsyncActivityHandle

        return AsyncActivityHandle(self.host(), task_token, self.converter)

    # --- schedules ---

    async def schedule_workflow(
        self,
        workflow: WorkflowDefinition | str,
        *,
        schedule_id: str,
        cron: str | Sequence[str] | None = None,
        interval: Duration | None = None,
        jitter: Duration | None = None,
        timezone: str | None = None,
        overlap: str = "skip",
        catchup_window: Duration | None = None,
        args: Sequence[Any] = (),
        workflow_id: str | None = None,
        task_queue: str | None = None,
        paused: bool = False,
        note: str = "",
        **options: Any,
    ) -> ScheduleHandle:
        """Start ``workflow``, named as in :meth:`start_workflow`, again and again: by ``cron`` in
        ``timezone`` (UTC), or every ``interval``.

        ``jitter`` spreads each start over that long; ``overlap`` says what happens when the last one still
        runs (skip, buffer_one, buffer_all, cancel_other, terminate_other, allow_all); starts missed by more
        than ``catchup_window`` are skipped. Raises ScheduleAlreadyExistsError, InvalidArgumentError.
        """
        from .schedule_client import create_schedule

        return await create_schedule(
            self,
            *self.resolve_workflow(workflow, task_queue),
            schedule_id=schedule_id,
            cron=cron,
            interval=interval,
            jitter=jitter,
            timezone=timezone,
            overlap=overlap,
            catchup_window=catchup_window,
            args=args,
            workflow_id=workflow_id,
            task_queue=self._task_queue(task_queue),
            paused=paused,
            note=note,
            **options,
        )

    async def list_schedules(self, *, limit: int = 1_000) -> list[ScheduleHandle]:
        """Handles of the schedules of this namespace, by id, at most ``limit``. A handle of a schedule with a
        very long id has a hash for it, which serves as well."""
        from .listing import list_schedule_ids

        return [self.get_schedule_handle(each) for each in await list_schedule_ids(self, limit)]

    def get_schedule_handle(self, schedule_id: str) -> ScheduleHandle:
        """A handle for a schedule that exists."""
        from .schedule_client import ScheduleHandle

        return ScheduleHandle(self, schedule_id)

    # --- helpers ---

    def resolve_workflow(
        self, workflow: WorkflowDefinition | str, task_queue: str | None
    ) -> tuple[str, WorkflowDefinition | None]:
        """The type name meant by a definition or a name, and the definition if it is known here.

        Another application's workflow is meant by a name only with the ``task_queue`` that its workers poll:
        without, a name that nobody has defined here is taken for a mistake. Raises
        WorkflowNotRegisteredError, InvalidArgumentError.
        """
        if isinstance(workflow, WorkflowDefinition):
            return workflow.name, workflow
        if not isinstance(workflow, str):
            raise InvalidArgumentError(
                f"{getattr(workflow, '__name__', workflow)!r} is not a workflow: "
                "decorate it with @temporal.workflow(name), or pass the name of one"
            )
        definition = self._workflows.get(workflow)
        if definition is not None or task_queue is not None:
            return checked_text(workflow, "the name of a workflow"), definition
        from difflib import get_close_matches

        close = get_close_matches(workflow, self._workflows, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        known = ", ".join(repr(name) for name in self._workflows) or "none"
        raise WorkflowNotRegisteredError(
            f"no workflow named {workflow!r} is defined in namespace {self.namespace!r} "
            f"(defined: {known}){hint}; to start one that is defined elsewhere, give its task_queue="
        )

    def result_type_of(self, workflow_type: str, definition: WorkflowDefinition | None = None) -> Any:
        """What the annotations of a workflow say about its result; Any for one that is not defined here."""
        found = definition or self._workflows.get(workflow_type)
        if found is None:
            return Any
        from .type_hints import hints_of

        return hints_of(found.fn)[1]

    def _task_queue(self, chosen: str | None) -> str:
        return self.task_queue if chosen is None else checked_text(chosen, "task_queue")

    def _memo(self, memo: Mapping[str, Any] | None) -> Any:
        if memo is None:
            return None
        from .history import Memo

        if not isinstance(memo, Mapping) or not all(isinstance(name, str) for name in memo):
            raise InvalidArgumentError(f"a memo is a mapping of names to values, not {memo!r}")
        if not memo:
            return None
        return Memo(
            fields={
                name: self.converter.to_payload(value, where=f"memo[{name!r}]")
                for name, value in memo.items()
            }
        )


def _checked_id(workflow_id: Any) -> str:
    chosen = checked_text(workflow_id, "a workflow id")
    if len(chosen) > WORKFLOW_ID_LENGTH_MAX:
        raise InvalidArgumentError(
            f"a workflow id has at most {WORKFLOW_ID_LENGTH_MAX} characters; this one has "
            f"{len(chosen)}: {chosen[:60]!r}..."
        )
    return chosen


def _timeout(value: Duration | None, name: str) -> int | None:
    return parse_optional_duration(value, name=name, allow_zero=False)


def _checked_retry(retry: Any) -> Any:
    if retry is None:
        return None
    if not isinstance(retry, RetryPolicy):
        raise InvalidArgumentError(f"retry is a RetryPolicy(...), not {retry!r}")
    return retry.to_record()


def _same_source(first: Any, second: Any) -> bool:
    one, other = first.__code__, second.__code__
    return bool((one.co_filename, one.co_firstlineno) == (other.co_filename, other.co_firstlineno))


def _where(fn: Any) -> str:
    return f"{fn.__qualname__} ({fn.__code__.co_filename}:{fn.__code__.co_firstlineno})"
