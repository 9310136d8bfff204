"""How a TaskQueueDO gives parked activity tasks to external workers that poll for them.

Owns the polls that are open, the leases of tasks that were given to a poll, and their orders: the task that
has waited longest goes to the poll that has waited longest. Invariants
- A task that was given to a poll stays parked until its ActivityDO says that it waits no longer. If that does
  not come before the poll lease is over, the poller has vanished, and the task is given to another.
- A task given twice does no harm: the ActivityDO leases an attempt once.
- A poll is answered once, when its time is over at the latest. Whoever waits for it is in memory only: the
  polls that a reload finds have nobody who waits any more, so they are given nothing.
- What is kept beside the rows (the two orders) follows from the rows.

Must not import the rest of the actor.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Any, Final

from ..actor import Deferred, Ok, Refusal, State, Turn
from ..durations import SECOND
from ..host import Tables
from ..messages.activity import ActivityTask
from ..messages.task_queue import LeavePoll, PollActivityTasks, PolledActivityTasks
from ..records import evolve, record

POLL_LEASE_NS: Final = 10 * SECOND
"""So long has a poller to lease what it was given."""
POLL_WAIT_MAX_NS: Final = 60 * SECOND
POLLS_MAX: Final = 1_000
"""So many polls of one queue are open at most."""
TASKS_MAX: Final = 100
"""So many tasks are in one answer at most."""

EMPTY: Final = PolledActivityTasks()
OK: Final = Ok()


@record
class ParkedActivity:
    """An activity whose attempt ``token`` waits for a worker; until ``leased_until_ns`` it is given to the
    poll ``poll_id``."""

    token: str
    parked_ns: int
    attempt: int = 0
    poll_id: str = ""
    leased_until_ns: int | None = None


@record
class OpenPoll:
    """A poll that waits for tasks."""

    namespace: str
    task_queue: str
    until_ns: int
    max_tasks: int
    identity: str = ""


class TaskQueueState(State):
    """One queue's rows: tables ``worker``, ``workflow``, ``activity`` and ``poll``, and row ``release`` of
    ``plan``."""

    __slots__ = ("abandoned", "free", "given")

    def __init__(self, key: str, tables: Tables) -> None:
        super().__init__(key, tables)
        self.abandoned = list(self.table("poll"))
        """Polls of an earlier incarnation."""
        self.free: list[tuple[int, str]] = []
        """Heap of (parked, activity key): to be given to the next poll. Entries without a row are stale."""
        self.given: list[tuple[int, str]] = []
        """Heap of (end of the poll lease, activity key). Entries that differ from their row are stale."""
        for activity_key, row in self.table("activity").items():
            if row.leased_until_ns is None:
                self.free.append((row.parked_ns, str(activity_key)))
            else:
                self.given.append((row.leased_until_ns, str(activity_key)))
        heapify(self.free)
        heapify(self.given)

    def parked(self, activity_key: str, row: ParkedActivity) -> None:
        """The activity is parked from now on."""
        heappush(self.free, (row.parked_ns, activity_key))

    def released(self) -> None:
        """No activity is parked any more."""
        self.free.clear()
        self.given.clear()

    def given_row(self) -> tuple[int, str] | None:
        """The poll lease that ends first: (when, activity key)."""
        given = self.given
        while given:
            until_ns, activity_key = given[0]
            row: ParkedActivity | None = self.get("activity", activity_key)
            if row is not None and row.leased_until_ns == until_ns:
                return given[0]
            heappop(given)
        return None

    def take_back(self, now: int) -> None:
        """Whatever was given to a poll in vain may be given again."""
        while (first := self.given_row()) is not None and first[0] <= now:
            heappop(self.given)
            heappush(self.free, (self.rows["activity"][first[1]].parked_ns, first[1]))

    def next_free(self, now: int) -> str | None:
        """Take out the activity that has waited longest, its key; None: there is none."""
        self.take_back(now)
        while self.free:
            parked_ns, activity_key = heappop(self.free)
            row: ParkedActivity | None = self.get("activity", activity_key)
            if row is None or row.parked_ns != parked_ns:
                continue
            if row.leased_until_ns is None or row.leased_until_ns <= now:
                return activity_key
        return None

    def given_to(self, poll_id: str, now: int) -> list[str]:
        """What the poll was given and may still lease, in the order of giving."""
        rows = self.table("activity")
        found = [
            activity_key
            for until_ns, activity_key in self.given
            if until_ns > now
            and (row := rows.get(activity_key)) is not None
            and row.leased_until_ns == until_ns
            and row.poll_id == poll_id
        ]
        return sorted(found, key=lambda activity_key: (rows[activity_key].parked_ns, activity_key))


def poll(state: TaskQueueState, message: PollActivityTasks, turn: Turn) -> Any:
    """Give tasks to a poll, or keep it open until there are some."""
    match(state, turn)
    waiting = state.table("poll")
    if message.poll_id not in waiting:
        again = state.given_to(message.poll_id, turn.now)  # the answer was lost
        if again:
            return _tasks(state, message, again)
        given = _give(state, turn, message.poll_id, _limit(message))
        if given:
            return _tasks(state, message, given)
        if message.wait_ns <= 0:
            return EMPTY
        if len(waiting) >= POLLS_MAX:
            return Refusal(
                code="too_many_polls", message=f"{POLLS_MAX} polls of this queue are open", retryable=True
            )
    opened = OpenPoll(
        namespace=message.namespace,
        task_queue=message.task_queue,
        until_ns=turn.now + min(message.wait_ns, POLL_WAIT_MAX_NS),
        max_tasks=_limit(message),
        identity=message.identity,
    )
    turn.put("poll", message.poll_id, opened)
    return Deferred(_waiter(message.poll_id))


def _limit(message: PollActivityTasks) -> int:
    return max(1, min(message.max_tasks, TASKS_MAX))


def leave(state: TaskQueueState, message: LeavePoll, turn: Turn) -> Any:
    """The poller goes away."""
    if message.poll_id in state.table("poll"):
        _answer(turn, message.poll_id, EMPTY)
    for activity_key in state.given_to(message.poll_id, turn.now):
        row = evolve(state.rows["activity"][activity_key], leased_until_ns=None, poll_id="")
        turn.put("activity", activity_key, row)
        state.parked(activity_key, row)
    match(state, turn)
    return OK


def match(state: TaskQueueState, turn: Turn) -> None:
    """End the polls whose time is over, and give what is free to those that wait."""
    for poll_id in state.abandoned:
        turn.delete("poll", poll_id)
    state.abandoned.clear()
    waiting: dict[Any, OpenPoll] = state.table("poll")
    for poll_id, opened in list(waiting.items()):
        if opened.until_ns <= turn.now:
            _answer(turn, poll_id, EMPTY)
    for poll_id, opened in list(waiting.items()):
        given = _give(state, turn, poll_id, opened.max_tasks)
        if not given:
            return
        _answer(turn, poll_id, _tasks(state, opened, given))


def next_poll_event(state: TaskQueueState) -> int | None:
    """When a poll ends, or a task comes back that a poll waits for."""
    waiting: dict[Any, OpenPoll] = state.table("poll")
    if not waiting:
        return None
    ends_ns = min(opened.until_ns for opened in waiting.values())
    given = state.given_row()
    return ends_ns if given is None else min(ends_ns, given[0])


def _give(state: TaskQueueState, turn: Turn, poll_id: str, limit: int) -> list[str]:
    """Lease up to ``limit`` tasks to the poll; their activity keys."""
    given: list[str] = []
    until_ns = turn.now + POLL_LEASE_NS
    while len(given) < limit and (activity_key := state.next_free(turn.now)) is not None:
        row = evolve(state.rows["activity"][activity_key], poll_id=poll_id, leased_until_ns=until_ns)
        turn.put("activity", activity_key, row)
        heappush(state.given, (until_ns, activity_key))
        given.append(activity_key)
    return given


def _tasks(
    state: TaskQueueState, asked: PollActivityTasks | OpenPoll, activity_keys: list[str]
) -> PolledActivityTasks:
    rows: dict[Any, ParkedActivity] = state.table("activity")
    return PolledActivityTasks(
        tasks=tuple(
            ActivityTask(
                namespace=asked.namespace,
                task_queue=asked.task_queue,
                activity_key=activity_key,
                token=rows[activity_key].token,
                attempt=rows[activity_key].attempt,
            )
            for activity_key in activity_keys
        )
    )


def _answer(turn: Turn, poll_id: str, reply: PolledActivityTasks) -> None:
    turn.delete("poll", poll_id)
    turn.resolve(_waiter(poll_id), reply)


def _waiter(poll_id: str) -> str:
    return f"poll:{poll_id}"
