"""Changed code against an old history: what is found, where, why, and what to paste.

Each case is a change of the same little order workflow. The line to blame carries the comment ``# here``.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from temporal_do.runtime.definitions import WorkflowDefinition, define_workflow
from temporal_do.runtime.errors import NondeterminismError
from temporal_do.runtime.workflow.replay import ReplayResult, replay_history
from temporal_do.runtime.workflow.report import as_json, render_error
from temporal_do.runtime.workflow.strictness import PRODUCTION

from .activities import charge, validate
from .history_builder import HistoryBuilder, NullGuard, WorkflowTester


async def order(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait-for-payment", "5m")
    receipt = await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt


def record() -> WorkflowTester:
    """The history of one finished order."""
    run = WorkflowTester(define_workflow("order", order), "bob")
    run.commands()
    run.complete_activity("validate", "ok")
    run.commands()
    run.fire_timer("wait-for-payment")
    run.commands()
    run.complete_activity("charge", "receipt-1")
    run.commands()
    run.complete_child("shipping-1")
    run.commands()
    return run


HISTORY = record().history()


def replay(function: Any, history: Any = HISTORY, **options: Any) -> ReplayResult:
    return replay_history(history, [define_workflow("order", function)], guard=NullGuard(), **options)


def line_here(function: Any) -> int:
    """The line of ``function`` that says ``# here``."""
    lines, first = inspect.getsourcelines(function)
    found = [first + index for index, line in enumerate(lines) if line.rstrip().endswith("# here")]
    assert len(found) == 1, f"{function.__name__} needs one line marked '# here'"
    return found[0]


# --- the changes ------------------------------------------------------------------------------------------


async def step_added(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    score = await ctx.activity("fraud-check", validate, customer)  # here
    await ctx.sleep("wait-for-payment", "5m")
    receipt = await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt, score


async def step_added_first(ctx: Any, customer: str) -> Any:
    await ctx.sleep("think", "1m")  # here
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait-for-payment", "5m")


async def step_added_at_the_end(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait-for-payment", "5m")
    receipt = await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    await ctx.activity("thank", validate, customer)  # here
    return receipt


async def step_added_at_once(ctx: Any, customer: str) -> Any:
    await asyncio.gather(
        ctx.activity("validate", validate, customer),
        ctx.activity("prefetch", validate, customer),  # here
    )


async def step_removed(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    receipt = await ctx.activity("charge", charge, 12)  # here
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt


async def last_step_removed(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait-for-payment", "5m")
    receipt = await ctx.activity("charge", charge, 12)
    return receipt  # here


async def reordered(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    receipt = await ctx.activity("charge", charge, 12)  # here
    await ctx.sleep("wait-for-payment", "5m")
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt


async def duration_changed(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait-for-payment", "10m")  # here
    receipt = await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt


async def arguments_changed(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait-for-payment", "5m")
    receipt = await ctx.activity("charge", charge, 13)  # here
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt


async def activity_renamed(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", "check_order", customer)  # here
    await ctx.sleep("wait-for-payment", "5m")


async def step_replaced(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.execute_child("payment", 12, workflow_id="payment-1")  # here
    receipt = await ctx.activity("bill", "bill", 12)
    return receipt


async def child_id_changed(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait-for-payment", "5m")
    receipt = await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="ship-1")  # here
    return receipt


async def result_changed(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait-for-payment", "5m")
    receipt = await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return {"receipt": receipt}  # here


async def wait_added(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.wait_for_signal("approval")  # here
    await ctx.sleep("wait-for-payment", "5m")
    await ctx.activity("charge", charge, 12)


async def wait_removed(ctx: Any, customer: str) -> Any:
    await asyncio.gather(
        ctx.activity("validate", validate, customer),
        ctx.sleep("wait-for-payment", "5m"),  # here
    )


async def raises_now(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    {}["missing"]  # here


async def waits_for_ever(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    await ctx.sleep("wait-for-payment", "5m")
    await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    await ctx.wait_for_signal("feedback")  # here


async def fails_now(ctx: Any, customer: str) -> Any:
    from temporal_do.runtime.failures import ApplicationError

    await ctx.activity("validate", validate, customer)
    raise ApplicationError("not any more")  # here


CASES: list[tuple[Callable[..., Any], str, int, list[str]]] = [
    (
        step_added,
        "added",
        11,
        ["if ctx.patched('add-fraud-check'):", "score = await", "else:", "score = None"],
    ),
    (step_added_first, "added", 5, ["if ctx.patched('add-think'):", 'await ctx.sleep("think", "1m")']),
    (step_added_at_the_end, "ran_past_the_end", 27, ["if ctx.patched('add-thank'):"]),
    (step_added_at_once, "added", 5, ["if ctx.patched('add-prefetch'):"]),
    (
        step_removed,
        "removed",
        11,
        ["if not ctx.patched('remove-wait-for-payment'):", "'wait-for-payment', '5m'"],
    ),
    (
        last_step_removed,
        "ended_early",
        22,
        ["if not ctx.patched(", "ctx.execute_child('shipping'", "'shipping-1'"],
    ),
    (reordered, "reordered", 11, ["if ctx.patched('move-charge'):", "else:", "receipt = await ctx.activity"]),
    (duration_changed, "changed_duration", 11, ["if ctx.patched(", '"10m"', "else:", "'5m'"]),
    (
        arguments_changed,
        "changed_arguments",
        16,
        ["charge, 13)", "receipt = await ctx.activity('charge', 'charge', 12)"],
    ),
    (
        activity_renamed,
        "renamed",
        5,
        ["check_order", "else:", "await ctx.activity('validate', 'validate', 'bob')"],
    ),
    (step_replaced, "replaced", 11, ["'payment'", "else:", "await ctx.sleep('wait-for-payment', '5m')"]),
    (child_id_changed, "renamed", 22, ["ship-1", "else:", "workflow_id='shipping-1'"]),
    (result_changed, "changed_result", 27, ["return {", "else:", "return 'receipt-1'"]),
    (
        wait_added,
        "waits_longer",
        11,
        ["if ctx.patched('add-wait'):", 'await ctx.wait_for_signal("approval")'],
    ),
    (wait_removed, "no_longer_waits", 5, ["if not ctx.patched('no-wait-before-wait-for-payment'):"]),
    (raises_now, "raised", 11, ["if ctx.patched(", '{}["missing"]', "else:", "'wait-for-payment', '5m'"]),
    (waits_for_ever, "waits_longer", 27, ["if ctx.patched('add-wait'):"]),
    (fails_now, "ended_early", 11, ["if not ctx.patched('remove-wait-for-payment'):"]),
]


@pytest.mark.parametrize(
    ("function", "kind", "event_id", "pieces"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_a_change_is_found_at_its_line_with_its_cause_and_a_fix(
    function: Any, kind: str, event_id: int, pieces: list[str]
) -> None:
    error = replay(function).error
    assert isinstance(error, NondeterminismError)
    fields = error.fields
    assert fields["kind"] == kind, error.message
    assert fields["event_id"] == event_id
    assert fields["file"].endswith("test_nondeterminism.py")
    assert fields["line"] == line_here(function)
    assert fields["function"] == function.__name__
    for piece in pieces:
        assert piece.replace('"', "'") in fields["fix"].replace('"', "'"), fields["fix"]
    compile(_as_function(fields["fix"]), "<fix>", "exec")


def _as_function(fix: str) -> str:
    return "async def fixed(ctx):\n" + "\n".join("    " + line for line in fix.splitlines())


def test_unchanged_code_replays() -> None:
    result = replay(order)
    assert (result.ok, result.warnings, result.events) == (True, (), len(HISTORY.events))


# --- the fixes work ---------------------------------------------------------------------------------------


async def fixed_added(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    if ctx.patched("add-fraud-check"):
        await ctx.activity("fraud-check", validate, customer)
    await ctx.sleep("wait-for-payment", "5m")
    receipt = await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt


async def fixed_removed(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    if not ctx.patched("remove-wait-for-payment"):
        await ctx.sleep("wait-for-payment", "5m")
    receipt = await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt


async def fixed_arguments(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)
    if ctx.patched("change-wait-for-payment"):
        await ctx.sleep("wait-for-payment", "10m")
    else:
        await ctx.sleep("wait-for-payment", "5m")
    if ctx.patched("change-charge"):
        receipt = await ctx.activity("charge", charge, 13)
    else:
        receipt = await ctx.activity("charge", "charge", 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt


@pytest.mark.parametrize("function", [fixed_added, fixed_removed, fixed_arguments])
def test_the_pasted_fix_replays_the_old_history(function: Any) -> None:
    result = replay(function)
    assert result.ok, str(result.error)


# --- patches ----------------------------------------------------------------------------------------------


async def with_patch(ctx: Any, customer: str) -> Any:
    if ctx.patched("new-check"):
        await ctx.activity("check", "check", customer)
    else:
        await ctx.activity("validate", validate, customer)


async def patch_gone(ctx: Any, customer: str) -> Any:
    await ctx.activity("check", "check", customer)  # here


async def patch_deprecated(ctx: Any, customer: str) -> Any:
    ctx.deprecate_patch("new-check")
    await ctx.activity("check", "check", customer)


def patched_history(function: Any = with_patch) -> Any:
    run = WorkflowTester(define_workflow("order", function), "bob")
    run.commands()
    run.complete_activity("check", "ok")
    run.commands()
    return run.history()


def test_a_patch_that_is_gone_too_early_is_reported_with_its_name() -> None:
    error = replay(patch_gone, patched_history()).error
    assert isinstance(error, NondeterminismError)
    assert error.fields["kind"] == "patch_removed"
    assert error.fields["fix"] == "ctx.deprecate_patch('new-check')"
    assert error.fields["line"] == line_here(patch_gone)


def test_a_deprecated_patch_replays_what_passed_the_patch() -> None:
    assert replay(patch_deprecated, patched_history()).ok


def test_code_without_the_patch_replays_what_passed_its_deprecation() -> None:
    assert replay(patch_gone, patched_history(patch_deprecated)).ok


def test_code_with_the_patch_replays_what_passed_its_deprecation() -> None:
    assert replay(with_patch, patched_history(patch_deprecated)).ok


def test_a_run_from_before_the_patch_takes_the_old_branch() -> None:
    run = WorkflowTester(define_workflow("order", lambda_free_old), "bob")
    run.commands()
    run.complete_activity("validate", "ok")
    run.commands()
    assert replay(with_patch, run.history()).ok


async def lambda_free_old(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer)


# --- values from outside ----------------------------------------------------------------------------------


VALUES = [
    ("8a6b7a2e-0c3b-4f39-9a2c-111111111111", "0f0e7a2e-0c3b-4f39-9a2c-222222222222", "ctx.uuid4()"),
    ("2026-01-01T10:00:00+00:00", "2026-03-01T11:30:00+00:00", "ctx.now()"),
    (1_767_225_600.25, 1_767_999_999.5, "ctx.now().timestamp()"),
    (0.8444218515250481, 0.7579544029403025, "ctx.random.random()"),
    ({"id": 1, "at": 1_767_225_600_000}, {"id": 1, "at": 1_767_225_700_000}, "ctx.now().timestamp()"),
]


@pytest.mark.parametrize(("recorded", "now", "instead"), VALUES)
def test_a_value_that_differs_in_every_run_is_recognised(recorded: Any, now: Any, instead: str) -> None:
    values = [recorded]

    async def workflow(ctx: Any, customer: str) -> Any:
        await ctx.activity("validate", validate, values[0])

    run = WorkflowTester(define_workflow("order", workflow), "bob")
    run.commands()
    values[0] = now
    error = replay(workflow, run.history()).error
    assert isinstance(error, NondeterminismError)
    assert (error.fields["kind"], instead in error.fields["fix"]) == ("nondeterministic_value", True)


# --- other facts ------------------------------------------------------------------------------------------


async def without_handler(ctx: Any, customer: str) -> Any:
    await ctx.wait_for_signal("done")  # here


def test_an_update_whose_handler_is_gone_is_reported_with_its_name() -> None:
    async def with_handler(ctx: Any, customer: str) -> Any:
        ctx.set_update_handler("add", lambda item: item)
        await ctx.wait_for_signal("done")

    run = WorkflowTester(define_workflow("order", with_handler), "bob")
    run.update("u1", "add", "apple")
    run.commands()
    error = replay(without_handler, run.history()).error
    assert isinstance(error, NondeterminismError)
    assert error.fields["kind"] == "update_handler_missing"
    assert "ctx.set_update_handler('add'" in error.fields["fix"]


def test_the_line_of_a_gathered_call_is_its_own() -> None:
    async def changed(ctx: Any, customer: str) -> Any:
        calls = [
            ctx.activity("validate", validate, customer),
            ctx.sleep("other", "1m"),  # here
        ]
        await asyncio.gather(*calls)

    error = replay(changed).error
    assert isinstance(error, NondeterminismError)
    assert error.fields["line"] == line_here(changed)


def test_the_line_of_asyncios_own_timer_is_the_users() -> None:
    async def changed(ctx: Any, customer: str) -> Any:
        await asyncio.sleep(300)  # here

    error = replay(changed).error
    assert isinstance(error, NondeterminismError)
    assert error.fields["line"] == line_here(changed)


def test_a_difference_in_a_helper_is_blamed_on_the_helpers_line() -> None:
    error = replay(calls_helper).error
    assert isinstance(error, NondeterminismError)
    assert error.fields["function"] == "helper"
    assert error.fields["line"] == line_here(helper)


async def helper(ctx: Any, customer: str) -> None:
    await ctx.activity("validate", "validate", customer, "more")  # here


async def calls_helper(ctx: Any, customer: str) -> Any:
    await helper(ctx, customer)


# --- how strict -------------------------------------------------------------------------------------------


async def queue_changed(ctx: Any, customer: str) -> Any:
    await ctx.activity("validate", validate, customer, task_queue="elsewhere")
    await ctx.sleep("wait-a-bit", "5m")
    receipt = await ctx.activity("charge", charge, 12)
    await ctx.execute_child("shipping", customer, workflow_id="shipping-1")
    return receipt


def test_harmless_differences_are_warnings() -> None:
    result = replay(queue_changed)
    assert result.ok
    assert len(result.warnings) == 2
    assert "'orders' was recorded, now 'elsewhere'" in result.warnings[0]
    assert "wait-a-bit" in result.warnings[1]


@pytest.mark.parametrize("function", [duration_changed, arguments_changed, result_changed])
def test_in_production_a_changed_value_does_not_stop_a_workflow(function: Any) -> None:
    assert replay(function, strictness=PRODUCTION).ok


@pytest.mark.parametrize("function", [step_added, step_removed, activity_renamed, child_id_changed])
def test_in_production_a_changed_step_does(function: Any) -> None:
    assert not replay(function, strictness=PRODUCTION).ok


# --- open histories ---------------------------------------------------------------------------------------


def open_history() -> HistoryBuilder:
    run = WorkflowTester(define_workflow("order", order), "bob")
    run.commands()
    return run


def test_the_commands_of_the_last_completed_task_are_compared_too() -> None:
    error = replay(step_added_first, open_history().history()).error
    assert isinstance(error, NondeterminismError)
    assert error.fields["event_id"] == 5


def test_the_code_is_run_on_what_comes_after_the_last_completed_task() -> None:
    run = open_history()
    run.complete_activity("validate", "ok")
    result = replay(order, run.history())
    assert result.ok
    assert [type(command).__name__ for command in result.next_commands] == ["StartTimer"]


def test_code_that_fails_on_the_open_end_is_reported_with_its_line() -> None:
    run = open_history()
    run.complete_activity("validate", "ok")
    error = replay(raises_now, run.history()).error
    assert error is not None
    assert error.fields["line"] == line_here(raises_now)


# --- the report -------------------------------------------------------------------------------------------

REPORT = """\
Nondeterminism in workflow 'order' (id 'wf-1', run 'run-1')
The code does not do what the history records: first difference at event 11, {file}:{line}

      event  recorded                                        replayed
   ok     5  activity 'validate' 'bob'                       the same
   >>    11  timer 'wait-for-payment' 5m                     timer 'wait-for-payment' 10m  ({file}:{line})
         16  activity 'charge' 12  (later)
         22  child workflow 'shipping' id 'shipping-1' '...  (later)

Your code: {file}:{line} in duration_changed
    {line} | await ctx.sleep("wait-for-payment", "10m")  # here

Probable cause (changed duration): The duration of timer 'wait-for-payment' changed from 5m to 10m.

Fix: Keep what the history records for runs from before the change:
    if ctx.patched('change-wait-for-payment'):
        await ctx.sleep("wait-for-payment", "10m")  # here
    else:
        await ctx.sleep("wait-for-payment", "5m")  # here"""


def test_a_changed_timeout_is_mended_in_the_users_own_statement() -> None:
    from temporal_do.runtime.workflow.fixes import _with_duration

    hour = 3600 * 10**9
    statement = 'answer = await ctx.wait_for_signal("approval", timeout="48h")'
    assert _with_duration(statement, 48 * hour, 24 * hour) == statement.replace('"48h"', '"1d"')
    assert _with_duration("await asyncio.sleep(60)", hour // 60, hour) == "await asyncio.sleep('1h')"
    assert _with_duration('await ctx.sleep("60s", 60)', hour // 60, hour) is None  # which of the two?


def test_the_report_reads_like_this() -> None:
    error = replay(duration_changed).error
    assert isinstance(error, NondeterminismError)
    assert str(error) == REPORT.format(file=error.fields["file"], line=line_here(duration_changed))


def test_colour_changes_nothing_but_the_colour() -> None:
    error = replay(step_added).error
    assert isinstance(error, NondeterminismError)
    coloured = render_error(error, colour=True)
    assert "\x1b[31m" in coloured
    plain = coloured
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[2m", "\x1b[0m"):
        plain = plain.replace(code, "")
    assert plain == str(error)


@pytest.mark.parametrize("function", [case[0] for case in CASES])
def test_the_report_is_plain_data(function: Any) -> None:
    error = replay(function).error
    assert isinstance(error, NondeterminismError)
    again = json.loads(as_json(error))
    assert again["recorded_differs_at"] == error.fields["recorded_differs_at"]
    copied = pickle.loads(pickle.dumps(error))
    assert str(copied) == str(error)


def test_an_unregistered_workflow_is_named() -> None:
    other = WorkflowDefinition("other", order)
    result = replay_history(HISTORY, [other], guard=NullGuard())
    assert result.error is not None
    assert "'order', which was not given; given: 'other'" in str(result.error)


def test_cancelling_another_activity_than_the_history_is_found() -> None:
    chosen = [0]

    async def workflow(ctx: Any, customer: str) -> Any:
        tasks = [asyncio.ensure_future(ctx.activity(f"charge-{n}", charge, n)) for n in range(2)]
        await asyncio.sleep(0)
        await ctx.sleep("wait", "1m")
        tasks[chosen[0]].cancel()
        await ctx.sleep("more", "1m")

    run = WorkflowTester(define_workflow("order", workflow), "bob")
    run.commands()
    run.fire_timer("wait")
    run.commands()
    assert replay(workflow, run.history()).ok
    chosen[0] = 1
    error = replay(workflow, run.history()).error
    assert isinstance(error, NondeterminismError)
    assert error.fields["event_id"] == 13
    assert error.fields["recorded"][1]["text"] == "cancel activity '1'"
    assert error.fields["replayed"][1]["text"] == "cancel activity '2'"
