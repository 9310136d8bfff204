"""What an error that ended a run means: the kind of the violation, in whose code, at which steps.

Owns the table from errors to kinds:

    assertion in the workload                                  safety
    a workflow task failed: the code differs from its history  nondeterminism
    a workflow task failed: anything else                      safety
    an object or consumer raised (a bug in the engine)         safety
    an outcome that stays unknown although nothing fails       liveness
    what the engine answered and the workload did not expect   safety
    nothing is left that could happen, or it goes in circles   liveness
    a property that became false / was never true              as the property says
    anything else                                              harness
"""

from __future__ import annotations

from ..runtime.errors import (
    HostError,
    InvalidArgumentError,
    NondeterminismError,
    TemporalError,
    WorkflowTaskFailedError,
)
from .circles import WINDOW, describe_loop
from .errors import ActorCrashed, BudgetExceeded, SimulationDeadlock, SimulationError
from .loop import is_ours
from .properties import PropertyViolated
from .scenario import Kind, Violation
from .trace import Trace

WORKLOAD = "workload"


def violation_of(error: BaseException, trace: Trace) -> Violation:
    """``error`` ended the run."""
    last = len(trace) - 1
    location = location_of(error)
    if isinstance(error, PropertyViolated):
        return Violation(
            checker=error.name, kind=error.kind, message=str(error), steps=(last,), location=location
        )
    if isinstance(error, AssertionError):
        return Violation(
            checker=WORKLOAD,
            kind=Kind.SAFETY,
            message=_text(error, "an assertion failed"),
            steps=(last,),
            location=location,
        )
    if isinstance(error, WorkflowTaskFailedError):
        kind = Kind.NONDETERMINISM if _is_nondeterminism(error) else Kind.SAFETY
        where = f"{error.file}:{error.line}" if error.file else location_of(error.__cause__) or location
        return Violation(
            checker="workflow-task", kind=kind, message=_text(error), steps=(last,), location=where
        )
    if isinstance(error, BudgetExceeded):
        numbers = tuple(error.fields.get("steps", ()))
        text = str(error)
        if "steps" not in error.fields:
            tail = trace.tail(WINDOW)
            circle, numbers = describe_loop(tail, len(trace) - len(tail))
            text = f"{text}\n{circle}"
        return Violation(checker="budget", kind=Kind.LIVENESS, message=text, steps=numbers, location=location)
    if isinstance(error, SimulationDeadlock):
        return Violation(
            checker="deadlock", kind=Kind.LIVENESS, message=str(error), steps=(last,), location=location
        )
    if isinstance(error, ActorCrashed):
        return Violation(
            checker="engine", kind=Kind.SAFETY, message=str(error), steps=(last,), location=_raised_at(error)
        )
    if isinstance(error, HostError):
        return Violation(
            checker="unanswered", kind=Kind.LIVENESS, message=_text(error), steps=(last,), location=location
        )
    if isinstance(error, TemporalError) and not isinstance(error, SimulationError | InvalidArgumentError):
        return Violation(
            checker=WORKLOAD, kind=Kind.SAFETY, message=_text(error), steps=(last,), location=location
        )
    return Violation(
        checker="harness", kind=Kind.HARNESS, message=_text(error), steps=(last,), location=location
    )


def _is_nondeterminism(error: WorkflowTaskFailedError) -> bool:
    cause: BaseException | None = error.__cause__
    while cause is not None:
        if isinstance(cause, NondeterminismError):
            return True
        cause = cause.__cause__
    return isinstance(error.cause, str) and "ondeterminis" in error.cause


def _text(error: BaseException, empty: str = "") -> str:
    text = str(error).strip() or empty
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def location_of(error: BaseException | None) -> str:
    """``file:line`` of the innermost frame of the user's code that ``error`` went through, or ""."""
    found = ""
    traceback = None if error is None else error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not is_ours(file):
            found = f"{file}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found


def _raised_at(error: BaseException) -> str:
    """Where the engine raised what ended an object."""
    cause = error.__cause__ or error
    found = ""
    traceback = cause.__traceback__
    while traceback is not None:
        found = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found
