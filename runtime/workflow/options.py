"""What the methods of the context take, checked.

Owns the options of activities and children as types (their keyword arguments), and the checks that turn
arguments into records. Raises InvalidArgumentError naming the value and what is accepted; durations become
nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from ..commands import StartChildWorkflow
from ..definitions import WorkflowDefinition, check_arguments
from ..durations import DurationLike, parse_duration
from ..errors import InvalidArgumentError
from ..policies import CancellationType, IdReusePolicy, ParentClosePolicy, RetryPolicy, choose
from ..search_attributes import encode_search_attributes
from ..texts import checked_text

if TYPE_CHECKING:
    from ..history import Memo, RetryPolicyRecord
    from .instance import WorkflowRun


class ActivityCallOptions(TypedDict, total=False):
    """The options of ``ctx.activity``.

    ``retry``: by default 1 s, doubled up to 100 s, without end. Timeouts: of one attempt (start to close), of
    all attempts (schedule to close), of waiting for a worker (schedule to start), between heartbeats.
    ``task_queue``: by default the workflow's. ``cancellation_type``: what a cancelled await means for the
    activity (try_cancel).
    """

    retry: RetryPolicy | None
    start_to_close_timeout: DurationLike | None
    schedule_to_close_timeout: DurationLike | None
    schedule_to_start_timeout: DurationLike | None
    heartbeat_timeout: DurationLike | None
    task_queue: str | None
    cancellation_type: CancellationType | str


class ChildOptions(TypedDict, total=False):
    """The options of ``ctx.execute_child`` and ``ctx.start_child``.

    ``task_queue``: by default this workflow's. ``cancellation_type``: when a cancelled await raises
    (wait_cancellation_completed). ``parent_close_policy``: what becomes of the child when this run closes
    first (terminate). ``id_reuse_policy``: may the id of a closed workflow be used again (allow_duplicate).
    """

    workflow_id: str | None
    args: Sequence[Any]
    task_queue: str | None
    parent_close_policy: ParentClosePolicy | str
    id_reuse_policy: IdReusePolicy | str
    cancellation_type: CancellationType | str
    retry: RetryPolicy | None
    execution_timeout: DurationLike | None
    run_timeout: DurationLike | None
    memo: Mapping[str, Any] | None
    search_attributes: Mapping[str, Any] | None


def refuse_unknown(given: Mapping[str, Any], accepted: type[Any], call: str) -> None:
    """Raise for a keyword that is none of the options of ``call``."""
    known = accepted.__annotations__
    for name in given:
        if name not in known:
            raise InvalidArgumentError(f"{call} has no option {name!r}; it takes: {', '.join(known)}")


def checked_name(name: Any, what: str) -> str:
    """``name`` if it is a text that names something."""
    return checked_text(name, f"the name of {'an' if what[0] in 'aeiou' else 'a'} {what}")


def checked_function(function: Any) -> Callable[..., Any]:
    """``function`` if it can be called."""
    if not callable(function):
        raise InvalidArgumentError(f"expected a function, not {function!r}")
    found: Callable[..., Any] = function
    return found


def checked_plain_function(function: Any, what: str) -> Callable[..., Any]:
    """``function`` if it can be called and is not async: its answer is needed at once."""
    code = getattr(checked_function(function), "__code__", None)
    if code is not None and code.co_flags & 0x80:
        raise InvalidArgumentError(f"{what} must not be async: it waits for nothing")
    found: Callable[..., Any] = function
    return found


def timeout_ns(value: DurationLike | None, name: str) -> int | None:
    """A timeout; none is shorter than a millisecond."""
    return None if value is None else parse_duration(value, name=name, allow_zero=False)


def retry_record(retry: Any) -> RetryPolicyRecord | None:
    """A retry policy as history records it."""
    if retry is None:
        return None
    if not isinstance(retry, RetryPolicy):
        raise InvalidArgumentError(f"retry must be a RetryPolicy, not {retry!r}")
    return retry.to_record()


def workflow_type_of(workflow: Any) -> str:
    """The type name of a workflow given as definition or by name."""
    if isinstance(workflow, WorkflowDefinition):
        return workflow.name
    if isinstance(workflow, str) and workflow:
        return workflow
    raise InvalidArgumentError(
        f"expected a workflow (decorated with @temporal.workflow) or the name of one, not {workflow!r}"
    )


def memo_record(run: WorkflowRun, values: Any) -> Memo:
    """A memo as history records it."""
    from ..history import Memo

    if not isinstance(values, Mapping):
        raise InvalidArgumentError(f"a memo is a mapping of names to values, not {values!r}")
    to_payload = run.converter.to_payload
    return Memo(
        fields={
            checked_name(key, "memo value"): to_payload(value, where=f"memo {key!r}")
            for key, value in values.items()
        }
    )


def child_command(
    run: WorkflowRun, workflow: Any, positional: tuple[Any, ...], **options: Any
) -> tuple[StartChildWorkflow, CancellationType]:
    """The command that starts a child, and what cancelling an await of it means. Takes the child's number."""
    run.check_writable("a child workflow")
    refuse_unknown(options, ChildOptions, "a child workflow")
    get = options.get
    workflow_type = workflow_type_of(workflow)
    workflow_id, task_queue, memo = get("workflow_id"), get("task_queue"), get("memo")
    if workflow_id is not None:
        checked_name(workflow_id, "child workflow (its id)")
    if task_queue is not None:
        checked_name(task_queue, "task queue")
    parent_close = choose(
        ParentClosePolicy, get("parent_close_policy", ParentClosePolicy.TERMINATE), "parent_close_policy"
    )
    id_reuse = choose(IdReusePolicy, get("id_reuse_policy", IdReusePolicy.ALLOW_DUPLICATE), "id_reuse_policy")
    how = choose(
        CancellationType,
        get("cancellation_type", CancellationType.WAIT_CANCELLATION_COMPLETED),
        "cancellation_type",
    )
    arguments = _given(positional, get("args", ()))
    if isinstance(workflow, WorkflowDefinition):
        check_arguments(workflow, arguments)
    number = run.child_count + 1
    command = StartChildWorkflow(
        workflow_id=workflow_id or f"{run.workflow_id}/{workflow_type}-{number}",
        workflow_type=workflow_type,
        task_queue=task_queue or run.task_queue,
        input=run.converter.to_payloads(arguments),
        execution_timeout_ns=timeout_ns(get("execution_timeout"), "execution_timeout"),
        run_timeout_ns=timeout_ns(get("run_timeout"), "run_timeout"),
        parent_close_policy=parent_close.value,
        id_reuse_policy=id_reuse.value,
        retry_policy=retry_record(get("retry")),
        memo=None if memo is None else memo_record(run, memo),
        search_attributes=encode_search_attributes(get("search_attributes")),
    )
    run.child_count = number
    return command, how


def _given(positional: tuple[Any, ...], args: Any) -> Sequence[Any]:
    if isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
        raise InvalidArgumentError(f"args is a list of arguments, not {args!r}; write args=[...]")
    if positional and args:
        raise InvalidArgumentError("give a child's arguments either one by one or as args=[...], not both")
    return positional or args
