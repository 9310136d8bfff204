"""The rows of a TimerDO, and the schedule they add up to.

    schedule  "identity"   ScheduleIdentity   which schedule this is; the only row a deleted one leaves
    schedule  "state"      ScheduleState      without its runs and waiting fires
    schedule  "action"     WorkflowToStart    what it starts
    schedule  "waiting"    WaitingStarts      the fires that wait, oldest first
    run       sequence     ScheduledRun       one open run
    request   request id   ScheduleRequest    one answered request, for a day

Owns the mapping between the rows and one :class:`ScheduleState`. Invariants: a turn writes the rows that
changed and no others; sequences are never used twice, not even by a schedule that is made anew under the id
of a deleted one. Must not import: a clock, a host.
"""

from __future__ import annotations

from typing import Final

from ..actor import State, Turn
from ..durations import DAY
from ..errors import InvariantViolation
from ..host import Tables
from ..records import evolve, record
from ..schedules.messages import ScheduleDefinition, WorkflowToStart
from ..schedules.state import BufferedStart, ScheduleState

SCHEDULE: Final = "schedule"
RUN: Final = "run"
REQUEST: Final = "request"

REQUEST_RETENTION_NS: Final = DAY


@record
class ScheduleIdentity:
    """Which schedule an object is. ``next_sequence`` counts on from a deleted schedule; ``creation`` is how
    often one was made."""

    namespace: str
    schedule_id: str
    version: int = 1
    next_sequence: int = 1
    creation: int = 1


@record
class WaitingStarts:
    """The fires that wait for a run to close."""

    starts: tuple[BufferedStart, ...]


@record
class ScheduleRequest:
    """A request that was accepted."""

    accepted_ns: int


class TimerState(State):
    """One schedule in memory; ``schedule`` is None before it is made and after it was deleted."""

    __slots__ = ("schedule",)

    def __init__(self, key: str, tables: Tables) -> None:
        super().__init__(key, tables)
        core: ScheduleState | None = self.get(SCHEDULE, "state")
        self.schedule: ScheduleState | None = None
        if core is not None:
            waiting: WaitingStarts | None = self.get(SCHEDULE, "waiting")
            self.schedule = evolve(
                core,
                running=tuple(self.table(RUN).values()),
                buffered=() if waiting is None else waiting.starts,
            )

    @property
    def identity(self) -> ScheduleIdentity | None:
        """Which schedule this is or was."""
        return self.get(SCHEDULE, "identity")

    @property
    def known_identity(self) -> ScheduleIdentity:
        """The identity of a schedule that exists."""
        identity = self.identity
        if identity is None:
            raise InvariantViolation(f"{self.key} has a schedule and no identity")
        return identity

    @property
    def known_action(self) -> WorkflowToStart:
        """What the schedule, which exists, starts."""
        action: WorkflowToStart | None = self.get(SCHEDULE, "action")
        if action is None:
            raise InvariantViolation(f"{self.key} has a schedule and nothing to start")
        return action

    def write(self, turn: Turn, schedule: ScheduleState) -> None:
        """Make ``schedule`` the state, writing what differs."""
        known = self.schedule
        self.schedule = schedule
        if schedule is known:
            return
        core = schedule
        if schedule.running or schedule.buffered:
            core = evolve(schedule, running=(), buffered=())
        if core != self.get(SCHEDULE, "state"):
            turn.put(SCHEDULE, "state", core)
        if known is None or schedule.buffered is not known.buffered:
            if schedule.buffered:
                turn.put(SCHEDULE, "waiting", WaitingStarts(starts=schedule.buffered))
            else:
                turn.delete(SCHEDULE, "waiting")
        if known is None or schedule.running is not known.running:
            rows = self.table(RUN)
            open_now = {run.sequence: run for run in schedule.running}
            for sequence in [sequence for sequence in rows if sequence not in open_now]:
                turn.delete(RUN, sequence)
            for sequence, run in open_now.items():
                if rows.get(sequence) != run:
                    turn.put(RUN, sequence, run)

    def write_definition(
        self, turn: Turn, definition: ScheduleDefinition, identity: ScheduleIdentity
    ) -> None:
        """Write what the schedule starts and who it is."""
        turn.put(SCHEDULE, "action", definition.action)
        turn.put(SCHEDULE, "identity", identity)

    def bury(self, turn: Turn) -> None:
        """Delete everything but the identity, which remembers how far the sequences went."""
        if self.schedule is not None:
            buried = evolve(self.known_identity, next_sequence=self.schedule.next_sequence)
            turn.put(SCHEDULE, "identity", buried)
        for name in ("state", "action", "waiting"):
            turn.delete(SCHEDULE, name)
        turn.drop_table(RUN)
        self.schedule = None

    def remember(self, turn: Turn, request_id: str) -> None:
        """Note that a request was accepted, and forget those that nobody repeats any more."""
        rows = self.table(REQUEST)
        limit = turn.now - REQUEST_RETENTION_NS
        for old in [name for name, row in rows.items() if row.accepted_ns < limit]:
            turn.delete(REQUEST, old)
        turn.put(REQUEST, request_id, ScheduleRequest(accepted_ns=turn.now))
