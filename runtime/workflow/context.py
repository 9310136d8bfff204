"""``WorkflowContext``: everything workflow code may ask for.

Every method checks its arguments when it is called and raises InvalidArgumentError there, before anything is
issued; what is awaited happens when it is awaited. Methods remember the calling line for reports. Durations
are written as ``'5m'``, ``'1h30m'``, seconds or timedelta. The work itself is in `activities`, `children`,
`timers` and `updates`. Imports no executor.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from ..commands import ContinueAsNew as ContinueAsNewCommand
from ..commands import ModifyProperties, StartChildWorkflow, UpsertSearchAttributes
from ..definitions import ActivityDefinition, WorkflowDefinition
from ..durations import DurationLike, parse_duration
from ..errors import ContinueAsNew, Evicted, InvalidArgumentError
from ..instants import from_datetime, to_datetime
from ..policies import CancellationType, IdReusePolicy, ParentClosePolicy, RetryPolicy, choose
from ..search_attributes import encode_search_attributes
from . import activities, timers
from .children import (
    ChildHandle,
    ExternalHandle,
    checked_name,
    execute_child,
    send_cancel,
    send_signal,
    start_child,
)
from .info import WorkflowInfo
from .location import caller
from .machines.marker import MarkerMachine, patch_command, side_effect_command
from .machines.properties import PropertiesMachine
from .shield import Shield

if TYPE_CHECKING:
    from random import Random
    from uuid import UUID

    from ..history import Memo, Payload, RetryPolicyRecord, SearchAttributes
    from .instance import WorkflowRun
    from .logs import WorkflowLogger

R = TypeVar("R")
T = TypeVar("T")


class WorkflowContext:
    """The first argument of every workflow function."""

    __slots__ = ("_run",)

    def __init__(self, run: WorkflowRun) -> None:
        self._run = run

    # --- activities ---------------------------------------------------------------------------------------

    @overload
    def activity(
        self,
        name: str,
        fn: Callable[..., Awaitable[R]],
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        start_to_close_timeout: DurationLike | None = None,
        schedule_to_close_timeout: DurationLike | None = None,
        schedule_to_start_timeout: DurationLike | None = None,
        heartbeat_timeout: DurationLike | None = None,
        task_queue: str | None = None,
        cancellation_type: CancellationType | str = CancellationType.TRY_CANCEL,
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def activity(
        self,
        name: str,
        fn: Callable[..., R],
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        start_to_close_timeout: DurationLike | None = None,
        schedule_to_close_timeout: DurationLike | None = None,
        schedule_to_start_timeout: DurationLike | None = None,
        heartbeat_timeout: DurationLike | None = None,
        task_queue: str | None = None,
        cancellation_type: CancellationType | str = CancellationType.TRY_CANCEL,
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def activity(
        self,
        name: str,
        fn: str,
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        start_to_close_timeout: DurationLike | None = None,
        schedule_to_close_timeout: DurationLike | None = None,
        schedule_to_start_timeout: DurationLike | None = None,
        heartbeat_timeout: DurationLike | None = None,
        task_queue: str | None = None,
        cancellation_type: CancellationType | str = CancellationType.TRY_CANCEL,
    ) -> Coroutine[Any, Any, Any]: ...

    def activity(
        self,
        name: str,
        fn: Any,
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        start_to_close_timeout: DurationLike | None = None,
        schedule_to_close_timeout: DurationLike | None = None,
        schedule_to_start_timeout: DurationLike | None = None,
        heartbeat_timeout: DurationLike | None = None,
        task_queue: str | None = None,
        cancellation_type: CancellationType | str = CancellationType.TRY_CANCEL,
    ) -> Coroutine[Any, Any, Any]:
        """Run an activity and await its result.

        ``name`` is the name of the step. ``fn`` is a defined activity (with ``args``), the type name of an
        activity that another worker runs, or a function without arguments: if it just calls a defined
        activity that call goes to the task queue, otherwise it runs right here as a local activity, once.

        ``retry``: default 1 s, doubled up to 100 s, without end. Timeouts: of one attempt (start to close),
        of all attempts (schedule to close), of waiting for a worker (schedule to start), between heartbeats.
        ``cancellation_type``: what a cancelled await means for the activity.

        Raises ActivityError, its cause says why; asyncio.CancelledError when the awaiting task is cancelled.
        """
        run = self._run
        if not run.alive:
            raise Evicted
        frame = sys._getframe(1)
        where = (frame.f_code, frame.f_lasti)
        if type(name) is not str or not name:
            raise InvalidArgumentError(
                f"ctx.activity takes the step's name first, then the activity: "
                f"ctx.activity('charge', shop.charge, amount); got {name!r}"
            )
        if (
            retry is None
            and start_to_close_timeout is None
            and schedule_to_close_timeout is None
            and schedule_to_start_timeout is None
            and heartbeat_timeout is None
            and task_queue is None
            and cancellation_type is CancellationType.TRY_CANCEL
        ):
            options = activities.default_options()
        else:
            options = activities.ActivityOptions(
                _retry_record(retry) or activities.default_options().retry_policy,
                choose(CancellationType, cancellation_type, "cancellation_type"),
                _timeout(start_to_close_timeout, "start_to_close_timeout"),
                _timeout(schedule_to_close_timeout, "schedule_to_close_timeout"),
                _timeout(schedule_to_start_timeout, "schedule_to_start_timeout"),
                _timeout(heartbeat_timeout, "heartbeat_timeout"),
                None if task_queue is None else checked_name(task_queue, "task queue"),
            )
        if type(fn) is ActivityDefinition:
            payloads = activities.payloads_for(run, fn, args)
            return activities.run_remote(run, name, fn.name, fn.fn, payloads, options, where)
        if type(fn) is str:
            activity_type = checked_name(fn, "activity")
            payloads = run.converter.to_payloads(args)
            return activities.run_remote(run, name, activity_type, None, payloads, options, where)
        if not callable(fn):
            raise InvalidArgumentError(
                f"ctx.activity({name!r}, ...) takes an activity or a function, not {fn!r}"
                + ("; write `lambda:` before the call" if hasattr(fn, "__await__") else "")
            )
        return activities.run_thunk(run, name, fn, args, options, where)

    # --- time ---------------------------------------------------------------------------------------------

    @overload
    def sleep(self, name: str, duration: DurationLike, /) -> Coroutine[Any, Any, None]: ...

    @overload
    def sleep(self, duration: DurationLike, /) -> Coroutine[Any, Any, None]: ...

    def sleep(self, name: Any, duration: Any = None, /) -> Coroutine[Any, Any, None]:
        """Sleep durably: ``sleep('wait-for-payment', '5m')`` or ``sleep('5m')``. Blocks no worker."""
        run = self._run
        if duration is None:
            name, duration = "", name
        elif type(name) is not str:
            raise InvalidArgumentError(f"ctx.sleep takes a name and then a duration; got {name!r}")
        return timers.sleep_for(run, parse_duration(duration), name, caller())

    @overload
    def sleep_until(self, name: str, when: datetime, /) -> Coroutine[Any, Any, None]: ...

    @overload
    def sleep_until(self, when: datetime, /) -> Coroutine[Any, Any, None]: ...

    def sleep_until(self, name: Any, when: Any = None, /) -> Coroutine[Any, Any, None]:
        """Sleep durably until a point in time (an aware datetime); one that has passed does not wait."""
        if when is None:
            name, when = "", name
        elif type(name) is not str:
            raise InvalidArgumentError(f"ctx.sleep_until takes a name and then a datetime; got {name!r}")
        run = self._run
        left_ns = -(-(from_datetime(when, name="when") - run.now_ns) // 1_000_000) * 1_000_000
        return timers.sleep_for(run, left_ns, name, caller())

    def now(self) -> datetime:
        """The current time in UTC. It moves only from one workflow task to the next."""
        return to_datetime(self._run.now_ns)

    # --- signals, conditions ------------------------------------------------------------------------------

    def wait_for_signal(
        self, name: str, timeout: DurationLike | None = None, type: Any = Any
    ) -> Coroutine[Any, Any, Any]:
        """Await the next signal ``name`` and return its argument; None when ``timeout`` passes first.

        Signals that came before are taken first, in order. ``type`` shapes the argument. A signal with no or
        several arguments gives a tuple of them.
        """
        checked_name(name, "signal")
        timeout_ns = None if timeout is None else parse_duration(timeout, name="timeout")
        return self._signal_value(name, timeout_ns, type, caller())

    async def _signal_value(self, name: str, timeout_ns: int | None, kind: Any, where: Any) -> Any:
        run = self._run
        run.check_writable("wait_for_signal")
        event = await timers.next_signal(run, name, timeout_ns, where)
        if event is None:
            return None
        payloads = event.attributes.input or ()
        values = run.converter.from_payloads(payloads, (kind,) * len(payloads), where=f"signal {name!r}")
        return values[0] if len(values) == 1 else values

    def on_signal(self, name: str, handler: Callable[..., Any] | None) -> None:
        """Call ``handler(*args)`` for every signal ``name``, those that came before first. It may be async, and
        then runs as a task. None removes the handler."""
        from .signals import SignalInbox
        from .updates import Handler, start_signal_handler

        run = self._run
        run.check_writable("on_signal")
        checked_name(name, "signal")
        if run.inbox is None:
            run.inbox = SignalInbox()
        if handler is None:
            run.inbox.handle(name, None)
            return
        made = Handler(_checked_handler(handler), caller())
        run.inbox.handle(name, lambda event: start_signal_handler(run, made, event))

    def wait_condition(
        self, fn: Callable[[], Any], timeout: DurationLike | None = None
    ) -> Coroutine[Any, Any, bool]:
        """Await that ``fn()`` is true, and return True; False when ``timeout`` passes first.

        ``fn`` is called whenever something happened; it must only look.
        """
        timeout_ns = None if timeout is None else parse_duration(timeout, name="timeout")
        return timers.condition(self._run, _checked_handler(fn), timeout_ns, caller())

    # --- queries and updates ------------------------------------------------------------------------------

    def set_query_handler(self, name: str, handler: Callable[..., Any] | None) -> None:
        """Answer query ``name`` with ``handler(*args)``, which must not be async and must only look."""
        from .updates import Handler

        run = self._run
        run.check_writable("set_query_handler")
        checked_name(name, "query")
        if run.queries is None:
            run.queries = {}
        if handler is None:
            run.queries.pop(name, None)
            return
        code = getattr(_checked_handler(handler), "__code__", None)
        if code is not None and code.co_flags & 0x80:
            raise InvalidArgumentError(
                f"the handler of query {name!r} must not be async: a query waits for nothing"
            )
        run.queries[name] = Handler(handler, caller())

    def set_update_handler(
        self, name: str, handler: Callable[..., Any] | None, validator: Callable[..., Any] | None = None
    ) -> None:
        """Carry out update ``name`` with ``handler(*args)``, which may be async; what it returns is the outcome.

        ``validator(*args)`` may raise to reject an update before it is recorded; it must only look.
        """
        from .updates import Handler

        run = self._run
        run.check_writable("set_update_handler")
        checked_name(name, "update")
        if run.updates is None:
            run.updates = {}
        if handler is None:
            run.updates.pop(name, None)
            return
        if validator is not None:
            _checked_handler(validator)
        run.updates[name] = Handler(_checked_handler(handler), caller(), validator)

    # --- other workflows ----------------------------------------------------------------------------------

    def execute_child(
        self,
        workflow: WorkflowDefinition | str,
        *positional: Any,
        workflow_id: str | None = None,
        args: Sequence[Any] = (),
        task_queue: str | None = None,
        parent_close_policy: ParentClosePolicy | str = ParentClosePolicy.TERMINATE,
        id_reuse_policy: IdReusePolicy | str = IdReusePolicy.ALLOW_DUPLICATE,
        cancellation_type: CancellationType | str = CancellationType.WAIT_CANCELLATION_COMPLETED,
        retry: RetryPolicy | None = None,
        execution_timeout: DurationLike | None = None,
        run_timeout: DurationLike | None = None,
        memo: Mapping[str, Any] | None = None,
        search_attributes: Mapping[str, Any] | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """Run a child workflow and await its result.

        Arguments of the workflow: positional ones, or ``args=[...]``. ``workflow_id``: by default made of
        this workflow's id, the child's type and a number. Raises ChildWorkflowError, its cause says why.
        """
        command = self._child(
            workflow,
            positional,
            workflow_id,
            args,
            task_queue,
            choose(ParentClosePolicy, parent_close_policy, "parent_close_policy"),
            choose(IdReusePolicy, id_reuse_policy, "id_reuse_policy"),
            retry,
            _timeout(execution_timeout, "execution_timeout"),
            _timeout(run_timeout, "run_timeout"),
            memo,
            search_attributes,
        )
        how = choose(CancellationType, cancellation_type, "cancellation_type")
        return execute_child(self._run, command, _function(workflow), how, caller())

    def start_child(
        self,
        workflow: WorkflowDefinition | str,
        *positional: Any,
        workflow_id: str | None = None,
        args: Sequence[Any] = (),
        task_queue: str | None = None,
        parent_close_policy: ParentClosePolicy | str = ParentClosePolicy.TERMINATE,
        id_reuse_policy: IdReusePolicy | str = IdReusePolicy.ALLOW_DUPLICATE,
        cancellation_type: CancellationType | str = CancellationType.WAIT_CANCELLATION_COMPLETED,
        retry: RetryPolicy | None = None,
        execution_timeout: DurationLike | None = None,
        run_timeout: DurationLike | None = None,
        memo: Mapping[str, Any] | None = None,
        search_attributes: Mapping[str, Any] | None = None,
    ) -> Coroutine[Any, Any, ChildHandle[Any]]:
        """Start a child workflow, await its start and return a handle; see ``execute_child``."""
        command = self._child(
            workflow,
            positional,
            workflow_id,
            args,
            task_queue,
            choose(ParentClosePolicy, parent_close_policy, "parent_close_policy"),
            choose(IdReusePolicy, id_reuse_policy, "id_reuse_policy"),
            retry,
            _timeout(execution_timeout, "execution_timeout"),
            _timeout(run_timeout, "run_timeout"),
            memo,
            search_attributes,
        )
        how = choose(CancellationType, cancellation_type, "cancellation_type")
        return start_child(self._run, command, _function(workflow), how, caller())

    def _child(
        self,
        workflow: WorkflowDefinition | str,
        positional: tuple[Any, ...],
        workflow_id: str | None,
        args: Sequence[Any],
        task_queue: str | None,
        parent_close_policy: ParentClosePolicy,
        id_reuse_policy: IdReusePolicy,
        retry: RetryPolicy | None,
        execution_timeout_ns: int | None,
        run_timeout_ns: int | None,
        memo: Mapping[str, Any] | None,
        search_attributes: Mapping[str, Any] | None,
    ) -> StartChildWorkflow:
        run = self._run
        run.check_writable("a child workflow")
        workflow_type = _workflow_type(workflow)
        if workflow_id is not None:
            checked_name(workflow_id, "child workflow (its id)")
        if task_queue is not None:
            checked_name(task_queue, "task queue")
        payloads = run.converter.to_payloads(_given(positional, args))
        attributes = encode_search_attributes(search_attributes)
        retry_policy = _retry_record(retry)
        fields = self._memo(memo) if memo is not None else None
        number = run.child_count + 1
        run.child_count = number
        return StartChildWorkflow(
            workflow_id=workflow_id or f"{run.workflow_id}/{workflow_type}-{number}",
            workflow_type=workflow_type,
            task_queue=task_queue or run.task_queue,
            input=payloads,
            execution_timeout_ns=execution_timeout_ns,
            run_timeout_ns=run_timeout_ns,
            parent_close_policy=parent_close_policy.value,
            id_reuse_policy=id_reuse_policy.value,
            retry_policy=retry_policy,
            memo=fields,
            search_attributes=attributes,
        )

    def signal_workflow(
        self, workflow_id: str, name: str, *args: Any, run_id: str = ""
    ) -> Coroutine[Any, Any, None]:
        """Send a signal to another workflow; returns when it is delivered. Raises ApplicationError if it
        can't be.
        """
        checked_name(workflow_id, "workflow (its id)")
        payloads = self._run.converter.to_payloads(args)
        return send_signal(self._run, workflow_id, run_id, checked_name(name, "signal"), payloads, caller())

    def cancel_workflow(
        self, workflow_id: str, *, run_id: str = "", reason: str = ""
    ) -> Coroutine[Any, Any, None]:
        """Ask another workflow to cancel; returns when it was told. Raises ApplicationError if it can't be."""
        checked_name(workflow_id, "workflow (its id)")
        return send_cancel(self._run, workflow_id, run_id, reason, caller())

    def get_external_handle(self, workflow_id: str, *, run_id: str = "") -> ExternalHandle:
        """A handle for another workflow."""
        return ExternalHandle(self._run, checked_name(workflow_id, "workflow (its id)"), run_id)

    def continue_as_new(
        self,
        *args: Any,
        workflow: WorkflowDefinition | str | None = None,
        task_queue: str | None = None,
        run_timeout: DurationLike | None = None,
        retry: RetryPolicy | None = None,
        memo: Mapping[str, Any] | None = None,
        search_attributes: Mapping[str, Any] | None = None,
    ) -> NoReturn:
        """End this run and go on as a new one with ``args`` and a fresh history. Signals nobody received go along.

        Never returns. ``memo`` and ``search_attributes``: by default those of this run.
        """
        run = self._run
        run.check_writable("continue_as_new")
        attributes = encode_search_attributes(search_attributes)
        raise ContinueAsNew(
            ContinueAsNewCommand(
                workflow_type=run.definition.name if workflow is None else _workflow_type(workflow),
                task_queue=task_queue or run.task_queue,
                input=run.converter.to_payloads(args),
                run_timeout_ns=_timeout(run_timeout, "run_timeout"),
                retry_policy=_retry_record(retry),
                memo=None if memo is None else self._memo(memo),
                search_attributes=attributes,
            )
        )

    # --- facts about the run ------------------------------------------------------------------------------

    @property
    def info(self) -> WorkflowInfo:
        """Ids, type, task queue, attempt, parent, length of the history ..."""
        return WorkflowInfo(self._run)

    @property
    def logger(self) -> WorkflowLogger:
        """A standard logger that is silent while the code is replayed."""
        from .logs import WorkflowLogger

        return WorkflowLogger(self._run)

    @property
    def is_cancelled(self) -> bool:
        """Was the workflow asked to cancel?"""
        return self._run.cancel_requested

    def shielded(self) -> Shield:
        """``async with ctx.shielded():`` -- a cancellation of the workflow is delivered after the block."""
        return Shield(self._run)

    def upsert_search_attributes(self, values: Mapping[str, Any]) -> None:
        """Set search attributes: bool, int, float, str, aware datetime, list of str; None removes one."""
        run = self._run
        record = _search_attributes(run, values)
        PropertiesMachine(run, UpsertSearchAttributes(search_attributes=record), caller())
        self._remember("search", record.indexed_fields)

    def upsert_memo(self, values: Mapping[str, Any]) -> None:
        """Set memo values; None removes one."""
        run = self._run
        memo = self._memo(values)
        PropertiesMachine(run, ModifyProperties(upserted_memo=memo), caller())
        self._remember("memo", memo.fields)

    def _remember(self, kind: str, fields: Mapping[str, Payload]) -> None:
        run = self._run
        if run.memo is None:
            run.memo = {}
        run.memo.setdefault(kind, {}).update(fields)

    def _memo(self, values: Mapping[str, Any]) -> Memo:
        from ..history import Memo

        if not isinstance(values, Mapping):
            raise InvalidArgumentError(f"a memo is a mapping of names to values, not {values!r}")
        to_payload = self._run.converter.to_payload
        return Memo(
            fields={
                checked_name(key, "memo value"): to_payload(value, where=f"memo {key!r}")
                for key, value in values.items()
            }
        )

    # --- deterministic randomness, side effects, versions -------------------------------------------------

    @property
    def random(self) -> Random:
        """A ``random.Random`` that gives the same numbers in every replay."""
        made: Random | None = (self._run.random_streams or {}).get("random")
        if made is None:
            from ..prng import workflow_random

            made = workflow_random(self._stream("random"))
            self._run.random_streams["random"] = made  # type: ignore[index]
        return made

    def uuid4(self) -> UUID:
        """A version 4 UUID, the same in every replay."""
        from ..prng import uuid4_from

        streams = self._run.random_streams
        stream = None if streams is None else streams.get("uuid")
        if stream is None:
            stream = self._stream("uuid")
            self._run.random_streams["uuid"] = stream  # type: ignore[index]
        return uuid4_from(stream)

    def _stream(self, label: str) -> Any:
        from ..prng import Stream

        run = self._run
        if run.random_streams is None:
            run.random_streams = {}
        return Stream(run.seed(), f"workflow {label}")

    def side_effect(self, fn: Callable[[], T]) -> T:
        """Call ``fn()`` once and record what it returns; a replay gives the recorded value."""
        run = self._run
        run.check_writable("side_effect")
        where = caller()
        _checked_handler(fn)
        lookahead = run.lookahead
        if lookahead is not None and lookahead.side_effects:
            payload = lookahead.side_effects.pop(0)
        else:
            kind, value = activities.capture(run, fn, ())
            if kind == "error":
                raise value
            if kind == "coroutine":
                value.close()
            if kind != "value":
                raise InvalidArgumentError(
                    "ctx.side_effect takes a function that is not async and calls no activity; use ctx.activity"
                )
            payload = run.converter.to_payload(value, where="the result of ctx.side_effect")
        number = run.side_effect_count + 1
        MarkerMachine(run, side_effect_command(run, number, payload), where)
        run.side_effect_count = number
        result: T = run.converter.from_payload(payload)
        return result

    def patched(self, patch_id: str) -> bool:
        """Guards a change of workflow code: False for runs that passed here before the change, else True.

        Write ``if ctx.patched('my-change'): new code, else: old code``; when no run needs the old code any
        more, replace the question by ``ctx.deprecate_patch('my-change')``.
        """
        return self._patch(patch_id, caller(), deprecated=False)

    def deprecate_patch(self, patch_id: str) -> None:
        """Says that no run needs the code from before ``patch_id`` any more."""
        self._patch(patch_id, caller(), deprecated=True)

    def _patch(self, patch_id: str, where: Any, *, deprecated: bool) -> bool:
        run = self._run
        if not run.alive:
            raise Evicted
        checked_name(patch_id, "patch")
        known = None if run.patches is None else run.patches.get(patch_id)
        if known is not None:
            return known
        if run.read_only is not None:
            return not run.replaying
        lookahead = run.lookahead
        use = lookahead is None or (lookahead.patches is not None and patch_id in lookahead.patches)
        if use:
            MarkerMachine(run, patch_command(run, patch_id, deprecated), where)
        if run.patches is None:
            run.patches = {}
        run.patches[patch_id] = use
        return use


def _timeout(value: DurationLike | None, name: str) -> int | None:
    return None if value is None else parse_duration(value, name=name, allow_zero=False)


def _retry_record(retry: Any) -> RetryPolicyRecord | None:
    if retry is None:
        return None
    if not isinstance(retry, RetryPolicy):
        raise InvalidArgumentError(f"retry must be a RetryPolicy, not {retry!r}")
    return retry.to_record()


def _search_attributes(run: WorkflowRun, values: Mapping[str, Any]) -> SearchAttributes:
    from ..history import SearchAttributes

    if not isinstance(values, Mapping) or not values:
        raise InvalidArgumentError(f"search attributes are a mapping of names to values, not {values!r}")
    kept = encode_search_attributes({name: value for name, value in values.items() if value is not None})
    fields = dict(kept.indexed_fields) if kept is not None else {}
    removed = run.converter.to_payload(None)
    fields.update(
        {checked_name(name, "search attribute"): removed for name in values if values[name] is None}
    )
    return SearchAttributes(indexed_fields=fields)


def _checked_handler(handler: Any) -> Callable[..., Any]:
    if not callable(handler):
        raise InvalidArgumentError(f"expected a function, not {handler!r}")
    found: Callable[..., Any] = handler
    return found


def _workflow_type(workflow: Any) -> str:
    if isinstance(workflow, WorkflowDefinition):
        return workflow.name
    if isinstance(workflow, str) and workflow:
        return workflow
    raise InvalidArgumentError(
        f"expected a workflow (decorated with @temporal.workflow) or the name of one, not {workflow!r}"
    )


def _function(workflow: WorkflowDefinition | str) -> Callable[..., Any] | None:
    return workflow.fn if isinstance(workflow, WorkflowDefinition) else None


def _given(positional: tuple[Any, ...], args: Sequence[Any]) -> Sequence[Any]:
    if isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
        raise InvalidArgumentError(f"args is a list of arguments, not {args!r}; write args=[...]")
    if positional and args:
        raise InvalidArgumentError("give a child's arguments either one by one or as args=[...], not both")
    return positional or args
