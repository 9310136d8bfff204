"""The schedule's state machine: ``(state, ..., now) -> (state, effects)``, pure.

Owns what a schedule does when time passes and when a run closes; what its owner asks for is in
``requests.py``.

Rules
- Fires are dealt with in nominal order; ``cursor_ns`` follows them. A fire noticed later than the catch-up
  window after it was due is counted as missed; any other late one is caught up.
- While a schedule is inactive (paused, or no actions left) its times pass without effect, and becoming
  active again does not call them back. The same holds for times before a change of the specification.
- Triggers and backfills act on paused schedules too and do not use up ``remaining_actions``.
- Like every fire, a backfilled one keeps within the specification's start and end.
- Every run that the schedule started counts as running for the overlap table, whoever caused it.
- Failed and timed-out runs pause the schedule when it asks for that; waiting scheduled fires are then
  dropped. Cancelled and terminated runs do not.
- One turn does a bounded amount of work; what is left makes :func:`next_wake` return a time in the past.

Must not import: the host, a clock, entropy.
"""

from __future__ import annotations

from ..errors import invariant
from ..records import evolve
from .overlap import Decision, decide
from .spec import format_instant, jittered, next_fire
from .state import (
    BUFFER_MAX,
    FIRES_PER_TURN_MAX,
    RECENT_ACTIONS_MAX,
    STARTS_PER_TURN_MAX,
    BufferedStart,
    CancelRun,
    Effect,
    RecentAction,
    ScheduledRun,
    ScheduleState,
    StartRun,
    TerminateRun,
)

Step = tuple[ScheduleState, tuple[Effect, ...]]

FAILED_STATUSES = frozenset({"WORKFLOW_EXECUTION_STATUS_FAILED", "WORKFLOW_EXECUTION_STATUS_TIMED_OUT"})


# --- questions --------------------------------------------------------------------------------------------


def is_active(state: ScheduleState) -> bool:
    """Does the schedule start runs by itself?"""
    return not state.paused and not state.deleted and state.remaining_actions != 0


def next_wake(state: ScheduleState) -> int | None:
    """When :func:`due` has something to do next; in the past if work is left over, None if never."""
    if state.deleted:
        return None
    wakes = []
    if state.backfills and len(state.buffered) < BUFFER_MAX:
        wakes.append(state.backfills[0].requested_ns)
    if is_active(state):
        nominal = next_fire(state.spec, state.cursor_ns)
        if nominal is not None:
            wakes.append(jittered(state.spec, nominal, state.schedule_id))
    return min(wakes, default=None)


# --- time passes ------------------------------------------------------------------------------------------


def due(state: ScheduleState, now: int) -> Step:
    """Do what is due at ``now``: backfills asked for, then fires whose (jittered) time has come.

    Calling it again at the same time does nothing more, unless a bound of one turn was reached.
    """
    if state.deleted:
        return state, ()
    effects: list[Effect] = []
    state = _replay_backfills(state, now, effects)
    state = _fire_scheduled(state, now, effects)
    return state, tuple(effects)


def _fire_scheduled(state: ScheduleState, now: int, effects: list[Effect]) -> ScheduleState:
    for _ in range(FIRES_PER_TURN_MAX):
        if not is_active(state) or len(effects) >= STARTS_PER_TURN_MAX:
            break
        nominal = next_fire(state.spec, state.cursor_ns)
        if nominal is None or nominal > now:
            break
        scheduled = jittered(state.spec, nominal, state.schedule_id)
        if scheduled > now:
            break
        invariant(nominal > state.cursor_ns, "fire times increase", nominal=nominal, cursor=state.cursor_ns)
        state = evolve(state, cursor_ns=nominal)
        if now - scheduled > state.policies.catchup_window_ns:
            state = _count(state, "missed_catchup")
            continue
        wanted = BufferedStart(nominal_ns=nominal, scheduled_ns=scheduled, overlap=state.policies.overlap)
        state = fire(state, wanted, now, effects)
    return state


def _replay_backfills(state: ScheduleState, now: int, effects: list[Effect]) -> ScheduleState:
    for _ in range(FIRES_PER_TURN_MAX):
        if not state.backfills or len(effects) >= STARTS_PER_TURN_MAX or len(state.buffered) >= BUFFER_MAX:
            break
        first, rest = state.backfills[0], state.backfills[1:]
        nominal = next_fire(state.spec, first.next_ns - 1)
        if nominal is None or nominal > first.end_ns:
            state = evolve(state, backfills=rest)
            continue
        state = evolve(state, backfills=(evolve(first, next_ns=nominal + 1), *rest))
        wanted = BufferedStart(nominal_ns=nominal, scheduled_ns=now, overlap=first.overlap, manual=True)
        state = fire(state, wanted, now, effects)
    return state


def fire(state: ScheduleState, wanted: BufferedStart, now: int, effects: list[Effect]) -> ScheduleState:
    """Carry out the overlap table's decision for one fire."""
    decision = decide(wanted.overlap, running=bool(state.running), waiting=bool(state.buffered))
    if decision is Decision.START:
        return _start(state, wanted, now, effects)
    if decision is Decision.DROP:
        return _count(state, "overlap_skipped")
    if decision is Decision.BUFFER:
        if len(state.buffered) >= BUFFER_MAX:
            return _count(state, "buffer_dropped")
        return evolve(state, buffered=(*state.buffered, wanted))
    state = _count(state, "overlap_skipped", len(state.buffered))
    return _stop_running(evolve(state, buffered=(wanted,)), decision is Decision.TERMINATE, effects)


def _stop_running(state: ScheduleState, terminate: bool, effects: list[Effect]) -> ScheduleState:
    """Cancel or terminate what runs, each run once; a cancelled run may still be terminated.

    A run whose start has not been answered is stopped by workflow id: the effect follows the start.
    """
    running: list[ScheduledRun] = []
    for run in state.running:
        if terminate and not run.terminate_requested:
            effects.append(
                TerminateRun(
                    workflow_id=run.workflow_id,
                    run_id=run.run_id,
                    reason=f"schedule {state.schedule_id!r}: a later start replaces this run",
                )
            )
            run = evolve(run, terminate_requested=True)
        elif not terminate and not run.cancel_requested and not run.terminate_requested:
            effects.append(CancelRun(workflow_id=run.workflow_id, run_id=run.run_id))
            run = evolve(run, cancel_requested=True)
        running.append(run)
    return evolve(state, running=tuple(running))


def _start(state: ScheduleState, fire: BufferedStart, now: int, effects: list[Effect]) -> ScheduleState:
    sequence = state.next_sequence
    workflow_id = _workflow_id(state, fire.nominal_ns)
    effects.append(
        StartRun(
            sequence=sequence,
            workflow_id=workflow_id,
            nominal_ns=fire.nominal_ns,
            scheduled_ns=fire.scheduled_ns,
        )
    )
    run = ScheduledRun(sequence=sequence, workflow_id=workflow_id, nominal_ns=fire.nominal_ns, started_ns=now)
    action = RecentAction(
        sequence=sequence, workflow_id=workflow_id, nominal_ns=fire.nominal_ns, started_ns=now
    )
    remaining = state.remaining_actions
    if remaining is not None and not fire.manual:
        invariant(remaining > 0, "an inactive schedule starts nothing by itself", schedule=state.schedule_id)
        remaining -= 1
    return evolve(
        _count(state, "actions"),
        next_sequence=sequence + 1,
        running=(*state.running, run),
        recent=(*state.recent, action)[-RECENT_ACTIONS_MAX:],
        remaining_actions=remaining,
    )


def _workflow_id(state: ScheduleState, nominal_ns: int) -> str:
    """Temporal's form, ``<base>-<nominal time>``; numbered while a run of that id is open."""
    plain = f"{state.workflow_id_base}-{format_instant(nominal_ns)}"
    taken = {run.workflow_id for run in state.running}
    workflow_id, number = plain, 2
    while workflow_id in taken:
        workflow_id, number = f"{plain}-{number}", number + 1
    return workflow_id


def _count(state: ScheduleState, counter: str, by: int = 1) -> ScheduleState:
    if not by:
        return state
    counters = evolve(state.counters, **{counter: getattr(state.counters, counter) + by})
    return evolve(state, counters=counters)


# --- news of the runs -------------------------------------------------------------------------------------


def on_started(state: ScheduleState, workflow_id: str, run_id: str) -> ScheduleState:
    """The start of ``workflow_id`` was accepted; unless it is waited for, nothing changes (told twice)."""
    started = _open_run(state, workflow_id)
    if started is None or started.run_id:
        return state
    known = evolve(started, run_id=run_id)
    return evolve(
        state,
        running=tuple(known if run is started else run for run in state.running),
        recent=_recent_with(state, started, run_id=run_id),
    )


def on_start_failed(state: ScheduleState, workflow_id: str, now: int) -> Step:
    """The start of ``workflow_id`` was refused for good; the next in line gets its turn."""
    failed = _open_run(state, workflow_id)
    if failed is None or failed.run_id:
        return state, ()
    running = tuple(run for run in state.running if run is not failed)
    recent = _recent_with(state, failed, status="START_FAILED")
    state = _count(evolve(state, running=running, recent=recent), "start_failed")
    return _next_in_line(state, now)


def on_workflow_closed(state: ScheduleState, workflow_id: str, run_id: str, status: str, now: int) -> Step:
    """A run (its whole chain) is over. ``status`` is Temporal's, ``WORKFLOW_EXECUTION_STATUS_...``.

    A report about a run that is not known as open changes nothing.
    """
    closed = _open_run(state, workflow_id)
    if closed is None:
        return state, ()
    state = evolve(
        state,
        running=tuple(run for run in state.running if run is not closed),
        recent=_recent_with(state, closed, run_id=run_id, status=status),
    )
    may_pause = state.policies.pause_on_failure and not state.paused and not state.deleted
    if may_pause and status in FAILED_STATUSES:
        outcome = status.removeprefix("WORKFLOW_EXECUTION_STATUS_").lower().replace("_", " ")
        note = f"Paused because the run {workflow_id} ended as {outcome}"
        state = evolve(state, paused=True, updated_ns=now, note=note)
    return _next_in_line(state, now)


def _next_in_line(state: ScheduleState, now: int) -> Step:
    """Start the fire that waited longest, once nothing runs."""
    effects: list[Effect] = []
    while state.buffered and not state.running:
        fire, rest = state.buffered[0], state.buffered[1:]
        state = evolve(state, buffered=rest)
        if not fire.manual and not is_active(state):
            continue  # Paused or used up meanwhile: a fire that waits has no claim to be caught up.
        state = _start(state, fire, now, effects)
    return state, tuple(effects)


def _open_run(state: ScheduleState, workflow_id: str) -> ScheduledRun | None:
    return next((run for run in state.running if run.workflow_id == workflow_id), None)


def _recent_with(state: ScheduleState, run: ScheduledRun, **changes: str) -> tuple[RecentAction, ...]:
    """The recent actions, with that of ``run`` (if still remembered) changed."""
    return tuple(
        evolve(action, **changes) if action.sequence == run.sequence else action for action in state.recent
    )
