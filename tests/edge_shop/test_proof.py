"""The proof can fail: histories of a good day pass, and each planted lie is found. Needs no platform."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import attrs
import pytest

from examples.shop.app import temporal
from examples.shop.models import Approval, Order
from examples.shop.outside import Outside, use_outside
from examples.shop.worker import worker
from examples.shop.workflows import order_workflow
from temporal_do.runtime.history import EventType, History, HistoryEvent
from temporal_do.runtime.keys import activity_key
from temporal_do.sim import Simulation

from .proof import Run, executions_beyond_leases, problems

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    """An order with its shipping, from the simulator."""

    async def day() -> list[Run]:
        order = Order("1", "ada", "teapot", 1, 4900)
        handle = await temporal.start_workflow(order_workflow, workflow_id="order-1", args=[order])
        await handle.signal("approval", Approval(approved=True))
        await handle.result()
        found = []
        for each in await temporal.list_workflows():
            history = await temporal.get_handle(each.workflow_id).fetch_history()
            found.append(Run(workflow_id=each.workflow_id, run_id=each.run_id, history=history))
        return sorted(found, key=lambda run: run.workflow_id)

    with use_outside(Outside()), Simulation() as simulation:
        simulation.run(worker)
        return simulation.execute(day)


def key_of(run: Run, activity_id: str) -> str:
    name = activity_key("shop", run.run_id, activity_id)
    return blake2b(name.encode(), digest_size=16).hexdigest()


@pytest.fixture
def visits(runs: list[Run]) -> dict[tuple[str, int], int]:
    """What the outside world would have seen of that day."""
    order, shipping = runs
    seen = {(key_of(order, str(number)), 1): 1 for number in (1, 2, 3)}
    seen |= {(key_of(shipping, "1"), attempt): 1 for attempt in (1, 2, 3)}
    return seen | {(key_of(shipping, "2"), 1): 1}


def test_a_good_day_is_found_good(runs: list[Run], visits: dict[tuple[str, int], int]) -> None:
    assert [run.workflow_id for run in runs] == ["order-1", "shipping-1"]
    earlier = [changed(run, lambda events: events[:7]) for run in runs]
    assert problems(runs, earlier) == []
    assert executions_beyond_leases(runs, visits) == []


def changed(run: Run, change: Callable[[list[HistoryEvent]], list[HistoryEvent]]) -> Run:
    events = tuple(change(list(run.history.events)))
    return attrs.evolve(run, history=History(events=events, workflow_id=run.workflow_id))


def place(events: list[HistoryEvent], kind: str) -> int:
    return next(index for index, event in enumerate(events) if event.event_type == kind)


def a_gap(events: list[HistoryEvent]) -> list[HistoryEvent]:
    return events[:5] + events[6:]


def a_second_end(events: list[HistoryEvent]) -> list[HistoryEvent]:
    end = events[place(events, EventType.ACTIVITY_TASK_COMPLETED)]
    return [*events, attrs.evolve(end, event_id=len(events) + 1)]


def an_early_timer(events: list[HistoryEvent]) -> list[HistoryEvent]:
    index = place(events, EventType.TIMER_FIRED)
    events[index] = attrs.evolve(events[index], event_time=events[index].event_time - SECOND)
    return events


def a_signal_twice(events: list[HistoryEvent]) -> list[HistoryEvent]:
    index = place(events, EventType.WORKFLOW_EXECUTION_SIGNALED)
    doubled = [*events[: index + 1], *events[index:]]
    return [attrs.evolve(event, event_id=number) for number, event in enumerate(doubled, start=1)]


@pytest.mark.parametrize(
    ("lie", "found"),
    [
        (a_gap, "contiguous-ids"),
        (a_second_end, "one-completion"),
        (a_second_end, "closed-runs"),
        (an_early_timer, "timers-early"),
        (a_signal_twice, "signals"),
    ],
)
def test_a_lie_is_found(
    runs: list[Run], lie: Callable[[list[HistoryEvent]], list[HistoryEvent]], found: str
) -> None:
    told = problems([changed(runs[0], lie), runs[1]])
    assert any(problem.startswith(found) for problem in told), told


def test_a_history_that_has_changed_since_it_was_read_is_found(runs: list[Run]) -> None:
    assert any(each.startswith("append-only") for each in problems(runs, [changed(runs[0], an_early_timer)]))


def test_an_attempt_that_ran_twice_is_found(runs: list[Run], visits: dict[tuple[str, int], int]) -> None:
    key = key_of(runs[0], "3")
    assert executions_beyond_leases(runs, visits | {(key, 1): 2}) == [f"attempt 1 of {key} ran 2 times"]


def test_an_execution_beyond_the_leased_attempts_is_found(
    runs: list[Run], visits: dict[tuple[str, int], int]
) -> None:
    (problem,) = executions_beyond_leases(runs, visits | {(key_of(runs[0], "3"), 2): 1})
    assert "the last that was leased is 1" in problem


def test_an_execution_that_no_history_knows_is_found(
    runs: list[Run], visits: dict[tuple[str, int], int]
) -> None:
    (problem,) = executions_beyond_leases(runs, visits | {("0" * 32, 1): 1})
    assert "no history has it" in problem


def test_a_result_of_what_never_ran_is_found(runs: list[Run], visits: dict[tuple[str, int], int]) -> None:
    del visits[key_of(runs[0], "2"), 1]
    (problem,) = executions_beyond_leases(runs, visits)
    assert "never ran" in problem
