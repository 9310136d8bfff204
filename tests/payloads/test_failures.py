"""Failures: what crosses a boundary keeps its kind, its text and its causes, the same on every machine."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.errors import NonDeterministicCallError, TemporalError, WorkflowAlreadyStartedError
from temporal_do.runtime.failures import (
    ActivityError,
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    FailureError,
    RetryState,
    ServerError,
    TerminatedError,
    TimeoutError,
    TimeoutType,
    exception_from_failure,
    failure_from_exception,
    is_cancellation,
)
from temporal_do.runtime.history import ActivityTaskFailed, Failure, HistoryEvent, read_event, write_event
from temporal_do.runtime.records import decode, encode


class OutOfStock(ApplicationError):
    pass


class Unshowable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def round_trip(error: BaseException) -> FailureError:
    """Through the record, its bytes, and Temporal's JSON."""
    failure = failure_from_exception(error)
    assert decode(encode(failure)) == failure
    event = HistoryEvent(
        event_type="EVENT_TYPE_ACTIVITY_TASK_FAILED", attributes=ActivityTaskFailed(failure=failure)
    )
    assert read_event(write_event(event)) == event
    return exception_from_failure(failure)


FAILURES: list[FailureError] = [
    ApplicationError("no", 1, {"a": [None]}, type="Refused", non_retryable=True, next_retry_delay="5s"),
    ApplicationError("plain"),
    ActivityError(
        "Activity task failed",
        scheduled_event_id=5,
        started_event_id=6,
        identity="w",
        activity_type="charge",
        activity_id="1",
        retry_state=RetryState.MAXIMUM_ATTEMPTS_REACHED,
    ),
    ChildWorkflowError(
        namespace="n",
        workflow_id="w",
        run_id="r",
        workflow_type="t",
        initiated_event_id=3,
        started_event_id=4,
        retry_state=RetryState.TIMEOUT,
    ),
    CancelledError("stop", "why"),
    TerminatedError("killed"),
    TimeoutError("late", timeout_type=TimeoutType.HEARTBEAT, last_heartbeat_details=("at", 7)),
    ServerError("broken", non_retryable=True),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_every_kind_of_failure_comes_back_as_it_was(error: FailureError) -> None:
    back = round_trip(error)
    assert type(back) is type(error)

    def facts(failure: FailureError) -> dict[str, Any]:
        return {key: value for key, value in vars(failure).items() if key not in ("failure", "fields")}

    assert facts(back) == facts(error)


def test_an_ordinary_exception_becomes_an_application_error_of_its_class_name() -> None:
    back = round_trip(raised(ValueError("bad value")))
    assert isinstance(back, ApplicationError)
    assert (back.message, back.type, back.non_retryable, back.details) == (
        "bad value",
        "ValueError",
        False,
        (),
    )


def test_a_subclass_of_application_error_is_known_by_its_name() -> None:
    back = round_trip(OutOfStock("none left", "sku-1"))
    assert isinstance(back, ApplicationError)
    assert (back.type, back.details) == ("OutOfStock", ("sku-1",))


def test_causes_cross_with_their_error() -> None:
    inner = raised(KeyError("x"))
    middle = raised(ApplicationError("middle", type="M"), inner)
    outer = raised(ChildWorkflowError(workflow_id="w"), raised(ActivityError(activity_type="a"), middle))
    back = round_trip(outer)
    kinds = []
    error: BaseException | None = back
    while error is not None:
        kinds.append((type(error).__name__, getattr(error, "type", "")))
        error = error.__cause__
    assert kinds == [
        ("ChildWorkflowError", ""),
        ("ActivityError", ""),
        ("ApplicationError", "M"),
        ("ApplicationError", "KeyError"),
    ]


def test_the_context_counts_as_cause_unless_it_is_suppressed() -> None:
    def fail(suppress: bool) -> BaseException:
        try:
            try:
                raise KeyError("first")
            except KeyError:
                if suppress:
                    raise ValueError("second") from None
                raise ValueError("second")  # noqa: B904
        except ValueError as error:
            return error

    assert failure_from_exception(fail(suppress=False)).cause is not None
    assert failure_from_exception(fail(suppress=True)).cause is None


def test_a_failure_that_only_passes_through_is_not_changed() -> None:
    failure = failure_from_exception(raised(ValueError("x"), KeyError("y")))
    error = raised(exception_from_failure(failure))
    assert failure_from_exception(error) is failure
    wrapped = failure_from_exception(raised(ActivityError(activity_type="a"), error))
    assert wrapped.cause is failure


def test_a_failure_raised_again_from_another_cause_is_recorded_anew() -> None:
    error = exception_from_failure(failure_from_exception(ApplicationError("x", type="T")))
    again = failure_from_exception(raised(error, KeyError("new")))
    assert again.cause is not None
    assert again.cause.message == "'new'"
    assert again.application_failure_info is not None
    assert again.application_failure_info.type == "T"


def test_causes_in_a_circle_end() -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    failure = failure_from_exception(first)
    assert failure.cause is not None
    assert failure.cause.cause is None


def test_the_first_of_a_group_is_its_cause() -> None:
    failure = failure_from_exception(ExceptionGroup("both", [KeyError("a"), ValueError("b")]))
    assert failure.application_failure_info is not None
    assert failure.application_failure_info.type == "ExceptionGroup"
    assert failure.cause is not None
    assert failure.cause.message == "'a'"


def test_details_that_cannot_be_encoded_do_not_hide_the_error() -> None:
    back = round_trip(ApplicationError("real problem", {1, 2}))
    assert isinstance(back, ApplicationError)
    assert back.message == "real problem"
    assert "details[0] is a set" in back.details[0]


def test_an_exception_that_cannot_be_shown_is_recorded_still() -> None:
    assert failure_from_exception(Unshowable()).message == "(Unshowable that cannot be shown)"


def test_no_address_and_no_absolute_path_is_recorded() -> None:
    failure = failure_from_exception(raised(ValueError(f"bad {object()}")))
    assert failure.message == "bad <object object at 0x...>"
    assert __file__ not in failure.stack_trace
    assert '/test_failures.py", line ' in failure.stack_trace
    assert not failure.stack_trace.lstrip().startswith('File "/')
    assert "in raised" in failure.stack_trace


def test_the_stack_is_left_out_on_request() -> None:
    assert failure_from_exception(raised(ValueError("x")), with_stack=False).stack_trace == ""


@pytest.mark.parametrize("error", [asyncio.CancelledError(), CancelledError()])
def test_both_forms_of_cancellation_are_one_record(error: BaseException) -> None:
    back = round_trip(error)
    assert isinstance(back, CancelledError)
    assert back.message == "Cancelled"
    assert is_cancellation(error)
    assert is_cancellation(raised(ActivityError(), error))
    assert not is_cancellation(raised(ApplicationError("x"), error))


def test_a_failure_of_no_known_kind_is_a_plain_failure_error() -> None:
    error = exception_from_failure(Failure(message="x", nexus_handler_failure_info={"type": "t"}))
    assert type(error) is FailureError
    assert error.failure is not None


def test_a_retry_state_of_the_future_is_none() -> None:
    failure = failure_from_exception(ActivityError())
    assert failure.activity_failure_info is not None
    text = write_event(HistoryEvent(attributes=ActivityTaskFailed(failure=failure)))
    text["activityTaskFailedEventAttributes"]["failure"]["activityFailureInfo"]["retryState"] = (
        "RETRY_STATE_NEW"
    )
    back = exception_from_failure(read_event(text).attributes.failure)
    assert isinstance(back, ActivityError)
    assert back.retry_state is None


@given(st.lists(st.text(max_size=10), min_size=1, max_size=6))
def test_a_chain_of_any_length_keeps_its_messages(messages: list[str]) -> None:
    error: BaseException | None = None
    for message in messages:
        error = raised(ValueError(message), error)
    assert error is not None
    back: BaseException | None = round_trip(error)
    found = []
    while back is not None:
        found.append(str(back))
        back = back.__cause__
    assert found == messages[::-1]


@pytest.mark.parametrize(
    "error",
    [
        *FAILURES,
        WorkflowAlreadyStartedError("w", "r"),
        NonDeterministicCallError(call="time.time()", replacement="ctx.now()", file="a.py", line=3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_can_be_pickled(error: TemporalError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert vars(back) == vars(error)
    assert str(back) == str(error)
