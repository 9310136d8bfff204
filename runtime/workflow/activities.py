"""What ``ctx.activity`` does: dispatch to a worker, or run as a local activity.

Owns the decision which of the two a thunk is. A thunk is called with activities in capture mode, once and
outside the determinism guard; a captured call is dispatched, anything else makes it a local activity. If the
history holds the marker of this call, the thunk is not called at all. Errors that the thunk's own body raises
for being wrong (names, attributes, types) are bugs of the workflow and fail its task; other errors are a
failed attempt.

A cancelled ``await`` raises asyncio.CancelledError (never ActivityError), so that ``asyncio.timeout``, task
groups and ``wait_for`` work as everywhere. Durations are nanoseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..commands import ScheduleActivity
from ..definitions import ActivityDefinition, CapturedCall, capturing
from ..errors import ControlSignal, InvalidArgumentError
from ..guard_frames import ENGINE, kind_of
from ..history.activity import ActivityTaskCanceled, ActivityTaskCompleted
from ..policies import CancellationType, RetryPolicy, choose
from .machines.activity import ActivityMachine
from .machines.local_activity import LocalActivityMachine
from .options import ActivityCallOptions, checked_name, refuse_unknown, retry_record, timeout_ns
from .timers import sleep_for

if TYPE_CHECKING:
    from ..history import Failure, Payload, RetryPolicyRecord
    from .instance import WorkflowRun
    from .location import Location

_OWN_BUGS = (NameError, AttributeError, TypeError, InvalidArgumentError)


class ActivityOptions:
    """The checked options of one call."""

    __slots__ = (
        "cancellation_type",
        "heartbeat_timeout_ns",
        "retry_policy",
        "schedule_to_close_timeout_ns",
        "schedule_to_start_timeout_ns",
        "start_to_close_timeout_ns",
        "task_queue",
    )

    def __init__(
        self,
        retry_policy: RetryPolicyRecord,
        cancellation_type: CancellationType = CancellationType.TRY_CANCEL,
        start_to_close_timeout_ns: int | None = None,
        schedule_to_close_timeout_ns: int | None = None,
        schedule_to_start_timeout_ns: int | None = None,
        heartbeat_timeout_ns: int | None = None,
        task_queue: str | None = None,
    ) -> None:
        self.retry_policy = retry_policy
        self.cancellation_type = cancellation_type
        self.start_to_close_timeout_ns = start_to_close_timeout_ns
        self.schedule_to_close_timeout_ns = schedule_to_close_timeout_ns
        self.schedule_to_start_timeout_ns = schedule_to_start_timeout_ns
        self.heartbeat_timeout_ns = heartbeat_timeout_ns
        self.task_queue = task_queue


_default: ActivityOptions | None = None


def default_options() -> ActivityOptions:
    """The options of a call that gives none: Temporal's default retry policy, no timeouts."""
    global _default
    if _default is None:
        _default = ActivityOptions(RetryPolicy().to_record())
    return _default


def checked_options(given: ActivityCallOptions) -> ActivityOptions:
    """The options of a call that gives some. Raises InvalidArgumentError."""
    refuse_unknown(given, ActivityCallOptions, "ctx.activity")
    get: Callable[..., Any] = given.get
    task_queue = get("task_queue")
    return ActivityOptions(
        retry_record(get("retry")) or default_options().retry_policy,
        choose(CancellationType, get("cancellation_type", CancellationType.TRY_CANCEL), "cancellation_type"),
        timeout_ns(get("start_to_close_timeout"), "start_to_close_timeout"),
        timeout_ns(get("schedule_to_close_timeout"), "schedule_to_close_timeout"),
        timeout_ns(get("schedule_to_start_timeout"), "schedule_to_start_timeout"),
        timeout_ns(get("heartbeat_timeout"), "heartbeat_timeout"),
        None if task_queue is None else checked_name(task_queue, "task queue"),
    )


# --- activities on a worker -------------------------------------------------------------------------------


async def run_remote(
    run: WorkflowRun,
    step: str,
    activity_type: str,
    function: Callable[..., Any] | None,
    payloads: tuple[Payload, ...],
    options: ActivityOptions,
    where: Location,
    number: int = 0,
) -> Any:
    """Schedule an activity and await its result. ``number``: its id if one was taken already."""
    if not number:
        run.activity_count = number = run.activity_count + 1
    command = ScheduleActivity(
        activity_id=str(number),
        activity_type=activity_type,
        task_queue=options.task_queue or run.task_queue,
        input=payloads,
        schedule_to_close_timeout_ns=options.schedule_to_close_timeout_ns,
        schedule_to_start_timeout_ns=options.schedule_to_start_timeout_ns,
        start_to_close_timeout_ns=options.start_to_close_timeout_ns,
        heartbeat_timeout_ns=options.heartbeat_timeout_ns,
        retry_policy=options.retry_policy,
        summary=step,
    )
    machine = ActivityMachine(run, command, where)
    try:
        attributes = await machine.future
    except asyncio.CancelledError:
        attributes = await _cancelled(run, machine, options.cancellation_type)
    if type(attributes) is ActivityTaskCompleted:
        result = attributes.result
        if not result:
            return None
        hint = Any
        if function is not None:
            from ..type_hints import hints_of

            hint = hints_of(function)[1]
        return run.converter.from_payload(result[0], hint, where=f"the result of activity {activity_type!r}")
    raise _activity_error(run, command, attributes)


async def _cancelled(run: WorkflowRun, machine: ActivityMachine, how: CancellationType) -> Any:
    """The awaiting task was cancelled: tell the activity, and wait for its end if that was asked for."""
    if how is CancellationType.ABANDON:
        machine.abandon()
        raise asyncio.CancelledError
    machine.cancel()
    if how is CancellationType.TRY_CANCEL or machine.state in ("dropped", "resolved"):
        raise asyncio.CancelledError
    attributes = await _outlast(run, machine)
    if type(attributes) is ActivityTaskCanceled:
        raise asyncio.CancelledError
    return attributes


async def _outlast(run: WorkflowRun, machine: Any) -> Any:
    while True:
        machine.future = run.loop.create_future()
        try:
            return await machine.future
        except asyncio.CancelledError:
            if machine.state == "resolved":
                raise


def _activity_error(run: WorkflowRun, command: ScheduleActivity, attributes: Any) -> BaseException:
    from ..failures import ActivityError, CancelledError, RetryState, exception_from_failure

    if type(attributes) is ActivityTaskCanceled:
        details = run.converter.from_payloads(attributes.details)
        cause: BaseException | None = CancelledError("Activity cancelled", *details)
        retry_state = ""
    else:
        failure = attributes.failure
        cause = exception_from_failure(failure, run.converter) if failure is not None else None
        retry_state = attributes.retry_state
    error = ActivityError(
        f"activity {command.activity_type!r} failed: {cause}",
        scheduled_event_id=attributes.scheduled_event_id,
        started_event_id=attributes.started_event_id,
        identity=getattr(attributes, "identity", ""),
        activity_type=command.activity_type,
        activity_id=command.activity_id,
        retry_state=RetryState(retry_state) if retry_state else None,
    )
    error.__cause__ = cause
    return error


# --- thunks -----------------------------------------------------------------------------------------------


async def run_thunk(
    run: WorkflowRun,
    step: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    options: ActivityOptions,
    where: Location,
) -> Any:
    """Find out what the thunk is, and dispatch it or run it here."""
    run.check_writable("activity")
    run.activity_count = number = run.activity_count + 1
    first: tuple[str, Any] | None = None
    if run.local_numbers is None or number not in run.local_numbers:
        first = capture(run, function, args)
        if first[0] == "captured":
            call: CapturedCall = first[1]
            payloads = payloads_for(run, call.activity, call.args)
            return await run_remote(
                run, step, call.activity.name, call.activity.fn, payloads, options, where, number
            )
    try:
        _refuse_remote_options(step, options)
    except InvalidArgumentError:
        if first is not None and first[0] == "coroutine":
            first[1].close()
        raise
    name = getattr(function, "__name__", "<lambda>")
    return await _run_local(
        run,
        step,
        step if name == "<lambda>" else name,
        lambda: function(*args),
        function,
        first,
        options,
        where,
        number,
    )


def _refuse_remote_options(step: str, options: ActivityOptions) -> None:
    """A local activity has no queue to wait in and no heartbeats: asking for them is a misunderstanding."""
    for value, name in (
        (options.heartbeat_timeout_ns, "heartbeat_timeout"),
        (options.schedule_to_start_timeout_ns, "schedule_to_start_timeout"),
        (options.task_queue, "task_queue"),
    ):
        if value is not None:
            raise InvalidArgumentError(
                f"ctx.activity({step!r}, ...) has the option {name}, which only activities on a task queue "
                "have; this function runs as a local activity, because it is not defined as an activity: "
                "decorate it with @temporal.activity"
            )


def capture(run: WorkflowRun, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[str, Any]:
    """Call a thunk in capture mode: ("captured", call), ("coroutine", it), ("value", it) or ("error", it)."""
    token = capturing.set(True)
    run.guard.__exit__(None, None, None)
    try:
        value = function(*args)
    except ControlSignal:
        raise
    except Exception as error:
        if isinstance(error, _OWN_BUGS) and _raised_by_thunk_itself(error):
            raise
        return "error", error
    finally:
        run.guard.__enter__()
        capturing.reset(token)
    if type(value) is CapturedCall:
        return "captured", value
    if asyncio.iscoroutine(value):
        code = getattr(value, "cr_code", None)
        if code is not None and kind_of(code.co_filename) is ENGINE:
            value.close()
            raise InvalidArgumentError(
                "the thunk given to ctx.activity calls the workflow's context; await that directly, "
                "and give ctx.activity a call of an activity or a function of your own"
            )
        return "coroutine", value
    return "value", value


def _raised_by_thunk_itself(error: BaseException) -> bool:
    """Did the error come from the thunk's own body and not from something it called?"""
    traceback = error.__traceback__
    depth = 0
    while traceback is not None:
        if kind_of(traceback.tb_frame.f_code.co_filename) is not ENGINE:
            depth += 1
        traceback = traceback.tb_next
    return depth <= 1


def payloads_for(
    run: WorkflowRun, activity: ActivityDefinition[Any, Any], args: tuple[Any, ...]
) -> tuple[Payload, ...]:
    """The encoded arguments of a call; raises InvalidArgumentError when their number can't be right."""
    code = getattr(activity.fn, "__code__", None)
    if code is not None:
        most = code.co_argcount - (getattr(activity.fn, "__self__", None) is not None)
        least = most - len(activity.fn.__defaults__ or ())
        if len(args) < least or (len(args) > most and not code.co_flags & 0x04):
            takes = str(most) if least == most else f"{least} to {most}"
            names = ", ".join(code.co_varnames[code.co_argcount - most : code.co_argcount])
            raise InvalidArgumentError(
                f"activity {activity.name!r} takes {takes} argument{'' if takes == '1' else 's'}, "
                f"not {len(args)}: ({names})"
            )
    return run.converter.to_payloads(args) if args else ()


# --- local activities -------------------------------------------------------------------------------------


async def _run_local(
    run: WorkflowRun,
    step: str,
    activity_type: str,
    call: Callable[[], Any],
    function: Callable[..., Any],
    first: tuple[str, Any] | None,
    options: ActivityOptions,
    where: Location,
    number: int,
) -> Any:
    attempt = 1
    scheduled_ns = 0
    while True:
        machine = LocalActivityMachine(
            run,
            number,
            step,
            activity_type,
            call,
            where,
            retry_policy=options.retry_policy,
            start_to_close_timeout_ns=options.start_to_close_timeout_ns,
            schedule_to_close_timeout_ns=options.schedule_to_close_timeout_ns,
            first_attempt=attempt,
            scheduled_ns=scheduled_ns,
        )
        machine.first, first = first, None
        run.add_local(machine)
        try:
            outcome = await machine.future
        except BaseException:
            machine.cancel()
            raise
        if outcome.backoff_ns is None:
            break
        # Too long to wait within a workflow task: a durable timer carries the attempt.
        attempt = outcome.attempt + 1
        scheduled_ns = machine.scheduled_ns
        await sleep_for(run, outcome.backoff_ns, step, where)
        run.activity_count = number = run.activity_count + 1
    if outcome.failure is not None:
        raise _local_error(run, machine, outcome.failure)
    if outcome.result is None:
        return None
    from ..type_hints import hints_of

    return run.converter.from_payload(
        outcome.result, hints_of(function)[1], where=f"the result of local activity {step!r}"
    )


def _local_error(run: WorkflowRun, machine: LocalActivityMachine, failure: Failure) -> BaseException:
    from ..failures import ActivityError, exception_from_failure

    cause = exception_from_failure(failure, run.converter)
    error = ActivityError(
        f"local activity {machine.step!r} failed: {cause}",
        activity_type=machine.activity_type,
        activity_id=str(machine.number),
    )
    error.__cause__ = cause
    return error
