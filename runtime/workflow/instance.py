"""One run of a workflow in memory: its coroutines, its machines, and the algorithm that moves them on.

The same algorithm replays a history and runs a live workflow task. For every workflow task that was
completed, or is the live one:

1. apply the events up to its WorkflowTaskStarted in history order, and run the code dry after each that wakes
it; 2. deliver the task's updates; settle its local activities; 3. take the commands the code issued. In
replay match them with the events that record the task's commands;
   after a live task do so when those events arrive.

Workflow tasks that failed or timed out are skipped: their events belong to the next one that completed.

Invariants: time is the time of the WorkflowTaskStarted being processed; markers and accepted updates of the
task are known before its code runs; after the closing command only updates that end are recorded. What the
task's events do to the run is in `application`, how its code ends in `closing`. Imports no executor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..commands import CompleteUpdate
from ..errors import Evicted, HistoryReadError, InvalidArgumentError
from ..history.workflow_task import (
    WorkflowTaskCompleted,
    WorkflowTaskFailed,
    WorkflowTaskStarted,
    WorkflowTaskTimedOut,
)
from ..loop import DeterministicLoop, EndlessTurnError
from .application import APPLY, Lookahead, note_local_markers
from .errors import CommandInReadOnlyError, StaleRun, WorkflowCodeError
from .issued import Issued
from .location import Location, caller
from .machines.timer import TimerMachine
from .matching import COMMAND_EVENTS, match_commands
from .signals import SignalInbox

if TYPE_CHECKING:
    from ..commands import Command
    from ..definitions import WorkflowDefinition
    from ..guard import Guard
    from ..history import HistoryEvent
    from ..history.workflow import WorkflowExecutionStarted
    from ..payloads import DataConverter
    from ..workflow_task import AdmittedUpdate
    from .context import WorkflowContext
    from .machines.base import Machine
    from .machines.local_activity import LocalActivityMachine
    from .matching import Mismatch
    from .strictness import Strictness

_TASK_ENDS = (WorkflowTaskCompleted, WorkflowTaskFailed, WorkflowTaskTimedOut)
_MILLISECOND = 1_000_000


class WorkflowRun:
    """The state of one run. Small while it sleeps: everything rare is made when it is first needed."""

    __slots__ = (
        "activity_count",
        "admitted",
        "alive",
        "by_event",
        "cancel_requested",
        "cancel_waiting",
        "child_count",
        "closing",
        "conditions",
        "context",
        "converter",
        "definition",
        "external_count",
        "failure",
        "guard",
        "history_length",
        "inbox",
        "issued",
        "key",
        "local_numbers",
        "locals",
        "lookahead",
        "loop",
        "main",
        "memo",
        "namespace",
        "now_ns",
        "outstanding",
        "outstanding_started_id",
        "patches",
        "processed_id",
        "queries",
        "random_streams",
        "read_only",
        "replaying",
        "run_id",
        "shields",
        "side_effect_count",
        "start_ns",
        "started",
        "strictness",
        "suggest_continue_as_new",
        "task_queue",
        "timer_count",
        "updates",
        "warnings",
        "workflow_id",
    )

    def __init__(
        self,
        definition: WorkflowDefinition,
        *,
        namespace: str,
        workflow_id: str,
        run_id: str,
        task_queue: str,
        converter: DataConverter,
        guard: Guard,
        strictness: Strictness,
    ) -> None:
        self.definition = definition
        self.namespace = namespace
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.task_queue = task_queue
        self.converter = converter
        self.guard = guard
        self.strictness = strictness
        self.loop = DeterministicLoop(  # type: ignore[abstract]
            now_ns=self._loop_time_ns, start_timer=self._start_loop_timer, on_error=self._on_loop_error
        )
        self.key = ""
        self.context: WorkflowContext | None = None
        self.main: Any = None
        self.started: WorkflowExecutionStarted | None = None
        self.start_ns: int | None = None
        self.now_ns = 0
        self.processed_id = 0
        self.history_length = 0
        self.suggest_continue_as_new = False
        self.replaying = False
        self.alive = True
        self.issued: list[Issued] = []
        self.outstanding: list[Issued] | None = None
        self.outstanding_started_id = 0
        self.by_event: dict[int, Any] = {}
        self.inbox: SignalInbox | None = None
        self.conditions: list[tuple[Callable[[], Any], Any]] | None = None
        self.queries: dict[str, Any] | None = None
        self.updates: dict[str, Any] | None = None
        self.admitted: dict[str, Any] | None = None
        self.patches: dict[str, bool] | None = None
        self.memo: dict[str, Any] | None = None
        self.random_streams: dict[str, Any] | None = None
        self.locals: dict[int, LocalActivityMachine] | None = None
        self.local_numbers: set[int] | None = None
        self.lookahead: Lookahead | None = None
        self.warnings: list[Mismatch] | None = None
        self.failure: BaseException | None = None
        self.closing: Issued | None = None
        self.read_only: str | None = None
        self.cancel_requested = False
        self.cancel_waiting = False
        self.shields = 0
        self.timer_count = 0
        self.activity_count = 0
        self.child_count = 0
        self.external_count = 0
        self.side_effect_count = 0

    # --- the algorithm ------------------------------------------------------------------------------------

    def advance(
        self, events: Sequence[HistoryEvent], live_started_id: int = 0, updates: Sequence[AdmittedUpdate] = ()
    ) -> bool:
        """Apply ``events``, all that come after ``processed_id``; True if the live task's code has run.

        ``live_started_id``: the WorkflowTaskStarted to run code for although nothing records its outcome.
        Raises StaleRun (a cached run that must be rebuilt), NondeterminismError, HistoryReadError, or
        WorkflowCodeError.
        """
        at = 0
        if self.outstanding is not None:
            at = self._match_outstanding(events)
        note_local_markers(self, events, at)
        count = len(events)
        start = at
        while at < count:
            event = events[at]
            if type(event.attributes) is not WorkflowTaskStarted:
                at += 1
                continue
            if event.event_id == live_started_id:
                self._begin_task(event, None)
                self._run_task(events, start, at, updates)
                self.processed_id = event.event_id
                return True
            completed = self._completion(events, at)
            if completed == 0:
                at += 1
                continue
            after = completed + 1
            while after < count and type(events[after].attributes) in COMMAND_EVENTS:
                after += 1
            recorded = events[completed + 1 : after]
            self._begin_task(event, Lookahead(recorded))
            try:
                self._run_task(events, start, at, ())
            except WorkflowCodeError as failed:
                self._explain_failure(failed, recorded, events, after)
                raise
            self._match(self.take_issued(), recorded, events, after)
            self.processed_id = events[after - 1].event_id
            start = at = after
        return False

    def _completion(self, events: Sequence[HistoryEvent], started: int) -> int:
        """The index of the completion of the workflow task that started there; 0 if it never completed."""
        for index in range(started + 1, len(events)):
            kind = type(events[index].attributes)
            if kind is WorkflowTaskCompleted:
                return index
            if kind in _TASK_ENDS or kind is WorkflowTaskStarted:
                return 0
        return 0

    def _begin_task(self, started: HistoryEvent, lookahead: Lookahead | None) -> None:
        self.lookahead = lookahead
        self.replaying = lookahead is not None
        self.now_ns = started.event_time
        if self.start_ns is None:
            self.start_ns = started.event_time
        self.history_length = started.event_id
        self.suggest_continue_as_new = started.attributes.suggest_continue_as_new

    def _run_task(
        self, events: Sequence[HistoryEvent], start: int, stop: int, updates: Sequence[AdmittedUpdate]
    ) -> None:
        apply = APPLY
        with self.guard:
            for index in range(start, stop):
                event = events[index]
                handler = apply.get(type(event.attributes))
                if handler is not None:
                    try:
                        handler(self, event)
                    except HistoryReadError as error:
                        if not error.position:
                            raise HistoryReadError(error.reason, position=f"event {event.event_id}") from None
                        raise
            lookahead = self.lookahead
            if lookahead is not None:
                lookahead.deliver(self)
            else:
                for update in updates:
                    self.deliver_update(update)
        self.check_guard()

    def check_guard(self) -> None:
        """Fail the task if the guard saw a violation, even when user code swallowed the error."""
        violation = self.guard.take_violation()
        if violation is not None:
            raise WorkflowCodeError(violation)

    def drain(self) -> None:
        """Run the code until everything waits; conditions are looked at in the order they were given."""
        loop = self.loop
        while True:
            try:
                loop.run_ready()
            except EndlessTurnError as error:
                raise WorkflowCodeError(error) from None
            if self.failure is not None:
                failure, self.failure = self.failure, None
                raise WorkflowCodeError(failure)
            if not self.conditions or not self._check_conditions():
                return

    def _check_conditions(self) -> bool:
        woken = False
        waiting, self.conditions = self.conditions or [], []
        for condition in waiting:
            function, future = condition
            if future.done():
                continue
            try:
                met = function()
            except BaseException as error:
                future.set_exception(error)
                woken = True
                continue
            if met:
                future.set_result(True)
                woken = True
            else:
                self.conditions.append(condition)
        return woken

    # --- commands -----------------------------------------------------------------------------------------

    def issue(self, command: Command, machine: Machine, where: Location) -> Issued:
        """Put a command into the current task's list. Raises Evicted when the run is being dropped."""
        if not self.alive:
            raise Evicted
        if self.read_only is not None:
            raise CommandInReadOnlyError(
                f"{self.read_only} must not change the workflow, but it issued {type(command).__name__}"
            )
        issued = Issued(command, machine, where)
        if self.closing is None or type(command) is CompleteUpdate:
            self.issued.append(issued)
        return issued

    def take_issued(self) -> list[Issued]:
        """The commands of this task, the closing one last."""
        issued = [each for each in self.issued if each.command is not None]
        self.issued = []
        if self.closing is not None:
            from .closing import with_signals

            issued.append(with_signals(self, self.closing))
        return issued

    def commit_live(self, started_event_id: int) -> list[Issued]:
        """Take the live task's commands; they are matched when the events that record them arrive."""
        issued = self.take_issued()
        self.outstanding = issued
        self.outstanding_started_id = started_event_id
        self.lookahead = None
        return issued

    def _match_outstanding(self, events: Sequence[HistoryEvent]) -> int:
        outstanding = self.outstanding
        for index, event in enumerate(events):
            kind = type(event.attributes)
            if (
                kind is WorkflowTaskCompleted
                and event.attributes.started_event_id == self.outstanding_started_id
            ):
                after = index + 1
                while after < len(events) and type(events[after].attributes) in COMMAND_EVENTS:
                    after += 1
                if match_commands(outstanding or [], events[index + 1 : after], None, self) is not None:
                    raise StaleRun
                self.outstanding = None
                self.processed_id = events[after - 1].event_id
                return after
            if kind in _TASK_ENDS or kind is WorkflowTaskStarted:
                raise StaleRun
        if events:
            raise StaleRun
        return 0

    def _match(
        self,
        issued: list[Issued],
        recorded: Sequence[HistoryEvent],
        events: Sequence[HistoryEvent],
        after: int,
    ) -> None:
        mismatch = match_commands(issued, recorded, self.strictness, self)
        if mismatch is not None:
            from .nondeterminism import nondeterminism_error

            raise nondeterminism_error(self, mismatch, issued, recorded, events, after)

    def _explain_failure(
        self,
        failed: WorkflowCodeError,
        recorded: Sequence[HistoryEvent],
        events: Sequence[HistoryEvent],
        after: int,
    ) -> None:
        """The code raised where the history says it did not: report it as such, unless it was told the
        reason.
        """
        from ..errors import NonDeterministicCallError

        if isinstance(failed.error, (NonDeterministicCallError, KeyboardInterrupt, SystemExit)):
            return
        from .nondeterminism import failed_in_replay

        issued = self.take_issued()
        raise failed_in_replay(self, failed.error, issued, recorded, events, after) from failed.error

    # --- local activities, updates, cancellation ----------------------------------------------------------

    def add_local(self, machine: LocalActivityMachine) -> None:
        """A local activity waits for the executor, or in replay for its marker."""
        if self.locals is None:
            self.locals = {}
        self.locals[machine.number] = machine

    def drop_local(self, number: int) -> None:
        """A local activity needs nothing more."""
        if self.locals is not None:
            self.locals.pop(number, None)

    def finish_local(self, machine: LocalActivityMachine, outcome: Any, complete_ns: int) -> None:
        """Record how a local activity ended and let the code go on."""
        self.drop_local(machine.number)
        machine.finish(outcome, complete_ns)
        self.drain()

    def deliver_update(self, update: AdmittedUpdate) -> None:
        """Validate and start one update of a live task."""
        from .updates import deliver

        deliver(self, update)
        self.drain()

    def request_cancel(self) -> None:
        """The workflow was asked to cancel: once, and after every shielded scope."""
        if self.cancel_requested:
            return
        self.cancel_requested = True
        if self.shields:
            self.cancel_waiting = True
        else:
            self.cancel_main()

    def cancel_main(self) -> None:
        """Raise CancelledError in the main task."""
        if self.main is not None and not self.main.done():
            self.main.cancel()

    def spawn(self, work: Any) -> Any:
        """Run a coroutine of the engine beside the main one."""
        return self.loop.create_task(work)

    def fail_task(self, error: BaseException) -> None:
        """User code raised what fails the workflow task; the first one counts."""
        if self.failure is None:
            self.failure = error

    # --- time ---------------------------------------------------------------------------------------------

    def _loop_time_ns(self) -> int:
        return self.now_ns - (self.start_ns or 0)

    def _start_loop_timer(self, delay_ns: int, fire: Callable[[], None]) -> TimerMachine:
        rounded_ns = (delay_ns + _MILLISECOND // 2) // _MILLISECOND * _MILLISECOND
        return TimerMachine(self, max(_MILLISECOND, rounded_ns), fire, self.locate())

    def locate(self) -> Location:
        """The user's line that led here: on the stack, or where the current task waits."""
        found = caller()
        if found is None and self.loop.is_running():
            import asyncio

            from .location import awaiting

            task = asyncio.current_task()
            found = awaiting(task.get_coro()) if task is not None else None
        return found

    def _on_loop_error(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and "never retrieved" not in str(context.get("message", "")):
            self.fail_task(error)

    # --- the end ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Drop the run: user ``finally`` blocks run, nothing they do leaves."""
        if not self.alive:
            return
        self.alive = False
        for machine in list((self.locals or {}).values()):
            if machine.task is not None:
                machine.task.cancel()
            from .machines.local_activity import discard

            discard(machine)
        with self.guard:
            self.loop.close_tasks()
        self.guard.take_violation()
        # What knows the run is let go of, so that all of it goes when it is dropped.
        self.context = None
        self.issued = []
        self.by_event = {}
        self.outstanding = None

    def check_writable(self, what: str) -> None:
        """Raise when called from a query handler or an update validator, or after the run was dropped."""
        if not self.alive:
            raise Evicted
        if self.read_only is not None:
            raise CommandInReadOnlyError(
                f"{self.read_only} must not change the workflow, but it called {what}"
            )

    def seed(self) -> str:
        """What the random streams are made of: the same in a run and in what it is reset to."""
        started = self.started
        if started is None:
            raise InvalidArgumentError("the run has not started")
        return started.original_execution_run_id or self.run_id
