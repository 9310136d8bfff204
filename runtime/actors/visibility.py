"""VisibilityDO: one shard of a namespace's index of executions.

Owns one record per run, newest version only, and what the recovery sweep has to know: which runs are open,
which closed ones may still have something to send, which schedules exist. Invariants: an older version never
replaces a newer one, a repeat changes nothing, and a page token names a position, not a snapshot: runs that
start while somebody pages are newer than his position, so he sees each earlier one exactly once.

    RecordExecution     keep it, unless what is here is as new
    ForgetExecution     delete it
    ListExecutions      what matches the filter, newest start first, ties by run id
    CountExecutions     how many match
    RegisterSchedule, ForgetSchedule    a schedule's object exists, or does no more
    RecordExpiry        an archive that is to delete itself
    ListSchedules       the ids of schedules, in their order
    ListAwake           the objects that should be awake, a page at a time
    RunsAtRest          runs and schedules that are over and were found with nothing left to send

Must not import a clock. A filter that cannot be parsed is refused with code ``invalid_query``.
"""

from __future__ import annotations

from typing import Any, Final

from ..actor import Actor, Alarm, Ok, Poke, Refusal, State, Turn
from ..durations import HOUR
from ..errors import InvalidArgumentError
from ..host import Tables
from ..keys import VISIBILITY, decode_part, parse_key, workflow_key
from ..messages.visibility import (
    AwakeList,
    CountExecutions,
    ExecutionCount,
    ExecutionList,
    ExecutionRecord,
    ForgetExecution,
    ForgetSchedule,
    ListAwake,
    ListExecutions,
    ListSchedules,
    RecordExecution,
    RecordExpiry,
    RegisterSchedule,
    RunsAtRest,
    ScheduleList,
)
from ..records import record

TABLE: Final = "execution"
CLOSING: Final = "closing"
SCHEDULE: Final = "schedule"
CLEANUP_NS: Final = 25 * HOUR
"""So long after its end a closed run is swept once more: its activities must be forgotten by then."""
RETENTION_NS: Final = 73 * HOUR
"""A closed run that is still here so long after its end has lost the alarm of its retention, perhaps."""
PAGE_SIZE_MAX: Final = 1000

OK: Final = Ok()


@record
class AwakeMark:
    """That a run or schedule that is over, or an archive, is to be swept from ``due_ns`` on; its key says
    which. ``creation`` is the schedule's."""

    due_ns: int = 0
    creation: int = 1


AWAKE: Final = AwakeMark()


class VisibilityState(State):
    """One shard's rows: table ``execution`` by run id, ``schedule`` by object key, and ``closing`` by what no
    sweep has found at rest yet: the ids of closed runs, the object keys of deleted schedules and of archives
    with an end, and for a forgotten run the key of its workflow's object, "#" and its id."""

    __slots__ = ()


class VisibilityActor(Actor[VisibilityState]):
    """The behaviour of every VisibilityDO."""

    kind = VISIBILITY

    def __init__(self) -> None:
        self.handlers = {
            RecordExecution: _record,
            ForgetExecution: _forget,
            ListExecutions: _list,
            CountExecutions: _count,
            RegisterSchedule: _register_schedule,
            ForgetSchedule: _forget_schedule,
            RecordExpiry: _record_expiry,
            ListSchedules: _list_schedules,
            ListAwake: _list_awake,
            RunsAtRest: _runs_at_rest,
            Alarm: _nothing,
            Poke: _nothing,
        }

    def load(self, key: str, tables: Tables) -> VisibilityState:
        """The shard ``key`` from its rows."""
        return VisibilityState(key, tables)

    def next_alarm(self, state: VisibilityState) -> int | None:
        """An index does nothing by itself."""
        return None


def list_order(execution: ExecutionRecord) -> tuple[int, str]:
    """Sort key of a list: newest start first, ties by run id. Shards are merged by it."""
    return -execution.start_ns, execution.run_id


def page_token_after(execution: ExecutionRecord) -> str:
    """The token that continues a list after ``execution``; the same in every shard."""
    return f"{execution.start_ns}:{execution.run_id}"


def _position(page_token: str) -> tuple[int, str]:
    start_ns, colon, run_id = page_token.partition(":")
    if not colon or not start_ns.isdecimal():
        raise InvalidArgumentError(
            f"{page_token!r} is not a page token; pass the next_page_token of the page before",
            page_token=page_token,
        )
    return -int(start_ns), run_id


def _record(state: VisibilityState, message: RecordExecution, turn: Turn) -> Any:
    execution = message.execution
    known: ExecutionRecord | None = state.get(TABLE, execution.run_id)
    if known is None or known.version < execution.version:
        turn.put(TABLE, execution.run_id, execution)
        if execution.close_ns is not None:
            turn.put(CLOSING, execution.run_id, AWAKE)
    return OK


def _forget(state: VisibilityState, message: ForgetExecution, turn: Turn) -> Any:
    execution: ExecutionRecord | None = state.get(TABLE, message.run_id)
    if execution is not None:
        turn.delete(TABLE, message.run_id)
        turn.delete(CLOSING, message.run_id)
        # Its object may not know that the message is here: it is swept until it has nothing left to send.
        key = workflow_key(execution.namespace, execution.workflow_id)
        turn.put(CLOSING, f"{key}#{message.run_id}", AWAKE)
    return OK


def _register_schedule(state: VisibilityState, message: RegisterSchedule, turn: Turn) -> Any:
    if message.creation > _creation(state, message.key):
        turn.put(SCHEDULE, message.key, AwakeMark(creation=message.creation))
        turn.delete(CLOSING, message.key)
    return OK


def _forget_schedule(state: VisibilityState, message: ForgetSchedule, turn: Turn) -> Any:
    if message.creation >= _creation(state, message.key):
        # Its message may be here and its object not know: it is swept until it has nothing left to send.
        turn.delete(SCHEDULE, message.key)
        turn.put(CLOSING, message.key, AwakeMark(creation=message.creation))
    return OK


def _creation(state: VisibilityState, key: str) -> int:
    """The newest creation of the schedule ``key`` that is known; 0: none."""
    mark = state.get(SCHEDULE, key) or state.get(CLOSING, key)
    return 0 if mark is None else int(mark.creation)


def _list_schedules(state: VisibilityState, message: ListSchedules, turn: Turn) -> ScheduleList:
    found = sorted(decode_part(parse_key(str(key)).name) for key in state.table(SCHEDULE))
    found = [schedule_id for schedule_id in found if schedule_id > message.page_token]
    size = min(max(message.page_size, 1), PAGE_SIZE_MAX)
    page = tuple(found[:size])
    return ScheduleList(schedule_ids=page, next_page_token=page[-1] if len(found) > size else "")


def _list_awake(state: VisibilityState, message: ListAwake, turn: Turn) -> AwakeList:
    closing = state.table(CLOSING)
    found: list[tuple[str, str, str]] = [(key, key, "") for key in map(str, state.table(SCHEDULE))]
    later_ns: list[int] = []
    for key, mark in closing.items():
        if not _is_key(str(key)):
            continue
        if mark.due_ns > turn.now:
            later_ns.append(mark.due_ns)
        else:
            found.append((str(key), str(key).partition("#")[0], str(key)))
    for run_id, execution in state.table(TABLE).items():
        closed_run_id = ""
        if execution.close_ns is not None:
            due_ns = execution.close_ns + RETENTION_NS
            if run_id in closing:
                closed_run_id = str(run_id)
                due_ns = closing[run_id].due_ns
            if due_ns > turn.now:
                later_ns.append(due_ns)
                continue
        key = workflow_key(execution.namespace, execution.workflow_id)
        found.append((str(run_id), key, closed_run_id))
    found.sort()
    if message.after:
        found = [entry for entry in found if entry[0] > message.after]
    page = found[: max(message.page_size, 1)]
    return AwakeList(
        keys=tuple(key for _, key, _ in page),
        closed_run_ids=tuple(run_id for _, _, run_id in page),
        next=page[-1][0] if len(page) < len(found) else "",
        later_ns=min(later_ns, default=None),
    )


def _runs_at_rest(state: VisibilityState, message: RunsAtRest, turn: Turn) -> Any:
    for run_id in message.run_ids:
        if _is_key(run_id):
            turn.delete(CLOSING, run_id)
            continue
        execution: ExecutionRecord | None = state.get(TABLE, run_id)
        if execution is None or execution.close_ns is None:
            continue
        due_ns = execution.close_ns + CLEANUP_NS
        if due_ns > turn.now:
            turn.put(CLOSING, run_id, AwakeMark(due_ns=due_ns))
        else:
            turn.delete(CLOSING, run_id)
    return OK


def _record_expiry(state: VisibilityState, message: RecordExpiry, turn: Turn) -> Any:
    if state.get(CLOSING, message.key) is None:
        turn.put(CLOSING, message.key, AwakeMark(due_ns=message.due_ns))
    return OK


def _is_key(name: str) -> bool:
    """Does a name in ``closing`` begin with the key of an object, and is no run id?"""
    return "/" in name


def _matching(state: VisibilityState, query: str) -> list[ExecutionRecord]:
    executions = state.table(TABLE).values()
    if not query.strip():
        return list(executions)
    from ..visibility_query import matches, parse

    wanted = parse(query)
    return [execution for execution in executions if matches(wanted, execution)]


def _list(state: VisibilityState, message: ListExecutions, turn: Turn) -> Any:
    try:
        found = _matching(state, message.query)
        after = _position(message.page_token) if message.page_token else None
    except InvalidArgumentError as error:
        return Refusal(code="invalid_query", message=str(error))
    found.sort(key=list_order)
    if after is not None:
        found = [execution for execution in found if list_order(execution) > after]
    size = min(max(message.page_size, 1), PAGE_SIZE_MAX)
    page = tuple(found[:size])
    return ExecutionList(
        executions=page, next_page_token=page_token_after(page[-1]) if len(found) > size else ""
    )


def _count(state: VisibilityState, message: CountExecutions, turn: Turn) -> Any:
    try:
        return ExecutionCount(count=len(_matching(state, message.query)))
    except InvalidArgumentError as error:
        return Refusal(code="invalid_query", message=str(error))


def _nothing(state: VisibilityState, message: Any, turn: Turn) -> Any:
    return OK
