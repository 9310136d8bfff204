"""What had to happen before what: the happens-before graph of one history.

Owns the graph, its critical path and its linear extensions. Nodes are event ids; an edge says that its source
had to be recorded before its target could be, and why (`Reason`):

===========  =================================================================================================
reason       edge
===========  =================================================================================================
task         a workflow task scheduled -> started -> completed, failed or timed out; then the next one
command      WorkflowTaskCompleted -> the event of each command it brought
result       a command's event -> what came of it: started, completed, fired, cancelled, accepted, ...
wakes        an event -> the workflow task scheduled right after it
seen         an event -> the start of the workflow task that showed it to the workflow's code
exists       WorkflowExecutionStarted -> what came from outside: signals, updates, requests
ends         what nothing else followed -> the event that closed the run: nothing is recorded after it
===========  =================================================================================================

Invariants: every edge leads from a lower event id to a higher one, so the graph is acyclic; a reference to an
event that is not there, or not earlier, makes no edge (damaged histories have such). Two events without a
path between them could have been recorded the other way round. Must not import: the engine's actors, the
platform. networkx is imported when a graph is built, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from ..runtime.history import EventType, History, HistoryEvent
from ..runtime.history.events import STATUS_OF_CLOSE

if TYPE_CHECKING:
    from networkx import DiGraph

Reason = Literal["task", "command", "result", "wakes", "seen", "exists", "ends", "outside"]

# Attributes that name an earlier event of the same run.
_REFERENCES: Final[tuple[tuple[str, Reason], ...]] = (
    ("workflow_task_completed_event_id", "command"),
    ("scheduled_event_id", "result"),
    ("started_event_id", "result"),
    ("initiated_event_id", "result"),
    ("accepted_event_id", "result"),
    ("requested_event_id", "result"),
    ("latest_cancel_requested_event_id", "result"),
)
_TASK: Final = frozenset(
    {
        EventType.WORKFLOW_TASK_SCHEDULED,
        EventType.WORKFLOW_TASK_STARTED,
        EventType.WORKFLOW_TASK_COMPLETED,
        EventType.WORKFLOW_TASK_FAILED,
        EventType.WORKFLOW_TASK_TIMED_OUT,
    }
)
# Events of commands that do not name the workflow task they came with.
_COMMANDS_WITHOUT_TASK: Final = frozenset(
    {
        EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.WORKFLOW_EXECUTION_UPDATE_REJECTED,
        EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED,
    }
)
CLOSES: Final = frozenset(STATUS_OF_CLOSE)
"""The event types that close a run."""


@attrs.frozen(kw_only=True)
class Step:
    """One edge of a critical path: `duration_ns` passed between `event_id` and `next_event_id`, for `reason`.

    The reason `outside` is no edge of the graph: the workflow was idle until something came from outside.
    """

    event_id: int
    next_event_id: int
    reason: Reason
    duration_ns: int


class _Builder:
    """Walks a history once and collects its edges."""

    def __init__(self) -> None:
        self.edges: dict[tuple[int, int], Reason] = {}
        self.known: set[int] = set()
        self.first = 0
        self.completed = 0  # the last WorkflowTaskCompleted
        self.task = 0  # the last event of the task chain
        self.unseen: list[int] = []  # events that no workflow task has shown yet
        self.started_of: dict[int, int] = {}  # scheduled event -> started event

    def link(self, source: int, target: int, reason: Reason) -> bool:
        if source in self.known and source < target:
            self.edges.setdefault((source, target), reason)
            return True
        return False

    def add(self, event: HistoryEvent) -> None:
        number, kind = event.event_id, event.event_type
        if number in self.known:
            return  # a damaged history; the first one counts
        if kind in _TASK:
            self._task(event)
        else:
            linked = self._references(event)
            if kind in _COMMANDS_WITHOUT_TASK:
                linked = self.link(self.completed, number, "command") or linked
            if kind in CLOSES:
                self._close(number)
            elif not linked:
                self.link(self.first, number, "exists")
            if not getattr(event.attributes, "workflow_task_completed_event_id", 0):
                self.unseen.append(number)
        self.known.add(number)
        self.first = self.first or number

    def _references(self, event: HistoryEvent) -> bool:
        linked = False
        for name, reason in _REFERENCES:
            source = getattr(event.attributes, name, 0)
            if source:
                linked = self.link(source, event.event_id, reason) or linked
        scheduled = getattr(event.attributes, "scheduled_event_id", 0)
        if scheduled:
            # Ends of Nexus operations name only the scheduled event, but follow the start.
            begun = self.started_of.get(scheduled)
            if begun is not None:
                self.link(begun, event.event_id, "result")
            elif not getattr(event.attributes, "started_event_id", 0):
                self.started_of[scheduled] = event.event_id
        return linked

    def _task(self, event: HistoryEvent) -> None:
        number, kind = event.event_id, event.event_type
        for name, _ in _REFERENCES:
            self.link(getattr(event.attributes, name, 0), number, "task")
        self.link(self.task, number, "task")
        if kind == EventType.WORKFLOW_TASK_SCHEDULED:
            if self.unseen:
                self.link(self.unseen[-1], number, "wakes")
        elif kind == EventType.WORKFLOW_TASK_STARTED:
            for source in self.unseen:
                self.link(source, number, "seen")
            self.unseen.clear()
        elif kind == EventType.WORKFLOW_TASK_COMPLETED:
            self.completed = number
        self.task = number

    def _close(self, number: int) -> None:
        followed = {source for source, _ in self.edges}
        for source in sorted(self.known - followed):
            self.link(source, number, "ends")


def happens_before(history: History) -> DiGraph[int]:
    """The happens-before graph of `history`: a networkx DiGraph over event ids.

    Nodes carry `event` (the HistoryEvent), edges `reason` and `duration_ns`.
    """
    from networkx import DiGraph

    graph: DiGraph[int] = DiGraph()
    builder = _Builder()
    for event in history.events:
        if event.event_id not in builder.known:
            graph.add_node(event.event_id, event=event)
        builder.add(event)
    for (source, target), reason in builder.edges.items():
        duration = graph.nodes[target]["event"].event_time - graph.nodes[source]["event"].event_time
        graph.add_edge(source, target, reason=reason, duration_ns=duration)
    return graph


def critical_path(history: History, graph: DiGraph[int] | None = None) -> tuple[Step, ...]:
    """Where the time of a run went: the chain of events, from its first to its last, that nothing delayed but
    one another.

    Backwards from the last event, the predecessor recorded last is the one that was waited for (the highest
    event id, since ids follow time); what a workflow task merely showed, or a close merely came after, was
    not waited for. The durations add up to the length of the run. An event from outside was waited for by the
    workflow, so the path goes on at the last workflow task before it.
    """
    graph = happens_before(history) if graph is None else graph
    if len(graph) < 2:
        return ()
    events: dict[int, HistoryEvent] = {number: data["event"] for number, data in graph.nodes(data=True)}
    tasks = [
        number for number, event in events.items() if event.event_type == EventType.WORKFLOW_TASK_COMPLETED
    ]
    number = max(events)
    path: list[Step] = []
    while True:
        before = _waited_for(graph, number)
        if not before:
            break
        reason: Reason = graph.edges[before, number]["reason"]
        if reason == "exists":
            idle_since = max((task for task in tasks if task < number), default=0)
            if idle_since > before:
                before, reason = idle_since, "outside"
        path.append(
            Step(
                event_id=before,
                next_event_id=number,
                reason=reason,
                duration_ns=events[number].event_time - events[before].event_time,
            )
        )
        number = before
    path.reverse()
    return tuple(path)


def _waited_for(graph: DiGraph[int], number: int) -> int:
    """The predecessor that an event was recorded right after, 0 if it has none."""
    found = [
        (data["reason"] not in ("seen", "ends"), source) for source, _, data in graph.in_edges(number, True)
    ]
    return max(found, default=(False, 0))[1]


def linear_extensions(
    history: History, choose: Callable[[int], int], *, graph: DiGraph[int] | None = None
) -> Iterator[tuple[int, ...]]:
    """Orders of the events in which the same things could have been recorded, one for ever after another.

    `choose(n)` gives a number from 0 to n-1 and is asked wherever n > 1 events could come next; 0 always
    means the one recorded first, so a `choose` that only says 0 gives the recorded order. The caller stops.
    """
    graph = happens_before(history) if graph is None else graph
    waits: dict[int, int] = {number: graph.in_degree(number) for number in sorted(graph)}
    followers: dict[int, list[int]] = {number: sorted(graph.successors(number)) for number in waits}
    while waits:
        missing = dict(waits)
        ready = [number for number, count in missing.items() if not count]
        order: list[int] = []
        while ready:
            number = ready.pop(choose(len(ready)) if len(ready) > 1 else 0)
            order.append(number)
            for follower in followers[number]:
                missing[follower] -= 1
                if not missing[follower]:
                    _insert(ready, follower)
        yield tuple(order)


def _insert(ready: list[int], number: int) -> None:
    """Keep the recorded order, so that choice 0 means the event recorded first."""
    from bisect import insort

    insort(ready, number)


def concurrent(graph: DiGraph[int], first: int, second: int) -> bool:
    """Could events `first` and `second` have been recorded in either order?"""
    from networkx import has_path

    low, high = sorted((first, second))
    return low != high and not has_path(graph, low, high)


def span_ns(history: History) -> int:
    """The time from the first event to the last, in nanoseconds."""
    times: list[Any] = [event.event_time for event in history.events]
    return int(times[-1] - times[0]) if times else 0
