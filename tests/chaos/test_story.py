"""A failure as a story."""

from __future__ import annotations

import re

import attrs
import pytest

from temporal_do.sim import FaultPlan, Simulation, Tape
from temporal_do.sim.runner import run_and_keep
from temporal_do.sim.scenario import Kind, RunResult, Violation
from temporal_do.sim.story import outline, render_story
from temporal_do.sim.timeline_text import width_of
from tests.chaos import shop

Failed = tuple[RunResult, Simulation]


def _story(failed: Failed, **options: object) -> str:
    return render_story(*failed, **options)  # type: ignore[arg-type]


def test_it_begins_with_what_was_wrong_and_where_in_the_users_code(double_charge: Failed) -> None:
    lines = _story(double_charge).splitlines()
    assert lines[0].startswith("✗ safety: a promise was broken")
    assert "order 7 was charged 2 times" in lines[1]
    assert any(re.fullmatch(r" +at tests/chaos/shop\.py:\d+", line) for line in lines[:6])
    assert "seed " in "\n".join(lines[:8]) and "of virtual time" in "\n".join(lines[:8])


def test_it_tells_the_faults_and_what_led_to_the_end_in_order_with_virtual_times(
    double_charge: Failed,
) -> None:
    story = _story(double_charge, width=200)
    told = story.split("What mattered")[1].split("History of")[0]
    assert re.search(r"^ +✗ FAULT worker_crash_\w+_call: a worker process dies", told, re.MULTILINE)
    assert re.search(r"^ +† dies with the task of charge of order-7 in hand$", told, re.MULTILINE)
    in_order = (
        "start workflow 'order'",
        "records 10 ActivityTaskScheduled charge",
        "takes the task of charge of order-7",
        "✗ FAULT worker_crash",
        "takes the task of charge of order-7",
        "complete activity",
    )
    at = 0
    for words in in_order:
        at = told.find(words, at)
        assert at >= 0, f"{words!r} is missing or too early in\n{told}"
        at += len(words)
    assert re.search(r"^ *\+2 d ", told, re.MULTILINE)


def test_it_is_about_the_workflow_that_the_fault_struck_not_the_one_that_ended_last() -> None:
    dies_before_it_reports = Tape(
        seed=0,
        deviations={"worker:worker": {1: 1}},
        faults=FaultPlan(rates={"worker_crash_before_call": 1}).to_json(),
    )
    result, simulation = run_and_keep(shop.TWO_AT_ONCE, tape=dies_before_it_reports)
    assert result.violations[0].message == "AssertionError: it charged [1, 1, 2]"
    story = render_story(result, simulation)
    told, history = story.split("What mattered")[1].split("History of")
    assert history.startswith(" order-1 (order)")
    assert told.count("takes the task of charge of order-1") == 2
    assert "dies with the task of charge of order-1 in hand" in told
    assert "takes the task of charge of order-2" not in told


def test_what_does_not_fit_goes_on_in_the_next_line(double_charge: Failed) -> None:
    lines = _story(double_charge, width=70).splitlines()
    at = next(number for number, line in enumerate(lines) if "FAULT" in line)
    told = " ".join(line.strip() for line in lines[at : at + 4])
    assert re.search(r"worker_crash_before_call: a worker process dies before a call it wanted to make", told)


def test_it_leaves_out_what_has_nothing_to_do_with_it(double_charge: Failed) -> None:
    result, simulation = double_charge
    shown = outline(result, simulation).steps
    assert 5 < len(shown) < len(simulation.trace) / 2
    told = _story(double_charge).split("What mattered")[1].split("History of")[0]
    assert "visibility" not in told and "archive" not in told


def test_it_ends_with_the_history_the_lines_that_made_it_and_the_command(double_charge: Failed) -> None:
    story = _story(double_charge, command="temporal-do chaos x")
    history = story.split("History of order-7 (order), ")[1]
    assert re.search(
        r"^ +5 +\+\S.* TimerStarted cool down 2d +tests/chaos/shop\.py:\d+$", history, re.MULTILINE
    )
    assert re.search(r"ActivityTaskScheduled charge +tests/chaos/shop\.py:\d+$", history, re.MULTILINE)
    assert "WorkflowExecutionCompleted" in history
    assert story.splitlines()[-1] == "repeat with: temporal-do chaos x"


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_line_is_wider_than_asked(double_charge: Failed, width: int) -> None:
    lines = _story(double_charge, width=width).splitlines()
    assert [line for line in lines if width_of(line) > width] == []


def test_colour_is_only_there_when_asked_for(double_charge: Failed) -> None:
    plain, coloured = _story(double_charge), _story(double_charge, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_the_same_run_gives_the_same_story(double_charge: Failed) -> None:
    again = run_and_keep(shop.CARELESS, tape=double_charge[0].tape)
    assert _story(again) == _story(double_charge)


def test_a_trace_alone_tells_the_same_but_the_users_lines(double_charge: Failed) -> None:
    result, simulation = double_charge
    from_trace = render_story(result, simulation.trace)
    without = re.sub(r" +tests/chaos/shop\.py:\d+$", "", _story(double_charge), flags=re.MULTILINE)
    told = without.split("What mattered")[1].split("History of")[0]
    assert told in from_trace
    assert "History of order-7 (order), 16 events\n" in from_trace


def test_a_long_unshrunk_run_is_told_in_few_steps() -> None:
    result, simulation = run_and_keep(shop.GOOD, seed=1)
    last = len(simulation.trace) - 1
    wrong = Violation(checker="made up", kind=Kind.SAFETY, message="nothing in particular", steps=(last,))
    failed = attrs.evolve(result, violations=(wrong,))
    assert len(outline(failed, simulation, steps_max=6).steps) <= 6
    assert outline(failed, simulation).workflows == ("order-7",)


def test_of_a_long_history_the_routine_and_the_middle_are_left_out() -> None:
    story = render_story(*run_and_keep(shop.TIRING))
    history = story.split("History of marathon-1 (marathon), ")[1].splitlines()
    assert len(history) <= 45
    assert not any("WorkflowTaskScheduled" in line for line in history)
    assert any("... 42 more events" in line for line in history)
    assert "lap 1 1h" in history[3] and "WorkflowExecutionCompleted" in history[-1]


def test_what_never_happened_is_told_with_what_the_workflow_waits_for() -> None:
    result, simulation = run_and_keep(shop.STUCK)
    story = render_story(result, simulation)
    assert story.startswith("✗ liveness: what had to happen did not (deadlock)")
    assert "waiting-1" in story.split("What mattered")[0]
    assert "History of waiting-1 (waits)" in story


def test_messages_that_would_move_the_cursor_are_shown_as_plain_text(double_charge: Failed) -> None:
    result, simulation = double_charge
    hostile = Violation(
        checker="x\x1b[2J", kind=Kind.SAFETY, message="a\x1b[31mb\rc\nd", location="evil\x07.py:3", steps=(0,)
    )
    story = render_story(attrs.evolve(result, violations=(hostile,)), simulation)
    assert [char for char in story if ord(char) < 32 and char != "\n"] == []


def test_a_run_that_passed_says_so() -> None:
    story = render_story(*run_and_keep(shop.GOOD, seed=1))
    assert story.startswith("✓ good: every promise held")


def _told_as(message: str, kind: str = "alarm_done") -> str:
    """The story of a run whose violation says ``message`` and shows the last step of ``kind``."""
    result, simulation = run_and_keep(shop.GOOD, seed=1)
    steps = [number for number, step in enumerate(simulation.trace.tuples()) if step[0] == kind]
    wrong = Violation(checker="made up", kind=Kind.SAFETY, message=message, steps=(steps[-1],))
    return render_story(attrs.evolve(result, violations=(wrong,)), simulation)


def test_keys_and_run_ids_in_a_message_are_told_by_their_names() -> None:
    _, simulation = run_and_keep(shop.GOOD, seed=1)
    (table,) = {
        change[0]
        for step in simulation.trace.tuples()
        if step[0] == "commit"
        for change in step[5]
        if change[0].startswith("events:")
    }
    run_id = table.removeprefix("events:")
    story = _told_as(
        f"run {run_id} of WorkflowDO/shop/order-7 is closed, ActivityDO/shop/{run_id}|1, "
        f"(HistoryDO/shop/{run_id}) goes on\nin run {run_id}"
    )
    said = " ".join(story.partition("  good")[0].split())
    assert f"run {run_id[:8]} of workflow order-7 is closed, activity charge of order-7, " in said
    assert f"(archive of order-7) goes on in run {run_id[:8]} of order-7" in said


def test_steps_are_told_in_words_and_no_time_is_a_bare_number() -> None:
    story = _told_as("nothing in particular")
    assert "has done what it woke up for" in story
    assert not re.search(r"\d{16}", story)


def test_the_line_of_code_is_shown_and_the_raw_steps_are_not(double_charge: Failed) -> None:
    lines = _story(double_charge).splitlines()
    at = next(index for index, line in enumerate(lines) if "at tests/chaos/shop.py:" in line)
    assert lines[at + 1].strip().startswith("assert len(book) == 1")
    result, simulation = double_charge
    dump = (
        "it went on and on\n  the last steps:\n    alarm key=X scheduled_ns=1767225624483000000\n  and so on"
    )
    wrong = attrs.evolve(result.violations[0], message=dump)
    told = render_story(attrs.evolve(result, violations=(wrong,)), simulation)
    assert "went on and on" in told and "and so on" in told and "scheduled_ns" not in told
