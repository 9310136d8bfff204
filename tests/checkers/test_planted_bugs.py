"""Every checker can fail: a bug planted for it, in the engine or in the simulated platform, is found by it.

Each bug is a patch; the run is judged by one checker alone. Without the patch the same seeds pass.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import attrs
import pytest

from temporal_do.runtime.actor import Alarm, BlobDone, BlobTask, Ok
from temporal_do.runtime.actors import (
    ACTORS,
    activity,
    activity_retry,
    activity_rows,
    history,
    history_store,
    timer,
)
from temporal_do.runtime.actors.workflow import (
    closing,
    command_ends,
    commands,
    completing,
    events,
    facts,
    starting,
    tasks,
    waking,
)
from temporal_do.runtime.actors.workflow.actor import HANDLERS
from temporal_do.runtime.actors.workflow.rows import RequestRow
from temporal_do.runtime.commands import CancelTimer, ContinueAsNew, StartTimer
from temporal_do.runtime.deployment import Deployment
from temporal_do.runtime.history import EventType, protojson
from temporal_do.runtime.keys import HISTORY
from temporal_do.runtime.messages.visibility import RecordExecution
from temporal_do.runtime.messages.workflow import ActivityResolved, QueryWorkflow, SignalWorkflow
from temporal_do.runtime.records import evolve
from temporal_do.runtime.schedules import transitions
from temporal_do.runtime.schedules.overlap import Decision
from temporal_do.runtime.shell import Shell
from temporal_do.runtime.workflow.executor import InlineExecutor
from temporal_do.sim import FaultPlan
from temporal_do.sim.alarms import ObjectAlarm
from temporal_do.sim.checkers import CHECKERS
from temporal_do.sim.lives import LIVE
from temporal_do.sim.objects import SimObject, SimObjectHost
from temporal_do.sim.platform import Platform
from temporal_do.sim.runner import run_scenario

from . import plants
from .worlds import scenario

CRASHES = FaultPlan.crashes(60_000)
NETWORK = FaultPlan.network(60_000)
CALM = FaultPlan()
LATE = FaultPlan.at("late_alarm", "TimerDO/*", 2) | FaultPlan.at("late_alarm", "TimerDO/*", 3)
SEEDS = 40

Plant = Callable[[pytest.MonkeyPatch], None]


@attrs.frozen
class Planted:
    """A bug: the number of the checker that finds it, the application and the faults under which it does."""

    number: int
    what: str
    application: str
    faults: FaultPlan
    plant: Plant
    correct: bool = True
    """The application passes without the patch."""
    profile: str = "local"


PLANTED: list[Planted] = []


def planted(
    number: int, what: str, application: str, faults: FaultPlan = CALM, **options: Any
) -> Callable[[Plant], Plant]:
    """Register a bug."""

    def register(plant: Plant) -> Plant:
        PLANTED.append(Planted(number, what, application, faults, plant, **options))
        return plant

    return register


def around(patch: pytest.MonkeyPatch, table: Any, key: Any, wrap: Callable[[Any], Any]) -> None:
    """Replace an entry of a table, or an attribute, by what ``wrap`` makes of it."""
    if isinstance(table, dict):
        patch.setitem(table, key, wrap(table[key]))
    else:
        patch.setattr(table, key, wrap(getattr(table, key)))


@planted(1, "an event id is left out", "timers")
def _gap(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def append(state: Any, run: Any, turn: Any, event_type: str, *args: Any, **options: Any) -> int:
            if event_type == EventType.TIMER_FIRED:
                run.next_event_id += 1
            number: int = real(state, run, turn, event_type, *args, **options)
            return number

        return append

    around(patch, events, "append", wrap)


@planted(2, "an event is written again, changed", "activities")
def _rewritten(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def handle(state: Any, message: Any, turn: Any, limits: Any) -> Any:
            run = state.open_run(message.run_id)
            if run is not None:
                first = state.table(run.events_table)[1]
                turn.put(run.events_table, 1, evolve(first, event_time=first.event_time + 1))
            return real(state, message, turn, limits)

        return handle

    around(patch, HANDLERS, ActivityResolved, wrap)


@planted(3, "a timer's end names another event", "timers")
def _wrong_cause(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        return lambda **fields: real(**{**fields, "started_event_id": fields["started_event_id"] - 1})

    around(patch, facts, "TimerFired", wrap)


planted(4, "an activity's end is recorded again when it is told again", "activities", NETWORK | CRASHES)(
    plants.activity_recorded_twice
)


@planted(4, "another end is recorded than the activity came to", "activities")
def _wrong_end(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(facts._ACTIVITY_ENDS, "failed", facts._timed_out)


@planted(5, "half the backoff", "activities")
def _half_the_backoff(patch: pytest.MonkeyPatch) -> None:
    around(patch, activity_retry, "backoff_ns", lambda real: lambda *args: real(*args) // 2)


@planted(5, "twice the backoff", "activities")
def _twice_the_backoff(patch: pytest.MonkeyPatch) -> None:
    around(patch, activity_retry, "backoff_ns", lambda real: lambda *args: real(*args) * 2)


planted(5, "one attempt too many", "activities")(plants.one_attempt_too_many)


def _without_dedupe(real: Any) -> Any:
    def handle(state: Any, message: Any, turn: Any, limits: Any) -> Any:
        state.table("request").pop(message.signal.request_id, None)
        return real(state, message, turn, limits)

    return handle


@planted(6, "a signal that comes twice is recorded twice", "signals", NETWORK)
def _signal_twice(patch: pytest.MonkeyPatch) -> None:
    around(patch, HANDLERS, SignalWorkflow, _without_dedupe)


@planted(6, "a signal is acknowledged and not recorded", "signalled")
def _signal_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(starting, "arrive", lambda *args: False)


@planted(6, "signals that waited are recorded backwards", "busy")
def _backwards(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def flush(state: Any, run: Any, turn: Any) -> bool:
            waiting = list(state.table("buffered").items())
            state.table("buffered").clear()
            state.table("buffered").update(reversed(waiting))
            found: bool = real(state, run, turn)
            return found

        return flush

    for module in (tasks, completing, closing):
        around(patch, module, "flush_buffer", wrap)


@planted(7, "a request that comes twice is carried out twice", "signals", NETWORK)
def _request_twice(patch: pytest.MonkeyPatch) -> None:
    around(patch, HANDLERS, SignalWorkflow, _without_dedupe)


@planted(8, "timers fire a second early", "timers")
def _early(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def start(app: Any, command: Any) -> None:
            real(app, command)
            timer = app.state.get("timer", command.timer_id)
            app.state.add_timer(app.turn, evolve(timer, fire_ns=timer.fire_ns - 1_000_000_000))

        return start

    around(patch, commands.APPLY, StartTimer, wrap)


@planted(8, "a start is not delayed", "replaced")
def _not_delayed(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def begin(state: Any, turn: Any, limits: Any, *args: Any, **options: Any) -> Any:
            run = real(state, turn, limits, *args, **options)
            if run.task_state == "delayed":
                run.task_state = "none"
                tasks.schedule(state, run, turn, limits)
            return run

        return begin

    around(patch, starting, "begin", wrap)


@planted(9, "a cancelled timer keeps its row", "timers")
def _cancelled_and_armed(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def cancel(app: Any, command: Any) -> None:
            timer = app.state.get("timer", command.timer_id)
            real(app, command)
            if timer is not None:
                app.turn.put("timer", command.timer_id, timer)

        return cancel

    around(patch, commands.APPLY, CancelTimer, wrap)


@planted(10, "the run that is replaced is not closed", "replaced")
def _two_open_runs(patch: pytest.MonkeyPatch) -> None:
    def terminate(state: Any, run: Any, turn: Any, limits: Any, **options: Any) -> None:
        run.status = "WORKFLOW_EXECUTION_STATUS_TERMINATED"  # in memory only

    patch.setattr(starting, "terminate", terminate)


@planted(11, "a superseded incarnation commits", "busy", FaultPlan.zombies(150_000))
def _zombies_commit(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        async def commit(self: SimObjectHost, change: Any) -> None:
            if self.state == LIVE:
                await real(self, change)
            else:
                self._commit(change)

        return commit

    around(patch, SimObjectHost, "commit", wrap)


@planted(11, "a result is accepted from anybody and thrown away", "activities")
def _accepted_and_dropped(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(activity._HANDLERS, "complete", lambda state, message, turn: activity.OK)


planted(12, "a closed run takes signals", "signals")(plants.closed_run_takes_signals)


@planted(13, "signals are carried twice", "busy")
def _carried_twice(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        return lambda *args, first_signals=(), **options: real(
            *args, first_signals=first_signals * 2, **options
        )

    around(patch, command_ends, "begin", wrap)


@planted(13, "the successor does not say whom it follows", "continued")
def _no_successor(patch: pytest.MonkeyPatch) -> None:
    around(
        patch,
        command_ends,
        "begin",
        lambda real: lambda *args, continued_from="", **options: real(*args, **options),
    )


@planted(13, "the last signal is left behind", "hands_on")
def _left_behind(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def apply(app: Any, command: ContinueAsNew) -> None:
            left = command.unconsumed_signal_event_ids[:-1]
            real(app, evolve(command, unconsumed_signal_event_ids=left))

        return apply

    around(patch, commands.APPLY, ContinueAsNew, wrap)


@planted(14, "another duration is recorded than was asked for", "timers")
def _other_command(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        return lambda app, command: real(app, evolve(command, duration_ns=command.duration_ns + 1_000_000))

    around(patch, commands.APPLY, StartTimer, wrap)


@planted(14, "the code depends on what is in no history", "forgetful", correct=False)
def _forgetful(patch: pytest.MonkeyPatch) -> None:
    """The application itself is wrong."""


@planted(15, "a replay depends on the replays before it", "forgetful", correct=False)
def _forgetful_again(patch: pytest.MonkeyPatch) -> None:
    """The application itself is wrong."""


@planted(15, "the JSON form loses the names of steps", "timers")
def _json_loses(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def write(event: Any) -> dict[str, Any]:
            return {name: value for name, value in real(event).items() if name != "userMetadata"}

        return write

    around(patch, protojson, "write_event", wrap)


@planted(16, "a query writes a row", "signals")
def _query_writes(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def handle(state: Any, message: Any, turn: Any, limits: Any) -> Any:
            turn.put("request", message.query_id, RequestRow(kind="query", run_id=state.current.run_id))
            return real(state, message, turn, limits)

        return handle

    around(patch, HANDLERS, QueryWorkflow, wrap)


@planted(17, "the platform lets messages out before the commit", "activities")
def _no_output_gate(patch: pytest.MonkeyPatch) -> None:
    async def commit(self: SimObjectHost, change: Any) -> None:
        self.platform.scheduler.at(self.platform.now() + 1_000_000, self._commit, change)

    patch.setattr(SimObjectHost, "commit", commit)


@planted(17, "the platform lets answers out before what they follow is durable", "signals", profile="prod")
def _no_gate_for_answers(patch: pytest.MonkeyPatch) -> None:
    def hold(self: Platform, host: Any, call: Any, reply: Any) -> None:
        if host.calls.pop(call.number, None) is not None:
            self._reply(host, call, reply)

    patch.setattr(Platform, "_hold_reply", hold)


@planted(18, "the platform lets messages in while an object reads", "children")
def _no_input_gate(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        async def load(self: SimObjectHost) -> Any:
            await self.platform.delay(1_000_000)
            return await real(self)

        return load

    around(patch, SimObjectHost, "load", wrap)


@planted(19, "the platform tears commits", "activities", FaultPlan.evictions(300_000))
def _torn(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def apply(self: SimObject, commit: Any, strict: bool) -> None:
            real(self, commit._replace(changes=commit.changes[:3]), strict)

        return apply

    around(patch, SimObject, "apply", wrap)


@planted(19, "the outbox is not part of the commit", "activities")
def _outbox_apart(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        async def commit(self: SimObjectHost, change: Any) -> None:
            await real(self, change._replace(changes=tuple(c for c in change.changes if c[0] != "outbox")))

        return commit

    around(patch, SimObjectHost, "commit", wrap)


@planted(20, "a message is acknowledged at once", "activities")
def _ack_first(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        async def consume(self: Deployment, host: Any, body: Any, run: Any) -> None:
            run(real(self, host, body, run))

        return consume

    around(patch, Deployment, "consume", wrap)


@planted(21, "a signal wakes nobody", "signalled")
def _nobody_woken(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def arrive(*args: Any) -> bool:
            real(*args)
            return False

        return arrive

    around(patch, starting, "arrive", wrap)


@planted(
    14,
    "what starts again after an eviction is cached, whoever runs it",
    "busy",
    FaultPlan(rates=dict.fromkeys(("zombie", "slow_request", "slow_reply"), 100_000)),
    profile="prod",
)
def _cached_by_a_zombie(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(InlineExecutor, "_execute_apart", InlineExecutor._execute)


@planted(25, "an archive is thought to be in the store and was never put there", "archived")
def _never_put(patch: pytest.MonkeyPatch) -> None:
    async def blob(self: Shell, task: BlobTask) -> BlobDone:
        return BlobDone(task=task)

    patch.setattr(Shell, "_blob", blob)


@planted(25, "an archive that is to go to the store stays in its rows", "archived")
def _never_moved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(history, "store", lambda state, run, turn: Ok())


@planted(25, "the same history is written in two ways", "archived", CRASHES)
def _written_in_two_ways(patch: pytest.MonkeyPatch) -> None:
    times = count()
    patch.setattr(history_store, "_content", lambda events: b"%d" % next(times))


@planted(2, "what lies in the store is written again", "archived", FaultPlan.storage(200_000))
def _written_again(patch: pytest.MonkeyPatch) -> None:
    around(patch, history_store, "BlobTask", lambda real: lambda **fields: real(**{**fields, "once": False}))


@planted(2, "rows go although the store has failed", "archived", FaultPlan.storage(200_000))
def _gone_without_a_copy(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        return lambda state, run, message, turn: real(state, run, evolve(message, error=""), turn)

    around(patch, history_store, "_stored", wrap)


@planted(2, "an archive goes a month early", "archived")
def _gone_early(patch: pytest.MonkeyPatch) -> None:
    def due(state: Any, message: Any, turn: Any) -> Any:
        if state.run is not None:
            history.expire(state, state.run, turn, turn.now + 1)
        return Ok()

    patch.setattr(
        history.HistoryActor, "next_alarm", lambda self, state: state.run and state.run.closed_ns + 1
    )
    patch.setitem(ACTORS[HISTORY].handlers, Alarm, due)  # type: ignore[arg-type]


@planted(22, "the platform does not repeat an alarm that was interrupted", "timers", CRASHES)
def _alarm_not_retried(patch: pytest.MonkeyPatch) -> None:
    def interrupted(self: ObjectAlarm) -> None:
        self._running_ns = None

    patch.setattr(ObjectAlarm, "interrupted", interrupted)


@planted(22, "the platform's alarms are early", "timers")
def _alarm_early(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        return lambda self, at_ns: real(self, at_ns and at_ns - 1_000_000)

    around(patch, ObjectAlarm, "_watch", wrap)


@planted(
    22,
    "a duplicate of an alarm that dies pulls the next one forward",
    "signals",
    FaultPlan.alarms(300_000) | FaultPlan.crashes(100_000),
)
def _pulled_forward(patch: pytest.MonkeyPatch) -> None:
    def interrupted(self: ObjectAlarm) -> None:
        if self._running_ns is not None:
            self._running_ns = None
            if self._rearmed:
                self._watch(self.when_ns)
            else:
                self._again()

    patch.setattr(ObjectAlarm, "interrupted", interrupted)


@planted(23, "runs overlap although they must not", "overlapping_skip")
def _overlap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transitions, "decide", lambda *args, **options: Decision.START)


@planted(23, "every other time is left out", "overlapping_allow_all")
def _left_out(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def next_fire(spec: Any, after_ns: int) -> Any:
            return real(spec, real(spec, after_ns))

        return next_fire

    around(patch, transitions, "next_fire", wrap)


@planted(23, "what is a little late counts as missed", "overlapping_allow_all", LATE)
def _missed(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def fire(state: Any, now: int, effects: Any) -> Any:
            hasty = evolve(state, policies=evolve(state.policies, catchup_window_ns=1))
            return evolve(real(hasty, now, effects), policies=state.policies)

        return fire

    around(patch, transitions, "_fire_scheduled", wrap)


@planted(23, "the last in line starts first", "overlapping_buffer_all")
def _last_in_line(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        return lambda state, now: real(evolve(state, buffered=state.buffered[::-1]), now)

    around(patch, transitions, "_next_in_line", wrap)


@planted(23, "a run that ended counts as running", "overlapping_buffer_all")
def _never_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(timer, "on_workflow_closed", lambda state, *args: (state, ()))


@planted(24, "children do not hear of their parent's end", "left_alone")
def _children_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(closing, "_let_go_of_children", lambda *args: None)


@planted(24, "activities do not hear of their run's end", "left_alone")
def _activities_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(activity._HANDLERS, "abandon", lambda state, message, turn: activity.OK)


@planted(24, "a wish to cancel is forgotten", "stopping")
def _not_stopped(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(activity._HANDLERS, "request_cancel", lambda state, message, turn: activity.OK)


@planted(24, "what was done once is taken back twice", "saga_twice", correct=False)
def _taken_back_twice(patch: pytest.MonkeyPatch) -> None:
    """The application itself is wrong."""


@planted(24, "what was done first is taken back first", "saga_in_order", correct=False)
def _in_order(patch: pytest.MonkeyPatch) -> None:
    """The application itself is wrong."""


@planted(25, "the index takes older versions", "signals", CRASHES | NETWORK)
def _older_version(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def record(state: Any, message: Any, turn: Any) -> Any:
            execution = message.execution
            turn.put("execution", execution.run_id, evolve(execution, version=min(execution.version, 1)))
            return activity.OK

        return record

    around(patch, ACTORS["VisibilityDO"].handlers, RecordExecution, wrap)


@planted(25, "a run that is terminated stays cached", "replaced")
def _still_cached(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def terminate(state: Any, run: Any, turn: Any, *args: Any, **options: Any) -> None:
            real(state, run, turn, *args, **options)
            turn.evicts = False

        return terminate

    around(patch, starting, "terminate", wrap)


@planted(25, "a closed run keeps its timers", "hurried")
def _timers_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(closing, "PER_RUN_TABLES", ("activity", "child", "external", "buffered"))


@planted(25, "a lease never runs out", "stopping", FaultPlan.at("worker_crash_before_call", "*", 2))
def _lease_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(activity_rows, "_when", lambda deadline: deadline[0] + (deadline[1] == "lease") * 10**18)


@planted(25, "a request is remembered longer than its run", "hurried")
def _request_kept(patch: pytest.MonkeyPatch) -> None:
    def wrap(real: Any) -> Any:
        def end(state: Any, turn: Any, run_id: str, limits: Any) -> None:
            real(state, turn, run_id, limits)
            turn.put("request", "kept", RequestRow(kind="signal", run_id=run_id))

        return end

    around(patch, waking, "end_retention", wrap)


@planted(25, "a closed run is not archived", "timers")
def _not_archived(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(closing, "archive", lambda *args: None)


def found_by(each: Planted, seed: int) -> bool:
    checker = CHECKERS[each.number - 1]
    where = scenario(each.application, profile=each.profile)
    result = run_scenario(where, seed=seed, faults=each.faults, checkers=[checker])
    return any(violation.checker == checker.name for violation in result.violations)


@pytest.mark.parametrize("each", PLANTED, ids=[f"{each.number} {each.what}" for each in PLANTED])
def test_a_planted_bug_is_found_by_the_checker_made_for_it(
    each: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    if each.correct:
        assert not any(found_by(each, seed) for seed in range(3))
    each.plant(monkeypatch)
    assert any(found_by(each, seed) for seed in range(SEEDS))


def test_every_checker_has_a_bug_to_find_and_a_number_of_its_own() -> None:
    assert [checker.number for checker in CHECKERS] == list(range(1, 26))
    assert len({checker.name for checker in CHECKERS}) == 25
    assert {each.number for each in PLANTED} == set(range(1, 26))
