"""The simulated platform: who gets which message, who lives, who dies.

Fault model: that of its parts. Objects lose memory and calls in flight, never committed rows (``objects``);
requests and replies get lost and late (``hosts``); alarms and queues are at least once (``alarms``,
``queue``); so is the cron trigger at worst (``cron``). Under the PROD profile commits are durable only after
they have returned, and an output gate holds back what depends on them (``pipelining``). With no fault plan
nothing is lost, late or doubled, and only the order of simultaneous events is open.

Invariants
- One macro event per request. The reply is handed back in the same event, unless a fault delays it.
- Without faults, load and commit do not suspend: a turn is over before the next event. Under the LOCAL
  profile its commit is durable by then as well.
- Every step is in the trace, and the trace decides the digest; nothing else is published.
- Messages, rows and replies are immutable; strict mode encodes and decodes each of them on its way.

Must not import: the clock or the entropy of the machine; anything that knows what the messages mean.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from functools import partial
from hashlib import blake2b
from typing import Any
from zlib import crc32

from ..runtime.actor import Actor
from ..runtime.errors import HostError, InvalidArgumentError
from ..runtime.keys import kind_of
from ..runtime.records import decode, encode
from ..runtime.shell import Executor
from .alarms import ObjectAlarm
from .choices import Choices
from .cron import Cron
from .faults import FaultPlan, Faults, Storm
from .hosts import Call, SimHost, Unknown
from .lives import DEAD, LIVE, ZOMBIE, Life
from .loop import SimulationLoop
from .object_store import ObjectStore
from .objects import SimObject, SimObjectHost
from .pipelining import PipelinedHost
from .queue import Queues, WorkerHost
from .scheduler import Scheduler
from .trace import Trace

ZOMBIE_GRACE_NS = 30_000_000_000
"""So long a superseded incarnation may go on."""

ISOLATES = 8
"""So many isolates share the objects: what one of them loses, all its objects lose."""

_ASTRAY = ("duplicate_request", "overtaken_request", "caller_disconnect")

LOCAL = "local"
PROD = "prod"
PROFILES = (LOCAL, PROD)


def isolate_of(key: str) -> int:
    """The isolate in which the object ``key`` lives, from 0 to ``ISOLATES`` - 1."""
    return crc32(key.encode()) % ISOLATES


class NoExecutor:
    """Stands in where no workflow code runs: takes no tasks, so they wait."""

    def polls(self, namespace: str, task_queue: str) -> bool:
        """Nobody polls here."""
        return False

    async def execute(self, key: str, task: Any) -> Any:
        """Nothing to give back."""
        return None

    def evict(self, key: str, run_id: str = "") -> None:
        """Nothing is cached."""


class Platform:
    """Durable Objects, queues and an object store in one process, on virtual time."""

    def __init__(
        self,
        *,
        loop: SimulationLoop,
        scheduler: Scheduler,
        choices: Choices,
        actors: Mapping[str, Actor[Any]],
        executor: Executor | None = None,
        trace: Trace | None = None,
        faults: FaultPlan | None = None,
        strict: bool = False,
        profile: str = LOCAL,
    ) -> None:
        if profile not in PROFILES:
            raise InvalidArgumentError(f"{profile!r} is no profile; there are: {', '.join(PROFILES)}")
        self.loop = loop
        self.scheduler = scheduler
        self.choices = choices
        self.actors = actors
        self.executor: Executor = executor or NoExecutor()
        self.trace = Trace() if trace is None else trace
        self.strict = strict
        self.profile = profile
        self.faults: Faults | None = None
        self.objects: dict[str, SimObject] = {}
        self.queues = Queues(self)
        self.blobs = ObjectStore(self)
        self.cron = Cron(self)
        self.closed = False
        self.unstarted: dict[Coroutine[Any, Any, Any], None] = {}
        """What is to run and has not begun; closed with the simulation, so that nobody misses its await."""
        self.context = Context()
        """What objects and workers see of the context: that of the last deployment, nothing of whoever
        asks."""
        self.calls = 0
        """Requests made so far."""
        self.on_crash: Callable[[Life, BaseException], object] | None = None
        """Told of what engine code raised although it must not; without it, it is raised where it happens."""
        self.news_at = 0
        """The number of the last macro event in which a client got an answer."""
        self.progress_at = 0
        """The same, or in which workflow code ran."""
        self.content = blake2b(digest_size=16)
        """Strict mode only: hash over the bytes of every row, message and reply."""
        self._object_host = PipelinedHost if profile == PROD else SimObjectHost
        self.keeps_acknowledgements = profile == PROD
        """Is a message that was acknowledged done although its consumer then fails?"""
        self._lane_free_ns: dict[Any, int] = {}
        self._broken_until_ns: dict[tuple[str, int, str], int] = {}
        self._fault_counts: dict[str, int] = {}
        self._hosts = 0
        if faults is not None:
            self.set_faults(faults)

    def now(self) -> int:
        """The virtual time, ns since the Unix epoch."""
        return self.scheduler.now()

    def host(self, name: str = "client") -> SimHost:
        """A host for something that is no durable object: a client, a script, an executor."""
        self._hosts += 1
        return SimHost(self, name, self._hosts)

    # --- objects ---

    def object(self, key: str) -> SimObject:
        """The object with this key; it exists from its first use. Raises InvalidArgumentError."""
        found = self.objects.get(key)
        if found is None:
            kind = kind_of(key) if "/" in key else key
            actor = self.actors.get(kind)
            if actor is None:
                raise InvalidArgumentError(f"{key!r} addresses no known class of objects")
            alarm = ObjectAlarm(self)
            found = alarm.object = self.objects[key] = SimObject(key, actor, alarm)
        return found

    def incarnation(self, found: SimObject) -> SimObjectHost:
        """Whoever embodies the object now; a new incarnation if it is in nobody's memory."""
        host = found.incarnation
        if host is None:
            found.incarnations += 1
            host = found.incarnation = self._object_host(self, found)
            faults = self.faults
            if faults is not None and self.strike("clock", found.key):
                host.skew_ns = faults.skew_ns(f"clock_skew:{found.key}", faults.plan.skew_ns_max)
        return host

    def kill(self, host: SimObjectHost, reason: str) -> None:
        """End an incarnation: memory and calls in flight are lost, committed rows stay."""
        if host.state == DEAD:
            return
        was_live = host.state == LIVE
        host.state = DEAD
        if host.unconfirmed:
            self._settle(host)
        self._part(host, reason)
        if was_live:
            self._vacate(host)

    def supersede(self, host: SimObjectHost) -> None:
        """Make an incarnation a zombie: it goes on, but a new one takes over and it can't commit any more."""
        if host.state == LIVE:
            host.state = ZOMBIE
            if host.unconfirmed:
                self._settle(host)
            self.trace.add(("dead", self.now(), host.name, host.number, "superseded"))
            self._vacate(host)
            # Whoever waits for an answer of its memory hears, in the end, that there will be none.
            self.scheduler.at(self.now() + ZOMBIE_GRACE_NS, self.kill, host, "superseded")

    def _settle(self, host: SimObjectHost) -> None:
        if isinstance(host, PipelinedHost):
            host.settle_units()

    def _part(self, host: SimObjectHost, reason: str) -> None:
        self.trace.add(("dead", self.now(), host.name, host.number, reason))
        calls = list(host.calls.values())
        host.calls.clear()
        for call in calls:
            self.answer(call, Unknown(f"{host.name} lost its memory ({reason})"))

    def _vacate(self, host: SimObjectHost) -> None:
        found = host.object
        if found.incarnation is host:
            found.incarnation = None
        self.executor.evict(host.name)
        found.alarm.interrupted()

    def crash(self, key: str, reason: str = "killed") -> bool:
        """Kill whoever embodies ``key`` now. False: nobody did."""
        found = self.objects.get(key)
        if found is None or found.incarnation is None:
            return False
        self.kill(found.incarnation, reason)
        return True

    # --- calls ---

    def send(self, sender: SimHost, receiver: str, message: Any, future: Any) -> None:
        """Put a request on its way; ``future`` gets the reply or an Unknown."""
        if sender.unconfirmed and isinstance(sender, PipelinedHost):
            sender.hold(partial(self.send, sender, receiver, message, future))
            return
        self.calls = number = self.calls + 1
        self.trace.add(("call", self.scheduler.now(), sender.name, receiver, number, message))
        if self.strict:
            message = self.carried(message)
        call = Call(number, sender, receiver, message, future)
        if type(sender) is self._object_host:
            call.lane = (sender.name, receiver)
        else:
            call.lane = -number
        if self.faults is None and not self._lane_free_ns and not self._broken_until_ns:
            self.scheduler.post(call.lane, self._deliver, call)
        else:
            self._send_at_risk(call)

    def _send_at_risk(self, call: Call) -> None:
        faults = self.faults
        fault = self.strike("request", call.sender.name)
        if fault == "lost_request":
            self.scheduler.post(call.lane, self.answer, call, Unknown("the request was lost"))
            return
        now = self.now()
        if fault == "broken_stub" or self._broken_until_ns:
            stub = (call.sender.name, call.sender.number, call.receiver)
            if faults is not None and fault == "broken_stub":
                delay_ns = faults.delay_ns(f"broken_stub:{call.sender.name}", faults.plan.latency_ns_max)
                self._broken_until_ns[stub] = now + delay_ns
            if now < self._broken_until_ns.get(stub, 0):
                self.scheduler.post(call.lane, self.answer, call, Unknown("the stub is broken"))
                return
        if faults is not None and fault in _ASTRAY:
            delay_ns = faults.delay_ns(f"{fault}:{call.sender.name}", faults.plan.latency_ns_max)
            self._send_astray(call, fault, now + delay_ns)
            return
        due_ns = self._lane_free_ns.get(call.lane, now)
        if faults is not None and fault == "slow_request":
            delay_ns = faults.delay_ns(f"slow_request:{call.sender.name}", faults.plan.latency_ns_max)
            due_ns = max(due_ns, now + delay_ns)
        if due_ns <= now:
            self.scheduler.post(call.lane, self._deliver, call)
            return
        self._lane_free_ns[call.lane] = due_ns
        self.scheduler.at(due_ns, self._deliver, call, lane=call.lane)

    def _send_astray(self, call: Call, fault: str, due_ns: int) -> None:
        """Deliver ``call`` at ``due_ns`` out of its lane; or now and, as another call, then as well."""
        late = call
        if fault == "duplicate_request":
            self.calls = number = self.calls + 1
            self.trace.add(("call", self.now(), call.sender.name, call.receiver, number, call.message))
            late = Call(number, call.sender, call.receiver, call.message, call.future)
            call.future = self.loop.create_future()  # nobody waits for the first reply
            self.scheduler.post(call.lane, self._deliver, call)
        elif fault == "caller_disconnect":
            self.scheduler.post(call.lane, self.answer, call, Unknown("the caller was disconnected"))
        late.lane = -late.number
        self.scheduler.at(due_ns, self._deliver, late, lane=late.lane)

    def is_cold(self, found: SimObject) -> bool:
        """Is an object that is in nobody's memory not to start before its ``cold_until_ns``?"""
        if found.cold_until_ns:
            if self.now() < found.cold_until_ns:
                return True
            found.cold_until_ns = 0
            return False
        faults = self.faults
        if faults is None or not self.strike("start", found.key):
            return False
        found.cold_until_ns = self.now() + faults.delay_ns(f"cold_start:{found.key}", faults.plan.cold_ns_max)
        return True

    def _deliver(self, call: Call) -> None:
        found = self.objects.get(call.receiver)
        if found is None:
            found = self.object(call.receiver)
        if self.faults is not None and not self._admit(call, found):
            return
        host = found.incarnation
        if host is None:
            if self.is_cold(found):
                self.scheduler.at(found.cold_until_ns, self._deliver, call, lane=call.lane)
                return
            host = self.incarnation(found)
        number = call.number
        message = call.message
        self.trace.add(("deliver", self.scheduler.now(), call.receiver, host.number, number, message))
        host.calls[number] = call
        work = host.shell.handle(message)
        try:
            awaited = work.send(None)
        except StopIteration as stop:
            if host.unconfirmed:
                self._hold_reply(host, call, stop.value)
            elif host.calls.pop(number, None) is not None:
                self._reply(host, call, stop.value)
        except HostError as error:
            self._failed(host, call, error)
        except Exception as error:
            self._failed(host, call, error)
            self.crashed(host, error)
        else:
            self.loop.create_task(self._serve(host, call, host.resume(work, awaited)), name=host.name)

    async def _serve(self, host: SimObjectHost, call: Call, work: Any) -> None:
        try:
            reply = await work
        except HostError as error:
            self._failed(host, call, error)
        except Exception as error:
            self._failed(host, call, error)
            self.crashed(host, error)
        else:
            if host.unconfirmed:
                self._hold_reply(host, call, reply)
            elif host.calls.pop(call.number, None) is not None:
                self._reply(host, call, reply)

    def _hold_reply(self, host: Any, call: Call, reply: Any) -> None:
        def release() -> None:
            if host.calls.pop(call.number, None) is not None:
                self._reply(host, call, reply)

        host.hold(release)

    def _admit(self, call: Call, found: SimObject) -> bool:
        fault = self.strike("deliver", call.receiver)
        if not fault:
            return True
        if fault == "overload":
            self.answer(call, Unknown(f"{call.receiver} is overloaded"))
            return False
        host = found.incarnation
        if fault == "isolate_reset":
            isolate = isolate_of(call.receiver)
            for each in list(self.objects.values()):
                if each.incarnation is not None and isolate_of(each.key) == isolate:
                    self.kill(each.incarnation, fault)
        elif fault == "version_skew":
            faults = self.faults
            if faults is not None and self.now() >= found.old_code_until_ns:
                delay_ns = faults.delay_ns(f"version_skew:{found.key}", faults.plan.version_skew_ns_max)
                found.old_code_until_ns = self.now() + delay_ns
        if fault in ("code_update", "version_skew") and found.incarnation is not None:
            self.kill(found.incarnation, fault)
            self.answer(call, Unknown(f"{call.receiver} was reset because its code was updated"))
            return False
        if host is not None:
            if fault == "zombie":
                self.supersede(host)
            elif fault == "reset" or (fault == "evict" and host.is_idle):
                self.kill(host, fault)
        return True

    def _failed(self, host: SimObjectHost, call: Call, error: BaseException) -> None:
        if host.calls.pop(call.number, None) is not None:
            self.answer(call, Unknown(f"{call.receiver} failed: {error}"))

    def _reply(self, host: SimObjectHost, call: Call, reply: Any) -> None:
        if self.strict:
            reply = self.carried(reply)
        faults = self.faults
        if faults is not None:
            fault = self.strike("reply", host.name)
            if fault == "crash_before_reply":
                self.answer(call, Unknown(f"{host.name} lost its memory ({fault})"))
                self.kill(host, fault)
                return
            if fault == "lost_reply":
                self.answer(call, Unknown("the reply was lost"))
                return
            if fault == "slow_reply":
                delay_ns = faults.delay_ns(f"slow_reply:{host.name}", faults.plan.latency_ns_max)
                self.scheduler.at(self.now() + delay_ns, self._arrive, host, call, reply)
                return
        self._arrive(host, call, reply)

    def _arrive(self, host: SimObjectHost, call: Call, reply: Any) -> None:
        self.trace.add(("reply", self.scheduler.now(), host.name, host.number, call.number, reply))
        if type(call.sender) is SimHost:
            self.news_at = self.progress_at = self.loop.events
        future = call.future
        if not future.done():
            future.set_result(reply)

    def answer(self, call: Call, unknown: Unknown) -> None:
        """Tell the sender of ``call`` that nobody knows what became of it."""
        self.trace.add(("lost", self.now(), call.number, unknown.reason))
        if not call.future.done():
            call.future.set_result(unknown)

    # --- what the parts share ---

    def strike(self, point: str, key: str) -> str:
        """The fault that strikes ``key`` at ``point`` now, or ""."""
        faults = self.faults
        if faults is None:
            return ""
        fault = faults.strike(point, key)
        if fault:
            self.trace.add(("fault", self.now(), fault, key))
        return fault

    async def delay(self, delay_ns: int) -> None:
        """Wait for ``delay_ns`` of virtual time."""
        future = self.loop.create_future()
        self.scheduler.at(self.now() + delay_ns, _wake, future)
        await future

    def carried(self, value: Any) -> Any:
        """``value`` as it arrives elsewhere: itself, or a copy made of its bytes in strict mode."""
        if not self.strict:
            return value
        data = encode(value)
        self.content.update(data)
        return decode(data)

    def seen_rows(self, changes: Any) -> None:
        """Strict mode: add rows to the hash over all content."""
        for table, key, row in changes:
            self.content.update(f"{table}/{key}:".encode())
            self.content.update(b"" if row is None else encode(row))

    def progressed(self) -> None:
        """A workflow's code is about to run."""
        self.progress_at = self.loop.events

    def crashed(self, life: Life, error: BaseException) -> None:
        """Engine code of ``life`` raised ``error``: the life ends, the test is told."""
        if isinstance(life, SimObjectHost):
            self.kill(life, f"{type(error).__name__}: {error}")
        elif isinstance(life, WorkerHost):
            self.queues.kill(life, f"{type(error).__name__}: {error}")
        if self.on_crash is None:
            raise error
        self.on_crash(life, error)

    def set_faults(self, plan: FaultPlan) -> None:
        """Let ``plan`` rule from now on."""
        self.heal()
        self.faults = Faults(plan, self.choices)
        if plan.storms:
            self.faults.brew(self.scheduler, self._tell_storm)

    def _tell_storm(self, action: str, storm: Storm) -> None:
        self.trace.add(("storm", self.now(), action, " ".join(storm.rates)))

    def heal(self) -> None:
        """No more faults from now on."""
        if self.faults is not None:
            self._fault_counts = self.fault_counts
            self.faults.calm()
            self.faults = None

    @property
    def fault_counts(self) -> dict[str, int]:
        """Fault name -> how often it has struck in this run."""
        counts = dict(self._fault_counts)
        if self.faults is not None:
            for name, count in self.faults.counts.items():
                counts[name] = counts.get(name, 0) + count
        return counts


def _wake(future: Any) -> None:
    if not future.done():
        future.set_result(None)
