"""Small durable objects to test the simulator with: a counter, a sender, a parent with a child, an alarm
clock.

Each is idempotent the way the engine's own objects are: a request id is one row, so doing it again changes
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temporal_do.runtime.actor import Actor, Alarm, Deferred, Ok, Poke, State, Turn
from temporal_do.runtime.errors import HostError
from temporal_do.runtime.host import Tables
from temporal_do.runtime.records import record
from temporal_do.sim import Simulation


@record
class ToyNumber:
    value: int = 0


@record
class ToyAdd:
    request_id: str
    amount: int = 1


@record
class ToyRead:
    pass


@record
class ToySend:
    """Send ``count`` ToyAdds to ``receiver``, or to the queue of that name."""

    request_id: str
    receiver: str
    count: int = 1
    queue: bool = False


@record
class ToyBegin:
    """To a parent: have the child with this key do its work; answered when it is done."""

    child: str


@record
class ToyWork:
    parent: str


@record
class ToyDone:
    child: str


@record
class ToyTick:
    """To a clock: go off ``times`` times, every ``period_ns``."""

    times: int
    period_ns: int
    request_id: str = ""


@record
class ToyFail:
    pass


class Toy(Actor[State]):
    def load(self, key: str, tables: Tables) -> State:
        return State(key, tables)

    def next_alarm(self, state: State) -> int | None:
        return None


def number(state: State, key: str) -> int:
    row = state.get("numbers", key)
    return 0 if row is None else int(row.value)


def put_number(turn: Turn, key: str, value: int) -> ToyNumber:
    row = ToyNumber(value=value)
    turn.put("numbers", key, row)
    return row


class Counter(Toy):
    """Adds up; every request id counts once. Two rows per addition, which must be durable together."""

    kind = "Counter"

    def __init__(self) -> None:
        self.handlers = {ToyAdd: self.add, ToyRead: self.read, ToyFail: self.fail}

    def add(self, state: State, message: ToyAdd, turn: Turn) -> ToyNumber:
        if state.get("seen", message.request_id) is None:
            turn.put("seen", message.request_id, ToyNumber(value=message.amount))
            put_number(turn, "sum", number(state, "sum") + message.amount)
        return ToyNumber(value=number(state, "sum"))

    def read(self, state: State, message: ToyRead, turn: Turn) -> ToyNumber:
        return ToyNumber(value=number(state, "sum"))

    def fail(self, state: State, message: ToyFail, turn: Turn) -> Ok:
        raise ValueError("a planted bug")


class Sender(Toy):
    """Sends through its outbox. When poked it sends again what went to a queue, which may lose it for
    good."""

    kind = "Sender"

    def __init__(self) -> None:
        self.handlers = {ToySend: self.send, Alarm: self.alarm, Poke: self.poke}

    def send(self, state: State, message: ToySend, turn: Turn) -> Ok:
        if state.get("seen", message.request_id) is None:
            turn.put("seen", message.request_id, message if message.queue else ToyNumber())
            for index in range(message.count):
                post = turn.enqueue if message.queue else turn.send
                post(message.receiver, ToyAdd(request_id=f"{state.key}:{message.request_id}:{index}"))
        return Ok()

    def alarm(self, state: State, message: Alarm, turn: Turn) -> Ok:
        return Ok()

    def poke(self, state: State, message: Poke, turn: Turn) -> Ok:
        for send in state.table("seen").values():
            if type(send) is ToySend:
                for index in range(send.count):
                    turn.enqueue(send.receiver, ToyAdd(request_id=f"{state.key}:{send.request_id}:{index}"))
        return Ok()


class Parent(Toy):
    """Starts a child through its outbox and answers when the child has reported."""

    kind = "Parent"

    def __init__(self) -> None:
        self.handlers = {ToyBegin: self.begin, ToyDone: self.done, Alarm: self.alarm}

    def begin(self, state: State, message: ToyBegin, turn: Turn) -> Any:
        if state.get("numbers", f"done:{message.child}") is not None:
            return Ok()
        if state.get("numbers", f"begun:{message.child}") is None:
            put_number(turn, f"begun:{message.child}", 1)
            turn.send(message.child, ToyWork(parent=state.key))
        return Deferred(message.child)

    def done(self, state: State, message: ToyDone, turn: Turn) -> Ok:
        put_number(turn, f"done:{message.child}", 1)
        turn.resolve(message.child, Ok())
        return Ok()

    def alarm(self, state: State, message: Alarm, turn: Turn) -> Ok:
        return Ok()


class Child(Toy):
    """Answers its parent through its outbox, while the parent is still delivering to it."""

    kind = "Child"

    def __init__(self) -> None:
        self.handlers = {ToyWork: self.work, Alarm: self.alarm}

    def work(self, state: State, message: ToyWork, turn: Turn) -> Ok:
        if not number(state, "worked"):
            put_number(turn, "worked", 1)
            turn.send(message.parent, ToyDone(child=state.key))
        return Ok()

    def alarm(self, state: State, message: Alarm, turn: Turn) -> Ok:
        return Ok()


class Clock(Toy):
    """Goes off at fixed times; a row remembers each."""

    kind = "Clock"

    def __init__(self) -> None:
        self.handlers = {ToyTick: self.tick, Alarm: self.alarm, Poke: self.alarm, ToyRead: self.read}

    def next_alarm(self, state: State) -> int | None:
        left = number(state, "left")
        return number(state, "next") if left else None

    def tick(self, state: State, message: ToyTick, turn: Turn) -> Ok:
        if message.request_id:
            if state.get("seen", message.request_id) is not None:
                return Ok()
            turn.put("seen", message.request_id, ToyNumber())
        put_number(turn, "left", message.times)
        put_number(turn, "period", message.period_ns)
        put_number(turn, "next", turn.now + message.period_ns)
        return Ok()

    def alarm(self, state: State, message: Alarm, turn: Turn) -> Ok:
        due_ns = number(state, "next")
        if number(state, "left") and due_ns <= turn.now:
            turn.put("ticks", len(state.table("ticks")) + 1, ToyNumber(value=turn.now))
            put_number(turn, "left", number(state, "left") - 1)
            put_number(turn, "next", due_ns + number(state, "period"))
        return Ok()

    def read(self, state: State, message: ToyRead, turn: Turn) -> Any:
        return tuple(row.value for row in state.table("ticks").values())


TOYS: Mapping[str, Actor[Any]] = {
    actor.kind: actor for actor in (Counter(), Sender(), Parent(), Child(), Clock())
}


def toy_simulation(seed: int | str = 0, **options: Any) -> Simulation:
    """A simulation whose objects are the toys."""
    simulation = Simulation(seed, actors=TOYS, **options)

    async def sweep(host: Any) -> int | None:
        """The recovery of this small world: poke everything there is."""
        complete = True
        for key in list(simulation.platform.objects):
            try:
                await host.call(key, Poke())
            except HostError:
                complete = False
        return None if complete else 0

    simulation.platform.cron.sweeper = sweep
    return simulation


async def insist(host: Any, receiver: str, message: Any, tries: int = 400) -> Any:
    """Ask again until the outcome is known."""
    import asyncio

    for tried in range(tries):
        try:
            return await host.call(receiver, message)
        except HostError:
            await asyncio.sleep(0.1 if tried < tries // 2 else 10.0)
    raise TimeoutError(f"{receiver} never answered")


def rows(simulation: Simulation, key: str, table: str) -> dict[Any, Any]:
    """The committed rows of one table."""
    found = simulation.platform.objects[key]
    return dict(found.read(simulation.platform.strict).get(table, {}))


async def busy_world(simulation: Simulation) -> None:
    """A bit of everything at once: concurrent clients, outboxes, a parent with children, an alarm, a
    queue."""
    import asyncio

    host = simulation.host
    received: list[Any] = []

    async def consume(worker: Any, body: Any, run: Any) -> None:
        received.append(body)
        await worker.call("Counter/toys/queue", body)

    simulation.platform.queues.consume("toys", consume)
    calls = [
        *(insist(host, "Counter/toys/a", ToyAdd(request_id=f"r{i}", amount=i)) for i in range(5)),
        *(
            insist(host, f"Sender/toys/{i}", ToySend(request_id="s", receiver="Counter/toys/a", count=4))
            for i in range(3)
        ),
        insist(host, "Sender/toys/q", ToySend(request_id="q", receiver="toys", count=4, queue=True)),
        insist(host, "Clock/toys/c", ToyTick(times=5, period_ns=60_000_000_000, request_id="c")),
        *(insist(host, "Parent/toys/p", ToyBegin(child=f"Child/toys/{i}")) for i in range(3)),
    ]
    await asyncio.gather(*calls)
    simulation.heal()
    await simulation.sleep("2h")


def check_busy_world(simulation: Simulation) -> None:
    """What must hold after ``busy_world``, whatever went wrong meanwhile: every effect exactly once."""
    assert rows(simulation, "Counter/toys/a", "numbers")["sum"].value == sum(range(5)) + 3 * 4
    assert len(rows(simulation, "Counter/toys/a", "seen")) == 5 + 3 * 4
    assert rows(simulation, "Counter/toys/queue", "numbers")["sum"].value == 4
    assert len(rows(simulation, "Clock/toys/c", "ticks")) == 5
    assert len(rows(simulation, "Parent/toys/p", "numbers")) == 6
    for key in simulation.platform.objects:
        assert not rows(simulation, key, "outbox"), f"{key} still has something to say"
