"""One simulated world: the face of the simulator.

Owns how the parts meet - choices, clock, loop, platform, deployment - and what a test asks of them. A
simulation is entered with ``with``, or used from a plain script through ``execute``; calls of `Temporal` made
inside find it by themselves. Two simulations share nothing; they may be used side by side, or one inside the
other.

Must not import: freezegun, the actors or the workflow side before they are needed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextvars import Context, copy_context
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ..runtime.connection import host_context
from ..runtime.deployment import Deployment
from ..runtime.durations import DurationLike, parse_duration
from ..runtime.errors import HostError, InvalidArgumentError
from ..runtime.keys import VISIBILITY, WORKFLOW, encode_part, kind_of
from .choices import Choices
from .errors import ActorCrashed, SimulationDeadlock
from .executor import WorkflowExecutor
from .faults import FaultPlan, Placement
from .freezing import Freezer, as_datetime
from .lives import Life
from .loop import SimulationLoop
from .platform import LOCAL, PROFILES, Platform
from .scheduler import AFTERWARDS, Scheduler
from .stuck import Stuck
from .tape import Tape
from .trace import Trace

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from ..runtime.actor import Actor
    from ..runtime.definitions import Worker
    from ..runtime.shell import Executor
    from .hosts import SimHost
    from .properties import Properties

T = TypeVar("T")

ACTIVITY_QUEUE = "activities"
START = "2026-01-01T00:00:00Z"
STEP_BUDGET = 1_000_000
TIME_BUDGET = "36500d"


class Stepped:
    """The outcome of ``step``: a truth value, which may be awaited as well."""

    __slots__ = ("_awaitable", "_done")

    def __init__(self, done: bool, awaitable: Awaitable[bool] | None = None) -> None:
        self._done = done
        self._awaitable = awaitable

    def __bool__(self) -> bool:
        return self._done

    def __await__(self) -> Generator[Any, None, bool]:
        if self._awaitable is not None:
            self._done = yield from self._awaitable.__await__()
        return self._done


class Simulation:
    """A world on virtual time, all of whose random decisions follow from ``seed``.

    ``faults``: a FaultPlan (default: none). ``start``: the first instant, an ISO text or an aware datetime.
    ``strict``: encode and decode every row and message. ``tape``: replay a recorded run (a Tape or its file)
    instead of exploring; it brings seed, start and faults with it. ``freeze_time``: ordinary clocks show
    virtual time. ``step_budget``: how many events may pass without news for the test, ``time_budget`` how
    much virtual time in all (None: no bound). ``raise_task_failures``: a workflow task that fails (a bug in
    workflow code) is raised in the test as WorkflowTaskFailedError, instead of being retried until the code
    is mended. ``trace_limit``: how many steps are kept for reading. ``actors`` and ``executor`` replace the
    engine's, for tests of the simulator itself. ``profile``: "local" behaves as one machine with workerd
    does; "prod" allows what production allows: commits return before they are durable, and an output gate
    holds back whatever depends on them.
    """

    def __init__(
        self,
        seed: int | str = 0,
        *,
        faults: FaultPlan | None = None,
        start: str | datetime = START,
        strict: bool = False,
        tape: Tape | str | Path | None = None,
        freeze_time: bool = False,
        time_skipping: bool = True,
        step_budget: int | None = STEP_BUDGET,
        time_budget: DurationLike | None = TIME_BUDGET,
        raise_task_failures: bool = True,
        trace_limit: int | None = 100_000,
        cache_size: int | None = None,
        actors: Mapping[str, Actor[Any]] | None = None,
        executor: Executor | None = None,
        profile: str = LOCAL,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int | str):
            raise InvalidArgumentError(f"a seed is a whole number or a text, not {seed!r}")
        if faults is not None and not isinstance(faults, FaultPlan):
            raise InvalidArgumentError(f"faults is a FaultPlan, not {faults!r}")
        if step_budget is not None and (type(step_budget) is not int or step_budget < 1):
            raise InvalidArgumentError(f"step_budget is a number of events from 1 on, not {step_budget!r}")
        start_ns = _instant(start, "start")
        deviations = None
        if tape is not None:
            tape = tape if isinstance(tape, Tape) else Tape.read(tape)
            seed, deviations = tape.seed, tape.deviations
            start_ns = tape.start_ns or start_ns
            profile = tape.profile if tape.profile in PROFILES else profile
            if faults is None and tape.faults:
                faults = FaultPlan.from_json(tape.faults)
        self.seed = seed
        """What names this run."""
        self.start_ns = start_ns
        self._plan = faults
        self._choices = Choices(seed, deviations, explore=tape is None)
        self._scheduler = Scheduler(start_ns, self._choices.stream("schedule"))
        self.trace = Trace(trace_limit)
        """Every step of this run; see ``trace``."""
        new_loop: Any = SimulationLoop  # typeshed believes it abstract: what it refuses is set from a table
        self.loop: SimulationLoop = new_loop(
            self._scheduler, on_blocked=self._blocked, on_check=self._check, on_error=_report
        )
        self.properties: Properties | None = None
        """What users promise about this run; see ``properties``."""
        self.deployment = Deployment()
        """The workers that run here."""
        engine = None
        if actors is None:
            from ..runtime.actors import ACTORS

            actors = engine = ACTORS
        workflows = None
        if executor is None:
            options: dict[str, Any] = {} if cache_size is None else {"cache_size": cache_size}
            tell = self._tell_failure if raise_task_failures else None
            workflows = WorkflowExecutor(self.deployment, tell, **options)
        self.platform = Platform(
            loop=self.loop,
            scheduler=self._scheduler,
            choices=self._choices,
            actors=actors,
            executor=executor or workflows,
            trace=self.trace,
            faults=faults,
            strict=strict,
            profile=profile,
        )
        if actors is engine:
            self.platform.cron.sweeper = self._sweep
        end_ns = None
        if time_budget is not None:
            end_ns = start_ns + parse_duration(time_budget, name="time_budget")
        self._stuck = Stuck(self.platform, self.deployment, seed=seed, step_budget=step_budget, end_ns=end_ns)
        if workflows is not None:
            workflows.platform = self.platform
        self._workflows = workflows
        self.platform.on_crash = self._crashed
        self.platform.queues.consume(ACTIVITY_QUEUE, self.deployment.consume)
        self.host: SimHost = self.platform.host("client")
        """What client calls run on."""
        self.platform.context = self._context()
        self._freezer = Freezer() if freeze_time else None
        if self._freezer is not None:
            self._scheduler.on_advance = self._freezer.move
        self._targets: list[int | None] = []
        self._time_skipping = True
        self.time_skipping = time_skipping
        self._entered: list[Any] = []

    # --- a block, a script ---

    def __enter__(self) -> Simulation:
        self._entered.append(host_context.set(self.host))
        if self._freezer is not None:
            self._freezer.start(self.platform.now())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        host_context.reset(self._entered.pop())
        if self._freezer is not None:
            self._freezer.stop()
        if not self._entered:
            self.close()

    def close(self) -> None:
        """End this world: everything that still runs in it is unwound, and nothing of that has an effect."""
        if self.platform.closed:
            return
        import warnings

        self.platform.closed = True
        with warnings.catch_warnings():
            # What was spawned and never got to run is dropped here, and that is as it should be.
            warnings.filterwarnings("ignore", message=r"coroutine .* was never awaited")
            self.loop.close_tasks()
        for work in self.platform.unstarted:
            work.close()
        self.platform.unstarted.clear()
        if self._workflows is not None:
            self._workflows.close()

    def execute(self, work: Coroutine[Any, Any, T] | Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine (or an async function without arguments) on virtual time until it is done.

        Raises what it raises; SimulationDeadlock, BudgetExceeded and WorkflowTaskFailedError are raised
        inside it, where it waits.
        """
        coroutine = work() if callable(work) else work
        if not inspect.iscoroutine(coroutine):
            raise InvalidArgumentError(f"execute takes a coroutine or an async function, not {work!r}")
        if self._freezer is not None:
            self._freezer.start(self.platform.now())
        try:
            result: T = self._context().run(self.loop.execute, coroutine)
            return result
        finally:
            if self._freezer is not None:
                self._freezer.stop()

    def _context(self) -> Context:
        context = copy_context()
        context.run(host_context.set, self.host)
        return context

    # --- workers ---

    def run(self, worker: Worker) -> None:
        """Deploy ``worker``: it takes the tasks of its task queue from now on, those that wait included.

        Its activities see the context variables as they are now.
        """
        self.platform.context = self._context()
        if not hasattr(worker, "task_queue"):
            raise InvalidArgumentError(f"run takes a Worker(...), not {worker!r}")
        self.deployment.add(worker)
        self.trace.add(("worker", self.platform.now(), "started", worker.namespace, worker.task_queue))
        self._context().run(self.loop.create_task, self._announce(worker))

    async def _announce(self, worker: Worker) -> None:
        while True:
            try:
                await self.deployment.announce(self.host, worker)
                return
            except HostError:
                await self.platform.delay(1_000_000_000)

    async def stop(self, worker: Worker) -> None:
        """Take ``worker`` out of service: its tasks wait from now on; activities under way go on."""
        while True:
            try:
                await self.deployment.retire(self.host, worker)
                break
            except HostError:
                await self.platform.delay(1_000_000_000)
        self.deployment.remove(worker)
        self.trace.add(("worker", self.platform.now(), "stopped", worker.namespace, worker.task_queue))

    def mock_activity(self, name: str, fn: Callable[..., Any]) -> None:
        """Let ``fn`` (sync or async) run wherever the activity called ``name`` would."""
        if not isinstance(name, str) or not callable(fn):
            raise InvalidArgumentError(f"mock_activity takes a name and a function, not {name!r} and {fn!r}")
        self.deployment.mocks[name] = fn

    # --- time ---

    def now(self) -> datetime:
        """Virtual time: an aware datetime in UTC."""
        return as_datetime(self.platform.now())

    @property
    def time_skipping(self) -> bool:
        """Whether time moves by itself to the next event while the test waits for anything.

        Off: only ``sleep`` and ``run_until`` move it, and waiting for what needs more time is an error.
        """
        return self._time_skipping

    @time_skipping.setter
    def time_skipping(self, value: bool) -> None:
        self._time_skipping = value
        self._set_limit()

    def _set_limit(self) -> None:
        targets = self._targets
        if self._time_skipping or None in targets:
            self._scheduler.limit_ns = None
        else:
            now = self.platform.now()
            self._scheduler.limit_ns = max((now, *(target for target in targets if target is not None)))

    async def sleep(self, duration: DurationLike) -> None:
        """Let ``duration`` ('7d', seconds, a timedelta) pass, and everything that happens meanwhile.

        It returns when everything due at that instant has happened as well.
        """
        await self.sleep_until_ns(self.platform.now() + parse_duration(duration))

    async def sleep_until_ns(self, target_ns: int) -> None:
        """As ``sleep``, until an instant in ns since the Unix epoch."""
        future: asyncio.Future[None] = self.loop.create_future()
        timer = self._scheduler.at(target_ns, future.set_result, None, rank=AFTERWARDS)
        self._targets.append(target_ns)
        self._set_limit()
        self._stuck.sleeping += 1
        try:
            await future
        finally:
            self._stuck.sleeping -= 1
            timer.cancel()
            self._targets.remove(target_ns)
            self._set_limit()
        self._stuck.news()

    async def run_until(self, what: Callable[[], object] | datetime | DurationLike) -> None:
        """Go on until a condition holds, or until an instant, or for a duration.

        A condition is a function without arguments, sync or async; it is asked after every event. Raises
        SimulationDeadlock when nothing is left that could make it true.
        """
        if isinstance(what, datetime):
            await self.sleep_until_ns(_instant(what, "run_until"))
            return
        if not callable(what):
            await self.sleep(what)
            return
        self._targets.append(None)
        self._set_limit()
        try:
            while True:
                holds = what()
                if inspect.isawaitable(holds):
                    holds = await holds
                if holds:
                    return
                if not await self.loop.next_event():
                    raise SimulationDeadlock(
                        self._stuck.why("run_until waits for a condition that never became true")
                    )
        finally:
            self._targets.remove(None)
            self._set_limit()

    def step(self) -> Stepped:
        """One event and what it wakes; false when there is none. ``await`` it inside the simulation."""
        if self.loop.is_running():
            return Stepped(True, self.loop.next_event())
        return Stepped(self._context().run(self.loop.step))

    # --- faults ---

    def crash(self, what: str) -> bool:
        """Kill a durable object now: ``what`` is its key, or the id of a workflow. False: it was not in
        memory."""
        return self.platform.crash(self._key(what))

    def _key(self, what: str) -> str:
        if what in self.platform.objects:
            return what
        part = encode_part(what)
        for key in self.platform.objects:
            if kind_of(key) == WORKFLOW and key.split("/", 2)[2] == part:
                return key
        raise InvalidArgumentError(f"{what!r} is neither the key of an object nor the id of a workflow here")

    def crash_worker(self) -> int:
        """Kill every worker process that is busy; returns how many there were."""
        busy = list(self.platform.queues.workers.values())
        for worker in busy:
            self.platform.queues.kill(worker, "killed")
        return len(busy)

    def place(self, fault: str, key: str = "*", occurrence: int = 1) -> None:
        """Let one fault strike at one place, counted from now; see ``faults.Placement``."""
        platform = self.platform
        if platform.faults is None:
            platform.set_faults(FaultPlan())
        if platform.faults is not None:
            platform.faults.place([Placement(fault, key, occurrence)])

    async def _sweep(self, host: SimHost) -> int | None:
        from ..runtime.sweep import sweep

        shards = [key for key in self.platform.objects if kind_of(key) == VISIBILITY]
        report = await sweep(host, shards, thorough=True)
        return report.later_ns if report.is_complete else 0

    def heal(self) -> None:
        """No faults from now on: what happens next must converge."""
        self.platform.heal()

    # --- what is known of the run ---

    @property
    def digest(self) -> str:
        """The digest over every step so far; equal for equal runs, in every process and on every Python."""
        return self.trace.digest

    @property
    def content_digest(self) -> str | None:
        """Strict mode: a digest over the bytes of every row, message and reply so far; otherwise None."""
        return self.platform.content.hexdigest() if self.platform.strict else None

    @property
    def tape(self) -> Tape:
        """This run so far, as a tape."""
        return Tape(
            seed=self.seed,
            deviations=self._choices.taken(),
            start_ns=self.start_ns,
            faults={} if self._plan is None else self._plan.to_json(),
            profile=self.platform.profile,
        )

    @property
    def messages_delivered(self) -> int:
        """How many requests have been made between hosts."""
        return self.platform.calls

    @property
    def stats(self) -> dict[str, int]:
        """Counts of this run: events, calls, steps, objects, incarnations, and each fault that struck."""
        objects = self.platform.objects.values()
        faults = self.platform.fault_counts
        return {
            "events": self.loop.events,
            "calls": self.platform.calls,
            "steps": len(self.trace),
            "objects": len(objects),
            "commits": sum(found.version for found in objects),
            "incarnations": sum(found.incarnations for found in objects),
            **{f"fault_{name}": count for name, count in sorted(faults.items())},
        }

    def take_alert(self) -> BaseException | None:
        """What went wrong while no test was waiting for anything, if something did; told once."""
        return self._stuck.take_alert()

    def _check(self) -> BaseException | None:
        return self._stuck.check()

    def _blocked(self) -> BaseException:
        return self._stuck.blocked()

    def _tell_failure(self, error: BaseException) -> None:
        self._stuck.raise_in_test(error)

    def _crashed(self, life: Life, error: BaseException) -> None:
        crash = ActorCrashed(f"{life.name} raised {type(error).__name__}: {error}", name=life.name)
        crash.__cause__ = error
        self._stuck.raise_in_test(crash)


def _instant(value: str | datetime, name: str) -> int:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidArgumentError(
                f"{name} {value!r} is no instant; accepted: an ISO text such as '2026-01-01T00:00:00Z'"
            ) from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidArgumentError(f"{name} must be a datetime with a time zone, not {value!r}")
    return (value - as_datetime(0)) // timedelta(microseconds=1) * 1000


def _report(context: dict[str, Any]) -> None:
    """What stock asyncio would log: an exception that nobody looked at."""
    if context.get("exception") is None:
        return
    import logging

    logging.getLogger("asyncio").error(
        context.get("message", "unhandled error"), exc_info=context.get("exception")
    )
