"""The happens-before graph: acyclic and complete on real histories, and right about who waited for whom."""

from __future__ import annotations

from itertools import islice
from typing import Any

import networkx
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.history import EventType, History
from temporal_do.sim.causality import (
    CLOSES,
    concurrent,
    critical_path,
    happens_before,
    linear_extensions,
    span_ns,
)

REFERENCES = ("scheduled_event_id", "started_event_id", "initiated_event_id", "accepted_event_id")


def named(events: History, kind: str, **attributes: Any) -> int:
    """The id of the one event of a type with these attributes."""
    found = [
        event.event_id
        for event in events.events
        if event.event_type == kind
        and all(getattr(event.attributes, name) == value for name, value in attributes.items())
    ]
    assert len(found) == 1, f"{kind}: {found}"
    return found[0]


def test_the_graph_of_every_real_history_is_acyclic_and_connected(
    histories: list[tuple[str, History]],
) -> None:
    for name, history in histories:
        graph = happens_before(history)
        assert len(graph) == len({event.event_id for event in history.events}), name
        assert networkx.is_directed_acyclic_graph(graph), name
        first = history.events[0].event_id
        roots = [number for number in graph if not graph.in_degree(number)]
        assert roots == [first], name


def test_every_completion_comes_after_what_it_completes(histories: list[tuple[str, History]]) -> None:
    checked = 0
    for name, history in histories:
        graph = happens_before(history)
        for event in history.events:
            for reference in REFERENCES:
                source = getattr(event.attributes, reference, 0)
                if source and source in graph and source < event.event_id:
                    assert networkx.has_path(graph, source, event.event_id), (name, event.event_id)
                    checked += 1
    assert checked > len(histories)


def test_nothing_follows_the_close_of_a_run(histories: list[tuple[str, History]]) -> None:
    for name, history in histories:
        last = history.events[-1]
        if last.event_type in CLOSES:
            graph = happens_before(history)
            assert len(networkx.ancestors(graph, last.event_id)) == len(graph) - 1, name


def test_a_critical_path_leads_from_the_first_event_to_the_last_and_takes_as_long_as_the_run(
    histories: list[tuple[str, History]],
) -> None:
    for name, history in histories:
        path = critical_path(history)
        if len(history.events) < 2:
            assert path == ()
            continue
        assert path[0].event_id == history.events[0].event_id, name
        assert path[-1].next_event_id == history.events[-1].event_id, name
        assert all(one.next_event_id == other.event_id for one, other in zip(path, path[1:], strict=False))
        assert sum(step.duration_ns for step in path) == span_ns(history), name


def test_choosing_nothing_gives_the_recorded_order(histories: list[tuple[str, History]]) -> None:
    for name, history in histories:
        order = next(linear_extensions(history, lambda _: 0))
        assert list(order) == sorted({event.event_id for event in history.events}), name


@given(st.data())
def test_every_linear_extension_respects_every_edge(
    histories: list[tuple[str, History]], data: st.DataObject
) -> None:
    _, history = data.draw(st.sampled_from(histories[:40]), label="history")
    graph = happens_before(history)
    numbers = data.draw(st.lists(st.integers(0, 2**16), min_size=1, max_size=50), label="choices")
    calls = iter(range(10**9))
    extensions = linear_extensions(history, lambda n: numbers[next(calls) % len(numbers)] % n, graph=graph)
    for order in islice(extensions, 2):
        position = {number: index for index, number in enumerate(order)}
        assert len(position) == len(graph)
        assert all(position[source] < position[target] for source, target in graph.edges)


def test_an_empty_history_has_an_empty_graph() -> None:
    history = History(events=())
    assert len(happens_before(history)) == 0
    assert critical_path(history) == ()
    assert list(linear_extensions(history, lambda _: 0)) == []
    assert span_ns(history) == 0


def test_two_signals_may_come_in_either_order_and_an_activity_ends_after_it_began(
    parallel: History,
) -> None:
    graph = happens_before(parallel)
    one = named(parallel, EventType.WORKFLOW_EXECUTION_SIGNALED, signal_name="one")
    two = named(parallel, EventType.WORKFLOW_EXECUTION_SIGNALED, signal_name="two")
    begun = named(parallel, EventType.ACTIVITY_TASK_SCHEDULED)
    ended = named(parallel, EventType.ACTIVITY_TASK_COMPLETED)
    assert concurrent(graph, one, two)
    assert not concurrent(graph, begun, ended)
    assert not concurrent(graph, one, one)


def test_the_path_names_the_slow_step_and_not_the_quick_one_beside_it(parallel: History) -> None:
    on_path = {step.next_event_id for step in critical_path(parallel)}
    assert named(parallel, EventType.TIMER_FIRED) in on_path
    assert named(parallel, EventType.ACTIVITY_TASK_COMPLETED) not in on_path


def test_waiting_for_a_signal_is_time_spent_outside(parallel: History) -> None:
    until_signal = History(events=parallel.events[: named_index(parallel, "two") + 1])
    steps = critical_path(until_signal)
    assert steps[-1].reason == "outside"
    assert steps[-1].duration_ns == 2_000_000_000


def named_index(history: History, signal: str) -> int:
    """Where the signal's event is among the events."""
    number = named(history, EventType.WORKFLOW_EXECUTION_SIGNALED, signal_name=signal)
    return [event.event_id for event in history.events].index(number)
