"""What the owner of a schedule asks for: create, trigger, backfill, pause, unpause, update, delete.

Pure like ``transitions.py``. A request that is not acceptable raises InvalidArgumentError, and one to a
deleted schedule ScheduleNotFoundError, before anything changes.

Must not import: the host, a clock.
"""

from __future__ import annotations

from ..durations import SECOND, format_duration
from ..errors import InvalidArgumentError, ScheduleNotFoundError
from ..records import evolve
from .overlap import OverlapPolicy
from .spec import ScheduleSpec, format_instant, validate_spec
from .state import (
    BACKFILLS_MAX,
    CATCHUP_WINDOW_MIN_NS,
    Backfill,
    BufferedStart,
    Effect,
    SchedulePolicies,
    ScheduleState,
)
from .transitions import Step, fire, is_active


def create(
    *,
    schedule_id: str,
    workflow_id_base: str,
    spec: ScheduleSpec,
    now: int,
    policies: SchedulePolicies | None = None,
    paused: bool = False,
    note: str = "",
    remaining_actions: int | None = None,
) -> ScheduleState:
    """A new schedule; its first fire is strictly after ``now``."""
    if not schedule_id or not isinstance(schedule_id, str):
        raise InvalidArgumentError(f"schedule_id: {schedule_id!r} is not accepted. Accepted: non-empty text")
    return ScheduleState(
        schedule_id=schedule_id,
        workflow_id_base=workflow_id_base or schedule_id,
        spec=validate_spec(spec),
        policies=validate_policies(policies or SchedulePolicies()),
        paused=paused,
        note=note,
        remaining_actions=_check_remaining(remaining_actions),
        cursor_ns=now,
        created_ns=now,
        updated_ns=now,
    )


def validate_policies(policies: SchedulePolicies) -> SchedulePolicies:
    """Return ``policies`` if they are acceptable; raise InvalidArgumentError otherwise."""
    check_overlap(policies.overlap)
    window = policies.catchup_window_ns
    if type(window) is not int or window < CATCHUP_WINDOW_MIN_NS:
        shown = format_duration(window) if type(window) is int and window >= 0 else window
        raise InvalidArgumentError(
            f"catchup_window: {shown!r} is not accepted. Accepted: "
            f"{format_duration(CATCHUP_WINDOW_MIN_NS)} or longer (the default is a year)"
        )
    return policies


def check_overlap(value: object) -> OverlapPolicy:
    """The overlap policy of that name. Raises InvalidArgumentError that lists the six."""
    try:
        return OverlapPolicy(str(value))
    except ValueError:
        import difflib

        names = [policy.value for policy in OverlapPolicy]
        near = difflib.get_close_matches(str(value).lower().replace("-", "_"), names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidArgumentError(
            f"overlap: {value!r} is not a policy.{hint} Accepted: {', '.join(map(repr, names))}"
        ) from None


def _check_remaining(value: int | None) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise InvalidArgumentError(
            f"remaining_actions: {value!r} is not accepted. Accepted: 0 or more, None for no limit"
        )
    return value


def trigger(state: ScheduleState, now: int, overlap: OverlapPolicy | None = None) -> Step:
    """Fire now, whether the schedule is paused or not. The nominal time is ``now`` in whole seconds."""
    _living(state)
    effects: list[Effect] = []
    wanted = BufferedStart(
        nominal_ns=now // SECOND * SECOND,
        scheduled_ns=now,
        overlap=state.policies.overlap if overlap is None else check_overlap(overlap),
        manual=True,
    )
    state = fire(state, wanted, now, effects)
    return state, tuple(effects)


def backfill(
    state: ScheduleState, start_ns: int, end_ns: int, now: int, overlap: OverlapPolicy | None = None
) -> ScheduleState:
    """Replay the nominal times from ``start_ns`` to ``end_ns`` (both included) as if they came now, in order.

    The work is done by :func:`~.transitions.due`. With the default policy, skip, only the first of them finds
    nothing running; ``buffer_all`` runs one after the other, ``allow_all`` all at once.
    """
    _living(state)
    if start_ns > end_ns:
        raise InvalidArgumentError(
            f"backfill: start {format_instant(start_ns)} is after end {format_instant(end_ns)}"
        )
    if end_ns > now:
        raise InvalidArgumentError(
            f"backfill: end {format_instant(end_ns)} is in the future (now is {format_instant(now)}). "
            "Accepted: times that have passed; later ones come by themselves"
        )
    if len(state.backfills) >= BACKFILLS_MAX:
        raise InvalidArgumentError(f"backfill: {BACKFILLS_MAX} of them wait already; try again later")
    wanted = Backfill(
        next_ns=start_ns,
        end_ns=end_ns,
        overlap=state.policies.overlap if overlap is None else check_overlap(overlap),
        requested_ns=now,
    )
    return evolve(state, backfills=(*state.backfills, wanted))


def pause(state: ScheduleState, now: int, note: str = "") -> ScheduleState:
    """Start nothing by itself until unpaused; runs go on. Times not acted on yet are dropped."""
    _living(state)
    return evolve(state, paused=True, note=note or "Paused", updated_ns=now)


def unpause(state: ScheduleState, now: int, note: str = "") -> ScheduleState:
    """Start runs again, from the first time after ``now`` on."""
    _living(state)
    return _resumed(state, evolve(state, paused=False, note=note or "Unpaused", updated_ns=now), now)


def update(
    state: ScheduleState,
    now: int,
    *,
    spec: ScheduleSpec | None = None,
    policies: SchedulePolicies | None = None,
    workflow_id_base: str | None = None,
    note: str | None = None,
    remaining_actions: int | None = -1,
) -> ScheduleState:
    """Replace parts of the definition; what is running, waiting and counted stays.

    ``remaining_actions``: a number, None for no limit, -1 to leave it. A new specification holds for times
    after ``now``; backfills asked for earlier continue with it.
    """
    _living(state)
    changed = evolve(
        state,
        spec=state.spec if spec is None else validate_spec(spec),
        policies=state.policies if policies is None else validate_policies(policies),
        workflow_id_base=workflow_id_base or state.workflow_id_base,
        note=state.note if note is None else note,
        remaining_actions=(
            state.remaining_actions if remaining_actions == -1 else _check_remaining(remaining_actions)
        ),
        updated_ns=now,
    )
    if changed.spec != state.spec:
        changed = evolve(changed, cursor_ns=max(changed.cursor_ns, now))
    return _resumed(state, changed, now)


def delete(state: ScheduleState, now: int) -> ScheduleState:
    """Never start anything again, nor what waits. Open runs go on; reports about them still count."""
    return evolve(state, deleted=True, buffered=(), backfills=(), updated_ns=now)


def _resumed(before: ScheduleState, after: ScheduleState, now: int) -> ScheduleState:
    if is_active(before) or not is_active(after):
        return after
    return evolve(after, cursor_ns=max(after.cursor_ns, now))


def _living(state: ScheduleState) -> None:
    if state.deleted:
        raise ScheduleNotFoundError(f"schedule {state.schedule_id!r} has been deleted")
