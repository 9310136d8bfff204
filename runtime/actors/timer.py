"""TimerDO: one schedule, from its creation to its deletion.

    message              absent       alive                                   turns into
    -------------------  -----------  --------------------------------------  -----------------------------
    CreateSchedule       make it      already_exists, unless it is a repeat   first fire strictly later
    PauseSchedule        not_found    pause
    UnpauseSchedule      not_found    go on with the next time
    TriggerSchedule      not_found    fire now                                StartWorkflow, or waits
    BackfillSchedule     not_found    replay past times                       StartWorkflow ..., or wait
    UpdateSchedule       not_found    replace the definition, or conflict
    DeleteSchedule       not_found    bury it                                 absent
    DescribeSchedule     not_found    describe; writes nothing
    ScheduledRunStarted  nothing      the start was accepted or refused       Cancel, Terminate or the next
    ScheduledRunClosed   nothing      the run is over                         the next in line
    Alarm, Poke          nothing      do what is due                          StartWorkflow ...

Owns the translation between messages and the pure state machine in ``schedules``. Invariants
- A start's request id and run id follow from the schedule's key and the start's sequence, so a start that is
  delivered twice starts once, and a report can be told from one about another start of the same workflow id.
- Every start is answered by a fact, whoever it was refused by; a run that should stop before its start was
  answered is stopped when the answer comes, so no stranger's run is ever stopped in its place.
- A report that is late, repeated or about a deleted schedule changes nothing.

Must not import: a clock, a host, the workflow actor.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from ..actor import OUTBOX, Actor, AfterDelivery, Alarm, Ok, Poke, Refusal, Turn
from ..errors import InvalidArgumentError
from ..history import SearchAttributes
from ..host import Tables
from ..instants import to_datetime
from ..keys import TIMER, visibility_key, visibility_shard, workflow_key
from ..messages.schedule import ScheduledRunClosed, ScheduledRunStarted
from ..messages.visibility import ForgetSchedule, RegisterSchedule
from ..messages.workflow import RequestCancelWorkflow, StartWorkflow, TerminateWorkflow
from ..records import evolve
from ..schedules import requests
from ..schedules.description import describe
from ..schedules.messages import (
    SCHEDULED_BY_ID,
    SCHEDULED_START_TIME,
    BackfillSchedule,
    CreateSchedule,
    DeleteSchedule,
    DescribeSchedule,
    PauseSchedule,
    ScheduleDefinition,
    ScheduleReply,
    TriggerSchedule,
    UnpauseSchedule,
    UpdateSchedule,
)
from ..schedules.state import Effect, ScheduledRun, ScheduleState, StartRun, TerminateRun
from ..schedules.transitions import Step, due, next_wake, on_start_failed, on_started, on_workflow_closed
from ..search_attributes import encode_search_attributes
from .timer_rows import REQUEST, ScheduleIdentity, TimerState

OK: Final = Ok()

Apply = Callable[[ScheduleState, Any, int], Step]


class TimerActor(Actor[TimerState]):
    """The behaviour of every TimerDO."""

    kind = TIMER

    def __init__(self) -> None:
        self.handlers = {
            CreateSchedule: _create,
            PauseSchedule: _request(_pause),
            UnpauseSchedule: _request(_unpause),
            TriggerSchedule: _request(_trigger),
            BackfillSchedule: _request(_backfill),
            UpdateSchedule: _update,
            DeleteSchedule: _delete,
            DescribeSchedule: _describe,
            ScheduledRunStarted: _run_started,
            ScheduledRunClosed: _run_closed,
            Alarm: _do_what_is_due,
            Poke: _poked,
        }

    def load(self, key: str, tables: Tables) -> TimerState:
        """The schedule ``key`` from its rows."""
        return TimerState(key, tables)

    def next_alarm(self, state: TimerState) -> int | None:
        """When the next fire is due; in the past if the last turn left work over."""
        return None if state.schedule is None else next_wake(state.schedule)


# --- what the owner asks for ------------------------------------------------------------------------------


def _create(state: TimerState, message: CreateSchedule, turn: Turn) -> Any:
    if state.get(REQUEST, message.request_id) is not None:
        return _registered(state)
    if state.schedule is not None:
        return Refusal(code="already_exists", message=f"schedule {message.schedule_id!r} exists already")
    definition, buried = message.definition, state.identity
    try:
        schedule = requests.create(
            schedule_id=message.schedule_id,
            workflow_id_base=definition.workflow_id_base,
            spec=definition.spec,
            policies=definition.policies,
            now=turn.now,
            paused=message.paused,
            note=message.note,
            remaining_actions=message.remaining_actions,
        )
    except InvalidArgumentError as error:
        return _invalid(error)
    creation = 1
    if buried is not None:
        schedule = evolve(schedule, next_sequence=buried.next_sequence)
        creation = buried.creation + 1
    identity = ScheduleIdentity(
        namespace=message.namespace, schedule_id=message.schedule_id, creation=creation
    )
    state.write_definition(turn, definition, identity)
    effects: tuple[Effect, ...] = ()
    if message.trigger_immediately:
        schedule, effects = requests.trigger(schedule, turn.now)
    state.remember(turn, message.request_id)
    turn.send(_index_key(identity), RegisterSchedule(key=state.key, creation=creation))
    _apply(state, turn, (schedule, effects))
    return _registered(state)


def _index_key(identity: ScheduleIdentity) -> str:
    return visibility_key(identity.namespace, visibility_shard(identity.schedule_id))


def _registered(state: TimerState) -> AfterDelivery | Ok:
    """The creation is acknowledged only once the recovery sweep can find the schedule."""
    for entry in state.table(OUTBOX).values():
        if type(entry.body) is RegisterSchedule:
            return AfterDelivery(entry.number, OK)
    return OK


def _request(apply: Apply) -> Callable[[TimerState, Any, Turn], Any]:
    """The handler of a request that changes the schedule by ``apply`` and is carried out once."""

    def handle(state: TimerState, message: Any, turn: Turn) -> Any:
        if state.get(REQUEST, message.request_id) is not None:
            return OK
        schedule = state.schedule
        if schedule is None:
            return _not_found()
        try:
            step = apply(schedule, message, turn.now)
        except InvalidArgumentError as error:
            return _invalid(error)
        state.remember(turn, message.request_id)
        return _apply(state, turn, step)

    return handle


def _pause(schedule: ScheduleState, message: PauseSchedule, now: int) -> Step:
    return requests.pause(schedule, now, message.note), ()


def _unpause(schedule: ScheduleState, message: UnpauseSchedule, now: int) -> Step:
    return requests.unpause(schedule, now, message.note), ()


def _trigger(schedule: ScheduleState, message: TriggerSchedule, now: int) -> Step:
    return requests.trigger(schedule, now, message.overlap)


def _backfill(schedule: ScheduleState, message: BackfillSchedule, now: int) -> Step:
    return due(requests.backfill(schedule, message.start_ns, message.end_ns, now, message.overlap), now)


def _update(state: TimerState, message: UpdateSchedule, turn: Turn) -> Any:
    repeated = state.get(REQUEST, message.request_id) is not None
    if state.schedule is None or repeated:
        return OK if repeated else _not_found()
    identity = state.known_identity
    if identity.version != message.expected_version:
        return Refusal(code="conflict", message="the schedule was updated meanwhile")
    reply = _request(_replace)(state, message, turn)
    if reply is OK:
        state.write_definition(turn, message.definition, evolve(identity, version=identity.version + 1))
    return reply


def _replace(schedule: ScheduleState, message: UpdateSchedule, now: int) -> Step:
    definition = message.definition
    changed = requests.update(
        schedule,
        now,
        spec=definition.spec,
        policies=definition.policies,
        workflow_id_base=definition.workflow_id_base,
        note=message.note,
        remaining_actions=message.remaining_actions,
    )
    return changed, ()


def _delete(state: TimerState, message: DeleteSchedule, turn: Turn) -> Any:
    if state.get(REQUEST, message.request_id) is not None:
        return OK
    if state.schedule is None:
        return _not_found()
    _tell_of_deletion(state, state.known_identity, turn)
    state.bury(turn)
    state.remember(turn, message.request_id)
    return OK


def _tell_of_deletion(state: TimerState, identity: ScheduleIdentity, turn: Turn) -> None:
    turn.send(_index_key(identity), ForgetSchedule(key=state.key, creation=identity.creation))


def _describe(state: TimerState, message: DescribeSchedule, turn: Turn) -> Any:
    schedule = state.schedule
    if schedule is None:
        return _not_found()
    return ScheduleReply(
        version=state.known_identity.version,
        definition=ScheduleDefinition(
            spec=schedule.spec,
            policies=schedule.policies,
            action=state.known_action,
            workflow_id_base=schedule.workflow_id_base,
        ),
        snapshot=describe(schedule, turn.now),
    )


def _not_found() -> Refusal:
    return Refusal(code="not_found", message="there is no such schedule")


def _invalid(error: InvalidArgumentError) -> Refusal:
    return Refusal(code="invalid", message=str(error))


# --- what happens by itself -------------------------------------------------------------------------------


def _do_what_is_due(state: TimerState, message: Alarm | Poke, turn: Turn) -> Any:
    if state.schedule is None:
        return OK
    return _apply(state, turn, due(state.schedule, turn.now))


def _poked(state: TimerState, message: Poke, turn: Turn) -> Any:
    """An alarm may have been lost: ours, or that of a run whose start or end we wait to hear of."""
    _do_what_is_due(state, message, turn)
    schedule, identity = state.schedule, state.identity
    if schedule is None:
        if identity is not None and not message.closed_run_id and not state.table(OUTBOX):
            # The index takes it for alive: a late registration has overtaken the deletion.
            _tell_of_deletion(state, identity, turn)
        return OK
    namespace = state.known_identity.namespace
    return tuple(workflow_key(namespace, run.workflow_id) for run in schedule.running)


def _run_started(state: TimerState, message: ScheduledRunStarted, turn: Turn) -> Any:
    schedule = state.schedule
    run = _open_run(schedule, message.workflow_id)
    if schedule is None or run is None or run.run_id:
        return OK
    if message.request_id and message.request_id != _request_id(state, run.sequence):
        return OK
    if not message.run_id:
        return _apply(state, turn, on_start_failed(schedule, message.workflow_id, turn.now))
    if message.run_id != _run_id(state, run.sequence):
        return OK
    state.write(turn, on_started(schedule, message.workflow_id, message.run_id))
    if run.cancel_requested or run.terminate_requested:
        _stop(state, turn, run, terminate=run.terminate_requested)
    return OK


def _run_closed(state: TimerState, message: ScheduledRunClosed, turn: Turn) -> Any:
    schedule = state.schedule
    run = _open_run(schedule, message.workflow_id)
    if schedule is None or run is None or not run.run_id:
        return OK  # A start is answered before its run is reported closed, so this is about an older one.
    if message.first_run_id and message.first_run_id != run.run_id:
        return OK
    step = on_workflow_closed(schedule, message.workflow_id, message.run_id, message.status, turn.now)
    return _apply(state, turn, step)


def _open_run(schedule: ScheduleState | None, workflow_id: str) -> ScheduledRun | None:
    if schedule is None:
        return None
    return next((run for run in schedule.running if run.workflow_id == workflow_id), None)


# --- effects ----------------------------------------------------------------------------------------------


def _apply(state: TimerState, turn: Turn, step: Step) -> Ok:
    """Write the new state and send what it asks for."""
    schedule, effects = step
    state.write(turn, schedule)
    for effect in effects:
        if isinstance(effect, StartRun):
            _start(state, turn, effect)
            continue
        run = _open_run(schedule, effect.workflow_id)
        if run is None or not run.run_id:
            continue  # Its start has not been answered; the answer finds the wish in the run's row.
        _stop(state, turn, run, terminate=isinstance(effect, TerminateRun))
    return OK


def _start(state: TimerState, turn: Turn, effect: StartRun) -> None:
    identity, action = state.known_identity, state.known_action
    turn.send(
        workflow_key(identity.namespace, effect.workflow_id),
        StartWorkflow(
            request_id=_request_id(state, effect.sequence),
            run_id=_run_id(state, effect.sequence),
            namespace=identity.namespace,
            workflow_id=effect.workflow_id,
            workflow_type=action.workflow_type,
            task_queue=action.task_queue,
            input=action.input,
            execution_timeout_ns=action.execution_timeout_ns,
            run_timeout_ns=action.run_timeout_ns,
            task_timeout_ns=action.task_timeout_ns,
            retry_policy=action.retry_policy,
            memo=action.memo,
            search_attributes=_search_attributes(action.search_attributes, identity, effect.nominal_ns),
            schedule_key=state.key,
            identity=_sender(identity),
            archive=action.archive,
        ),
    )


def _search_attributes(
    own: SearchAttributes | None, identity: ScheduleIdentity, nominal_ns: int
) -> SearchAttributes:
    """The workflow's own ones and Temporal's two, by which the runs of a schedule are listed."""
    added = encode_search_attributes(
        {SCHEDULED_START_TIME: to_datetime(nominal_ns), SCHEDULED_BY_ID: identity.schedule_id}
    )
    fields = {**(own.indexed_fields if own else {}), **(added.indexed_fields if added else {})}
    return SearchAttributes(indexed_fields=fields)


def _stop(state: TimerState, turn: Turn, run: ScheduledRun, *, terminate: bool) -> None:
    """Cancel or terminate ``run``: whichever run its chain has come to, hence by workflow id."""
    identity = state.known_identity
    request_id = _request_id(state, run.sequence)
    reason = f"schedule {identity.schedule_id!r}: a later start replaces this run"
    message: TerminateWorkflow | RequestCancelWorkflow
    if terminate:
        message = TerminateWorkflow(
            request_id=f"{request_id}:terminate", reason=reason, identity=_sender(identity)
        )
    else:
        message = RequestCancelWorkflow(
            request_id=f"{request_id}:cancel", reason=reason, identity=_sender(identity)
        )
    turn.send(workflow_key(identity.namespace, run.workflow_id), message)


def _sender(identity: ScheduleIdentity) -> str:
    return f"schedule:{identity.schedule_id}"


def _request_id(state: TimerState, sequence: int) -> str:
    return f"{state.key}#{sequence}"


def _run_id(state: TimerState, sequence: int) -> str:
    """The id of the run that a start proposes: derived, so that a repeated start proposes the same."""
    digest = blake2b(_request_id(state, sequence).encode(), digest_size=16).digest()
    return str(UUID(bytes=digest, version=4))
