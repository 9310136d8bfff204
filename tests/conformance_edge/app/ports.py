"""Scripts as data, and the objects that perform them: the same file runs in the simulator and in a Worker.

A script is a list of steps, each a list of a word and its arguments. Its objects are of two kinds. A *Port*
performs steps on the host port itself, where the engine's shell would be, with awaits in between. A *Pure* is
an actor under the engine's own shell: it writes rows, and sends through its outbox. The driver performs the
outermost steps as a client, and waits until everything has come to rest.

What is observed: the result of each step, then what each object holds. Rules that make two hosts comparable:

- of time, only order is observed: an alarm or a message is early or it is not. The moment for which an alarm
  says it was set may be later than that for which it was: the platform moves one of the past to the present,
  and the host one that may be lost by a millisecond. It may be earlier by less than ten seconds, too: then
  the object has lost its memory since, and the time itself has come all the same;
- an alarm that finds nothing due is no observation, because alarms are at least once;
- of a failed call it is observed that its outcome is unknown, not the words;
- messages of a queue are seen in no order.

Must not import: a host.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from temporal_do.runtime.actor import Actor, AfterDelivery, Alarm, Ok, Poke, State, Turn
from temporal_do.runtime.errors import HostError
from temporal_do.runtime.host import Commit, Tables
from temporal_do.runtime.records import record
from temporal_do.runtime.shell import Shell

QUEUE = "SCRIPT_QUEUE"
MILLISECOND = 1_000_000
SOON_NS = 60_000 * MILLISECOND
"""What is to happen later than that is not waited for."""
EARLY_NS = 10_000 * MILLISECOND
"""So much earlier may be the moment for which an alarm says it was set, after the memory was lost."""
PATIENCE_S = 60.0
REST_S = 0.01
QUIET = 3
"""So often in a row it must be at rest."""


@record
class PortRow:
    value: Any


@record
class PortSteps:
    """To a Port: perform these. ``counted``: as a message that the object remembers."""

    steps: tuple[Any, ...]
    counted: bool = True


@record
class PortDid:
    results: tuple[Any, ...]


@record
class PortTask:
    """On the queue: have ``key`` perform ``steps``, after so many ``failures`` of the consumer."""

    key: str
    steps: tuple[Any, ...]
    failures: int
    not_before_ns: int


@record
class PureSteps:
    steps: tuple[Any, ...]


class Ledger:
    """What is under way in one case, across the lives of its objects; lost with the process."""

    def __init__(self) -> None:
        self.works: list[tuple[Any, list[bool]]] = []
        self.queued = 0
        self.early = 0
        self.alarms: dict[str, int] = {}
        self.failures: dict[str, int] = {}

    def fails(self, what: str, times: int) -> bool:
        """Is this one of the first ``times`` times that ``what`` is tried?"""
        tried = self.failures[what] = self.failures.get(what, 0) + 1
        return tried <= times

    def open(self, now_ns: int) -> str:
        """What has not come to rest; "": nothing."""
        self.works = [work for work in self.works if not work[1] and is_living(work[0])]
        soon = [key for key, due_ns in self.alarms.items() if due_ns < now_ns + SOON_NS]
        if self.works:
            return f"{len(self.works)} works of {self.works[0][0].__class__.__name__}"
        return f"{self.queued} messages" if self.queued else f"alarms of {soon}" if soon else ""


LEDGERS: dict[str, Ledger] = {}
io_pause: Callable[[Any], Awaitable[None]] | None = None
"""The platform's own I/O takes time in which other things happen; a simulator that takes none waits here."""


def ledger(key: str) -> Ledger:
    """That of the case to which the object ``key`` belongs."""
    case = key.split("/")[1]
    found = LEDGERS.get(case)
    if found is None:
        found = LEDGERS[case] = Ledger()
    return found


def is_living(host: Any) -> bool:
    """Has this incarnation not ended, as far as its host knows?"""
    alive = getattr(host, "alive", None)
    return bool(host.state if alive is None else alive)


def key_of(case: str, name: str) -> str:
    """Names of one letter up to m are Ports, the others Pures."""
    return f"{'Port' if name < 'n' else 'Pure'}/{case}/{name}"


def frozen(value: Any) -> Any:
    """Lists as tuples, as they come back from a record."""
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def content(value: Any) -> Any:
    """What a step's value stands for: ["x", n] is a long text."""
    return value[0] * value[1] if isinstance(value, tuple) else value


def shown(value: Any) -> Any:
    """A value as an observation: a long text by its length."""
    return f"{value[:1]}*{len(value)}" if isinstance(value, str) and len(value) > 100 else value


def shown_tables(tables: Tables) -> dict[str, list[list[Any]]]:
    """Rows in the order in which they were given, the object's own bookkeeping left out."""
    return {
        name: [[key, shown(row.value)] for key, row in rows.items()]
        for name, rows in sorted(tables.items())
        if rows and name not in ("meta", "outbox")
    }


class Steps:
    """Performs the steps that any host can do."""

    def __init__(self, host: Any, case: str) -> None:
        self.host = host
        self.case = case

    async def perform(self, steps: Any) -> tuple[Any, ...]:
        """All of them, one after the other."""
        return tuple([await self.step(word, *arguments) for word, *arguments in steps])

    async def step(self, word: str, *arguments: Any) -> Any:
        """One; its result."""
        method: Callable[..., Any] = getattr(self, f"do_{word}")
        return await method(*arguments)

    async def _outside(self, work: Callable[[], Awaitable[Any]], *, in_a_row: bool = False) -> Any:
        """Await what the platform does; other things happen before and after. ``in_a_row``: not before, as
        calls are taken in the order in which they were made."""
        if io_pause is not None and not in_a_row:
            await io_pause(self.host)
        result = await work()
        if io_pause is not None:
            await io_pause(self.host)
        return result

    async def _asked(self, name: str, message: Any) -> Any:
        try:
            reply = await self._outside(
                lambda: self.host.call(key_of(self.case, name), message), in_a_row=True
            )
        except HostError:
            return "unknown"
        return reply.results if type(reply) is PortDid else type(reply).__name__

    async def do_call(self, name: str, steps: Any) -> Any:
        return await self._asked(name, PortSteps(steps=frozen(steps)))

    async def do_ask(self, name: str, steps: Any) -> Any:
        return await self._asked(name, PureSteps(steps=frozen(steps)))

    async def do_all(self, calls: Any) -> Any:
        return tuple(await asyncio.gather(*(self.do_call(name, steps) for name, steps in calls)))

    async def do_queue(self, delay_ms: int, name: str, steps: Any, failures: int) -> Any:
        now_ns = self.host.now()
        task = PortTask(
            key=key_of(self.case, name),
            steps=frozen(steps),
            failures=failures,
            not_before_ns=now_ns + delay_ms * MILLISECOND,
        )

        def send() -> Awaitable[None]:
            ledger(task.key).queued += 1  # it is on its way, whatever becomes of its sender
            return self.host.enqueue(QUEUE, task, delay_ms * MILLISECOND)

        await self._outside(send)
        return "sent"

    async def do_blob(self, name: str, text: str, once: bool) -> Any:
        key = f"{self.case}/{name}"
        return await self._outside(lambda: self.host.put_blob(key, text.encode(), only_if_absent=once))

    async def do_read(self, name: str) -> Any:
        found = await self._outside(lambda: self.host.get_blob(f"{self.case}/{name}"))
        return None if found is None else found.decode()

    async def do_race(self, name: str, texts: Any) -> Any:
        """Several write one blob at the same time, each only if nobody has: so many have."""
        puts = [self.do_blob(name, text, True) for text in texts]
        return sum(await asyncio.gather(*puts))

    async def do_tick(self) -> None:
        await asyncio.sleep(0)

    async def do_wait(self, milliseconds: int) -> None:
        await asyncio.sleep(milliseconds / 1000)


class PortShell(Steps):
    """Stands where the engine's shell stands, and performs steps on the host port of one incarnation."""

    def __init__(self, key: str, host: Any) -> None:
        super().__init__(host, key.split("/")[1])
        self.state = None
        self._key = key
        self._rows: dict[str, dict[Any, Any]] | None = None
        self._messages = 0

    async def handle(self, message: Any) -> Any:
        """Perform what a message says."""
        return await self._beside(self._perform, message)

    async def alarm(self, scheduled_ns: int) -> None:
        """Perform what was to be performed then."""
        await self._beside(self._ring, scheduled_ns)

    async def _beside(self, method: Any, argument: Any, tracked: bool = True) -> Any:
        done = asyncio.get_running_loop().create_future()
        self._spawn(method, argument, done, tracked)
        return await done

    def _spawn(self, method: Any, argument: Any, done: Any, tracked: bool) -> None:
        ended: list[bool] = []
        if tracked:
            ledger(self._key).works.append((self.host, ended))

        async def run() -> None:
            result = await method(argument)
            ended.append(True)
            if done is not None and not done.done():
                done.set_result(result)

        self.host.spawn(run())

    async def _perform(self, message: PortSteps) -> PortDid:
        self._messages += message.counted
        return PortDid(results=await self.perform(message.steps))

    async def _loaded(self) -> dict[str, dict[Any, Any]]:
        if self._rows is None:
            tables = await self.host.load()
            if self._rows is None:
                self._rows = {name: dict(rows) for name, rows in tables.items()}
                due = self._rows.get("meta", {}).get("alarm")
                if due is not None:
                    ledger(self._key).alarms[self._key] = due.value
        return self._rows

    async def _commit(self, changes: list[Any], alarm: Any) -> None:
        rows = await self._loaded()
        meta = rows.get("meta", {})
        due_ns = None if "alarm" not in meta else meta["alarm"].value
        if alarm != "keep":
            due_ns = None
            if alarm is not None:
                delay_ms, ring = alarm
                due_ns = (self.host.now() // MILLISECOND + 1 + delay_ms) * MILLISECOND
                changes.append(("meta", "alarm", PortRow(value=due_ns)))
                changes.append(("meta", "ring", PortRow(value=ring)))
            elif meta:
                changes += [("meta", key, None) for key in list(meta)]
        await self.host.commit(Commit(tuple(changes), due_ns))
        for table, key, row in changes:
            if row is None:
                rows.get(table, {}).pop(key, None)
            else:
                rows.setdefault(table, {})[key] = row
        alarms = ledger(self._key).alarms
        if due_ns is None:
            alarms.pop(self._key, None)
        else:
            alarms[self._key] = due_ns

    async def _ring(self, scheduled_ns: int) -> None:
        rows = await self._loaded()
        meta = rows.get("meta", {})
        if "alarm" not in meta:
            return
        due_ns, steps = meta["alarm"].value, meta["ring"].value
        if due_ns > self.host.now():
            # Too early: the object has lost its memory since it set a later one.
            await self.host.commit(Commit((), due_ns))
            return
        if steps and steps[0][0] == "fail_first":
            await self.step(*steps[0])
            steps = steps[1:]
        number = len(rows.get("rings", ())) + 1
        said = "not before" if scheduled_ns >= due_ns - EARLY_NS else "too early"
        await self._commit([("rings", number, PortRow(value=said))], None)
        await self.perform(steps)

    # --- steps that only an object can do ---

    async def do_commit(self, rows: Any, alarm: Any) -> None:
        changes = [
            (table, key, None if value is None else PortRow(value=content(value)))
            for table, key, value in rows
        ]
        await self._commit(changes, alarm)

    async def do_load(self) -> Any:
        cached = shown_tables(await self._loaded())
        fresh = shown_tables(await self.host.load())
        same = {name: sorted(map(repr, rows)) for name, rows in cached.items()} == {
            name: sorted(map(repr, rows)) for name, rows in fresh.items()
        }
        return json.dumps({"rows": fresh, "memory is the same": same, "messages": self._messages})

    async def do_spawn(self, steps: Any) -> None:
        self._spawn(self.perform, steps, None, True)

    async def do_doom(self, table: str) -> None:
        """Spawn what would write a row when nobody looks any more."""
        self._spawn(self.perform, (("wait", 60_000), ("commit", ((table, 0, 0),), "keep")), None, False)

    async def do_abort(self) -> None:
        self.host.abort("the script says so")
        raise HostError("aborted")

    async def do_fail(self) -> None:
        raise HostError("planted")

    async def do_fail_first(self, times: int) -> None:
        if ledger(self._key).fails(f"{self._key} alarm", times):
            raise HostError("planted")


class Marker(Actor[State]):
    """Says to the host that Ports are known; a PortShell does what is to be done."""

    kind = "Port"


class Pure(Actor[State]):
    """An actor that does as it is told."""

    kind = "Pure"

    def __init__(self) -> None:
        self.handlers = {
            PureSteps: self.do,
            Alarm: self.alarm,
            Poke: lambda state, message, turn: (),
            PortSteps: lambda state, message, turn: PortDid(results=(json.dumps(shown_tables(state.rows)),)),
        }

    def load(self, key: str, tables: Tables) -> State:
        state = State(key, tables)
        row = state.get("meta", "alarm")
        if row is not None:
            ledger(key).alarms[key] = row.value
        return state

    def next_alarm(self, state: State) -> int | None:
        row = state.get("meta", "alarm")
        return None if row is None else int(row.value)

    def do(self, state: State, message: PureSteps, turn: Turn) -> Any:
        case = state.key.split("/")[1]
        number = 0
        for word, *arguments in message.steps:
            if word == "put":
                table, key, value = arguments
                if value is None:
                    turn.delete(table, key)
                else:
                    turn.put(table, key, PortRow(value=content(value)))
            elif word == "send":
                name, steps = arguments
                body = PortSteps(steps=steps, counted=False) if name < "n" else PureSteps(steps=steps)
                number = turn.send(key_of(case, name), body)
            elif word == "alarm":
                delay_ms, steps = arguments
                due_ns = (turn.now // MILLISECOND + 1 + delay_ms) * MILLISECOND
                turn.put("meta", "alarm", PortRow(value=due_ns))
                turn.put("meta", "ring", PortRow(value=steps))
                ledger(state.key).alarms[state.key] = due_ns
            elif word == "clear":
                turn.delete("meta", "alarm")
                ledger(state.key).alarms.pop(state.key, None)
            elif word == "after":
                return AfterDelivery(number, Ok())
            else:
                raise ValueError("planted")
        return Ok()

    def alarm(self, state: State, message: Alarm, turn: Turn) -> Ok:
        row = state.get("meta", "alarm")
        if row is not None and row.value <= turn.now:
            turn.put("rings", len(state.table("rings")) + 1, PortRow(value="rang"))
            turn.delete("meta", "alarm")
            ledger(state.key).alarms.pop(state.key, None)
            self.do(state, PureSteps(steps=state.rows["meta"]["ring"].value), turn)
        return Ok()


MARKER = Marker()
ACTORS: Mapping[str, Actor[Any]] = {"Port": MARKER, "Pure": Pure()}


def make_shell(key: str, actor: Any, host: Any, executor: Any) -> Any:
    """What a host makes for a new incarnation: takes the place of the engine's Shell."""
    return PortShell(key, host) if actor is MARKER else Shell(key, actor, host, executor)


async def consume(worker: Any, body: PortTask, run: Any = None) -> None:
    """Take one message of the queue."""
    found = ledger(body.key)
    if io_pause is not None:
        await io_pause(worker)
    if worker.now() < body.not_before_ns:
        found.early += 1
    if body.failures and found.fails(repr(body), body.failures):
        raise HostError("planted")
    try:
        await worker.call(body.key, PortSteps(steps=body.steps, counted=False))
    except HostError:
        pass  # it is observed where it has left no row
    found.queued -= 1


class Driver(Steps):
    """Performs one part of a case as a client."""

    async def do_settle(self) -> None:
        """Wait until nothing of the case is under way."""
        found = ledger(f"/{self.case}/")
        pures = sorted({name for name in self.names if name >= "n"})
        open_works, quiet = "", 0
        for _ in range(int(PATIENCE_S / REST_S)):
            open_works = found.open(self.host.now())
            for name in () if open_works else pures:
                poked = await self.host.call(key_of(self.case, name), Poke())
                if poked.pending:
                    open_works = f"the outbox of {name}"
            # A call whose caller has died may be under way, and nobody knows of it.
            quiet = 0 if open_works else quiet + 1
            if quiet == QUIET:
                return
            await asyncio.sleep(REST_S)
        raise TimeoutError(f"{self.case} does not come to rest: {open_works}")

    names: tuple[str, ...] = ()

    async def part(self, steps: Any, names: tuple[str, ...], across: Any) -> dict[str, Any]:
        """One part, from a start of the platform to its end; what was seen. ``across``: (name, ring), an
        alarm that the next part shall see."""
        self.names = names
        for name in names:
            await self.do_call(name, [("load",)])  # who has an alarm says so
        results = await self.perform([*steps, ("settle",)])
        looks = {name: await self.do_call(name, [("load",)]) for name in names}
        if across:
            await self.do_call(across[0], [("commit", (), (1_000, across[1]))])
        return {
            "results": results,
            "objects": {name: [json.loads(each) for each in look] for name, look in looks.items()},
            "early": ledger(f"/{self.case}/").early,
        }
