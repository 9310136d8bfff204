"""Runs the attempts of local activities on the executor's own loop, between turns of the workflow.

Invariants: an attempt runs outside the workflow's loop and guard; what it returns or raises becomes a
LocalOutcome and nothing else; the retry rules are those of ordinary activities. A pause that would outlast
the workflow task becomes the outcome (``backoff_ns``), and a durable timer waits instead. Reads time from the
running loop only. Imports no actor.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..durations import SECOND
from ..policies import backoff_ns
from .machines.local_activity import LocalOutcome

if TYPE_CHECKING:
    from ..history import Failure
    from .machines.local_activity import LocalActivityMachine


def settled(machine: LocalActivityMachine) -> LocalOutcome | None:
    """The outcome of a local activity that needs no waiting at all: its thunk just returned a value."""
    if machine.first is None or machine.first[0] != "value":
        return None
    value, machine.first = machine.first[1], None
    return _result(machine, value, machine.first_attempt)


async def run_attempts(machine: LocalActivityMachine, deadline: float) -> LocalOutcome:
    """Run attempts until one succeeds, none may follow, or the next would come after ``deadline`` (loop
    time).
    """
    loop = asyncio.get_running_loop()
    attempt = machine.first_attempt
    started = loop.time()
    while True:
        try:
            value = await _attempt(machine)
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            from ..failures import failure_from_exception

            failure = failure_from_exception(_ordinary(error), machine.run.converter)
        else:
            return _result(machine, value, attempt)
        pause_ns = _next_pause(machine, failure, attempt, int((loop.time() - started) * SECOND))
        if pause_ns is None:
            return LocalOutcome(failure=failure, attempt=attempt)
        if loop.time() + pause_ns / SECOND > deadline:
            return LocalOutcome(failure=failure, attempt=attempt, backoff_ns=pause_ns)
        await _pause(loop, pause_ns)
        attempt += 1


async def _attempt(machine: LocalActivityMachine) -> Any:
    first, machine.first = machine.first, None
    if first is None:
        first = ("value", machine.call())
        if asyncio.iscoroutine(first[1]):
            first = ("coroutine", first[1])
    kind, value = first
    if kind == "error":
        raise value
    if kind == "value":
        return value
    timeout_ns = machine.start_to_close_timeout_ns
    if timeout_ns is None:
        return await value
    try:
        return await asyncio.wait_for(value, timeout_ns / SECOND)
    except TimeoutError as error:
        from ..failures import TimeoutError as TimeoutFailure
        from ..failures import TimeoutType

        raise TimeoutFailure("Local activity timed out", timeout_type=TimeoutType.START_TO_CLOSE) from error


def _ordinary(error: BaseException) -> BaseException:
    """A CancelledError that nobody asked for is a failure like any other."""
    if not isinstance(error, asyncio.CancelledError):
        return error
    from ..failures import ApplicationError

    return ApplicationError(str(error) or "raised asyncio.CancelledError by itself", type="CancelledError")


def _result(machine: LocalActivityMachine, value: Any, attempt: int) -> LocalOutcome:
    from ..errors import InvalidArgumentError

    try:
        payload = machine.run.converter.to_payload(
            value, where=f"the result of local activity {machine.step!r}"
        )
    except InvalidArgumentError as error:
        from ..failures import ApplicationError, failure_from_exception

        problem = ApplicationError(str(error), type="InvalidArgumentError", non_retryable=True)
        return LocalOutcome(failure=failure_from_exception(problem, machine.run.converter), attempt=attempt)
    return LocalOutcome(result=payload, attempt=attempt)


def _next_pause(machine: LocalActivityMachine, failure: Failure, attempt: int, elapsed_ns: int) -> int | None:
    """The pause before the next attempt; None when there is none."""
    policy = machine.retry_policy
    if policy.maximum_attempts and attempt >= policy.maximum_attempts:
        return None
    application = failure.application_failure_info
    pause_ns = backoff_ns(policy, attempt)
    if application is not None:
        if application.non_retryable or application.type in policy.non_retryable_error_types:
            return None
        if application.next_retry_delay is not None:
            pause_ns = application.next_retry_delay
    elif failure.canceled_failure_info is not None:
        return None
    limit_ns = machine.schedule_to_close_timeout_ns
    if limit_ns is not None and elapsed_ns + pause_ns >= limit_ns:
        return None
    return pause_ns


async def _pause(loop: asyncio.AbstractEventLoop, pause_ns: int) -> None:
    wake = loop.create_future()
    handle = loop.call_later(pause_ns / SECOND, _set, wake)
    try:
        await wake
    finally:
        handle.cancel()


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
