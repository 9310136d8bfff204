"""The simulator in the situations of the rules: what it shows of them, in the words of `rules`.

A model says what of a case the simulator has at all: a whole observation, or some entries of one. Its objects
run plain functions on the host port, where the engine's shell would be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import temporal_do.sim.objects as sim_objects
from temporal_do.runtime.errors import HostError
from temporal_do.runtime.host import Commit
from temporal_do.sim import FaultPlan, Simulation
from temporal_do.sim.alarms import FAILURES_MAX

from .app import ports

MILLISECOND = 1_000_000
HOUR_MS = 3_600_000
ALWAYS = 1_000_000
Row = ports.PortRow


class Bench:
    """One simulation, and hands to try things with."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.platform = simulation.platform
        self.host = simulation.host
        self.log: list[Any] = []
        self.plan: Mapping[str, Callable[[Shell], Awaitable[None]]] = {}

    async def pass_ms(self, milliseconds: float) -> None:
        await self.simulation.sleep(milliseconds / 1000)

    async def tell(self, key: str, work: Callable[[Shell], Awaitable[Any]]) -> Any:
        """Have an object do something; "unknown" when nobody knows whether it has."""
        try:
            return await self.host.call(f"Port/models/{key}", work)
        except HostError:
            return "unknown"

    async def arm(self, key: str, milliseconds: int) -> None:
        await self.tell(key, lambda shell: shell.commit({}, milliseconds))

    def rows(self, key: str) -> str:
        tables = self.platform.object(f"Port/models/{key}").read(strict=False)
        return "".join(map(str, tables.get("t", {})))

    def alarm_of(self, key: str) -> Any:
        return self.platform.object(f"Port/models/{key}").alarm.when_ns

    def life(self, key: str) -> int:
        return self.platform.object(f"Port/models/{key}").incarnations

    def kill(self, key: str) -> None:
        self.platform.crash(f"Port/models/{key}")

    @property
    def runs(self) -> list[Any]:
        """Every start of an alarm's handler: (object, moment, life, set for, failures before)."""
        return [step[1:] for step in self.simulation.trace.tuples() if step[0] == "alarm"]

    def gaps(self) -> list[str]:
        """What lies between them, in whole seconds."""
        moments = [run[0] for run in self.runs]
        return [
            f"{(later - earlier) // 10**9} s" for earlier, later in zip(moments, moments[1:], strict=False)
        ]


class Shell:
    """Stands where the engine's shell stands: a message is a function of this."""

    bench: Bench

    def __init__(self, key: str, host: Any) -> None:
        self.state = None
        self.key = key.rpartition("/")[2]
        self.host = host
        self.messages = 0

    async def handle(self, work: Callable[[Shell], Awaitable[Any]]) -> Any:
        self.messages += 1
        return await self._beside(work)

    async def alarm(self, scheduled_ns: int) -> None:
        self.scheduled_ns = scheduled_ns
        self.bench.log.append("alarm")
        plan = self.bench.plan.get(self.key)
        if plan is not None:
            await self._beside(plan)

    async def _beside(self, work: Callable[[Shell], Awaitable[Any]]) -> Any:
        done = asyncio.get_running_loop().create_future()

        async def run() -> None:
            done.set_result(await work(self))

        self.host.spawn(run())
        return await done

    async def commit(self, rows: Mapping[Any, int | None], alarm_ms: int | None = None) -> None:
        changes = [("t", key, None if value is None else Row(value=value)) for key, value in rows.items()]
        alarm_ns = None if alarm_ms is None else self.host.now() + alarm_ms * MILLISECOND
        await self.host.commit(Commit(tuple(changes), alarm_ns))

    async def abort(self) -> None:
        self.host.abort("planned")
        raise HostError("aborted")


Model = Callable[[Bench], Awaitable[Any]]
MODELS: Final[dict[str, Model]] = {}
OPTIONS: Final[dict[str, dict[str, Any]]] = {}


def model(name: str, **options: Any) -> Callable[[Model], Model]:
    """Register the model of a case, and with what options it is simulated."""

    def register(work: Model) -> Model:
        MODELS[name] = work
        OPTIONS[name] = options
        return work

    return register


def observe(name: str) -> Any:
    """What the simulator shows in the situation of that case."""
    shell = sim_objects.Shell
    actors = {"Port": ports.MARKER}
    with Simulation(actors=actors, **OPTIONS[name]) as simulation:
        bench = Bench(simulation)
        simulation.platform.on_crash = lambda life, error: None
        made = type("BenchShell", (Shell,), {"bench": bench})
        sim_objects.Shell = lambda key, actor, host, executor: made(key, host)  # type: ignore[misc, assignment]
        try:
            return simulation.execute(MODELS[name](bench))
        finally:
            sim_objects.Shell = shell  # type: ignore[misc]


# --- calls and lives --------------------------------------------------------------------------------------


@model("calls-in-order")
async def _(bench: Bench) -> Any:
    async def arrive(number: int) -> None:
        bench.log.append(number)

    async def sender(shell: Shell) -> None:
        call = shell.host.call
        calls = [call("Port/models/a", lambda other, number=number: arrive(number)) for number in range(20)]
        await asyncio.gather(*calls)

    await bench.tell("sender", sender)
    return bench.log == sorted(bench.log)


@model("calls-end-out-of-order")
async def _(bench: Bench) -> Any:
    async def slowly(number: int, seconds: float) -> None:
        bench.log.append(f"begin {number}")
        await asyncio.sleep(seconds)
        bench.log.append(f"end {number}")

    async def sender(shell: Shell) -> None:
        call = shell.host.call
        await asyncio.gather(
            call("Port/models/a", lambda other: slowly(1, 0.04)),
            call("Port/models/a", lambda other: slowly(2, 0.001)),
        )

    await bench.tell("sender", sender)
    return bench.log


@model("self-call")
async def _(bench: Bench) -> Any:
    async def hello(shell: Shell) -> str:
        return "hello"

    return await bench.tell("a", lambda shell: shell.host.call("Port/models/a", hello))


@model("abort-in-flight")
async def _(bench: Bench) -> Any:
    async def slowly(shell: Shell) -> None:
        await asyncio.sleep(0.5)
        bench.log.append("end")

    async def abort(shell: Shell) -> None:
        await asyncio.sleep(0.02)
        await shell.abort()

    await bench.tell("a", lambda shell: shell.commit({"a": 1}))
    before = bench.life("a")
    told = await asyncio.gather(bench.tell("a", slowly), bench.tell("a", abort), bench.tell("a", slowly))
    assert told == ["unknown"] * 3
    await bench.tell("a", lambda shell: asyncio.sleep(1))
    return {
        "rows": bench.rows("a"),
        "instance": "same" if bench.life("a") == before else "new",
        "ended": bench.log.count("end"),
    }


@model("caller-gives-up")
async def _(bench: Bench) -> Any:
    async def late(shell: Shell) -> None:
        await asyncio.sleep(0.04)
        await shell.commit({"a": 1})

    call = asyncio.ensure_future(bench.tell("a", late))
    await bench.pass_ms(10)
    call.cancel()
    await bench.pass_ms(80)
    return {"rows": bench.rows("a")}


@model("abort-now")
async def _(bench: Bench) -> Any:
    async def abort(shell: Shell) -> None:
        shell.host.abort("planned")
        await shell.commit({"after": 1})

    before = await _lives(bench, "a")
    await bench.tell("a", abort)
    return {"rows": bench.rows("a"), "instance": await _instance(bench, "a", before)}


async def _lives(bench: Bench, key: str) -> int:
    await bench.tell(key, lambda shell: asyncio.sleep(0))
    return bench.life(key)


async def _instance(bench: Bench, key: str, before: int) -> str:
    return "same" if await _lives(bench, key) == before else "new"


@model("unit-throw")
async def _(bench: Bench) -> Any:
    async def throw(shell: Shell) -> None:
        await shell.commit({"a": 1})
        raise ValueError("thrown")

    await bench.tell("a", throw)
    return {"rows": bench.rows("a")}


FAILING_COMMITS = FaultPlan(rates={"failed_commit": ALWAYS})


@model("broken-constraint", faults=FAILING_COMMITS, profile="prod")
async def _(bench: Bench) -> Any:
    async def arrive(text: str) -> None:
        bench.log.append(text)

    async def commit_in_vain(shell: Shell) -> None:
        await shell.host.call("Port/models/peer", lambda other: arrive("before"))
        await shell.commit({"a": 1})
        await shell.host.call("Port/models/peer", lambda other: arrive("after"))

    before = await _lives(bench, "a")
    assert await bench.tell("a", commit_in_vain) == "unknown"
    return {"rows": bench.rows("a"), "instance": await _instance(bench, "a", before), "peer": bench.log}


@model("queue-held-by-gate", faults=FAILING_COMMITS, profile="prod")
async def _(bench: Bench) -> Any:
    async def consume(worker: Any, body: Any, run: Any) -> None:
        bench.log.append("message")

    async def send(shell: Shell) -> None:
        await shell.commit({"a": 1})
        await shell.host.enqueue("queue", Row(value=1))

    bench.platform.queues.consume("queue", consume)
    await bench.tell("a", send)
    await bench.pass_ms(1_000)
    return [bench.rows("a"), len(bench.log)]


@model("user-error")
async def _(bench: Bench) -> Any:
    async def throw(shell: Shell) -> None:
        raise ValueError("by the user")

    before = await _lives(bench, "a")
    assert await bench.tell("a", throw) == "unknown"
    return {"instance": await _instance(bench, "a", before)}


@model("crash-2")
async def _(bench: Bench) -> Any:
    async def hang(shell: Shell) -> None:
        await asyncio.sleep(HOUR_MS)

    async def consume(worker: Any, body: Any, run: Any) -> None:
        bench.log.append("message")

    bench.platform.queues.consume("queue", consume)
    bench.plan = {"running": hang}
    await bench.tell("rows", lambda shell: shell.commit({"a": 1}))
    await bench.arm("overdue", 400)
    await bench.host.put_blob("blob", b"kept")
    await bench.host.enqueue("queue", Row(value=1), 10**9)
    await bench.arm("running", 1)
    await bench.pass_ms(100)
    for key in ("rows", "overdue", "running"):
        bench.kill(key)
    bench.plan = {}
    await bench.pass_ms(5_000)
    kept = await bench.host.get_blob("blob")
    again = [run for run in bench.runs if run[1].endswith("running")][1:]
    overdue = [run for run in bench.runs if run[1].endswith("overdue")]
    return {
        "asleep": [len(overdue), len(again)],
        "rows": bench.rows("rows"),
        "retry": again[0][4],
        "blob": str(kept, "ascii") if kept else "lost",
        "messages": bench.log.count("message"),
    }


# --- alarms -----------------------------------------------------------------------------------------------


@model("alarm-rings-once")
async def _(bench: Bench) -> Any:
    await bench.arm("a", 30)
    await bench.pass_ms(200)
    run = bench.runs[0]
    return {"runs": len(bench.runs), "early": run[0] < run[3], "retry": run[4], "after": bench.alarm_of("a")}


@model("alarm-replaced")
async def _(bench: Bench) -> Any:
    await bench.arm("a", 20)
    least = bench.platform.now() + 70 * MILLISECOND
    await bench.arm("a", 80)
    await bench.pass_ms(200)
    return [len(bench.runs), bench.runs[0][0] >= least]


@model("alarm-deleted")
async def _(bench: Bench) -> Any:
    await bench.arm("a", 20)
    await bench.tell("a", lambda shell: shell.commit({}))
    await bench.pass_ms(60)
    return [len(bench.runs), bench.alarm_of("a")]


@model("alarm-in-the-past")
async def _(bench: Bench) -> Any:
    await bench.arm("a", -5_000)
    await bench.pass_ms(10)
    late = bench.runs[0][0] - bench.runs[0][3] > 4_000 * MILLISECOND
    return {"runs": len(bench.runs), "scheduled": "as it was set" if late else "the present"}


async def _note_run(shell: Shell, alarm_ms: int | None) -> int:
    """Leave a row of this run without a word about others; how many there were before."""
    rows = (await shell.host.load()).get("t", {})
    await shell.host.commit(
        Commit((("t", f"r{len(rows)}", Row(value=1)),), None)
        if alarm_ms is None
        else Commit(
            (("t", f"r{len(rows)}", Row(value=1)),),
            shell.scheduled_ns if alarm_ms == 0 else shell.host.now() + alarm_ms * MILLISECOND,
        )
    )
    return len(rows)


@model("alarm-first-retry")
async def _(bench: Bench) -> Any:
    async def throw_once(shell: Shell) -> None:
        if not await _note_run(shell, 0):  # the alarm stays as it is
            raise ValueError("planned")

    bench.plan = {"a": throw_once}
    await bench.arm("a", 5)
    await bench.pass_ms(100)
    meanwhile = bench.alarm_of("a")
    await bench.pass_ms(10_000)
    runs = bench.runs
    return {
        "gaps": bench.gaps(),
        "retries": [run[4] for run in runs],
        "same": runs[0][3] == runs[1][3],
        "meanwhile": "past" if meanwhile is not None and meanwhile < bench.platform.now() else "none",
        "rows": bench.rows("a"),
        "instance": "same" if runs[0][2] == runs[1][2] else "new",
    }


@model("alarm-always-throws", faults=FaultPlan(rates={"exhausted_alarm": ALWAYS}))
async def _(bench: Bench) -> Any:
    await bench.arm("a", 5)
    await bench.pass_ms(HOUR_MS)
    assert len(bench.runs) == FAILURES_MAX
    return {
        "gaps": bench.gaps(),
        "retries": [run[4] for run in bench.runs],
        "after": bench.alarm_of("a"),
    }


@model("alarm-set-then-throw")
async def _(bench: Bench) -> Any:
    async def set_and_throw_once(shell: Shell) -> None:
        if not await _note_run(shell, 50):
            raise ValueError("planned")
        await shell.commit({})

    bench.plan = {"a": set_and_throw_once}
    await bench.arm("a", 5)
    await bench.pass_ms(10_000)
    return {
        "soon": bench.gaps() == ["0 s"],
        "retries": [run[4] for run in bench.runs],
        "rows": bench.rows("a"),
    }


@model("alarm-deleted-then-throw")
async def _(bench: Bench) -> Any:
    async def clear_and_throw(shell: Shell) -> None:
        await _note_run(shell, None)
        raise ValueError("planned")

    bench.plan = {"a": clear_and_throw}
    await bench.arm("a", 5)
    await bench.pass_ms(10_000)
    return [len(bench.runs), bench.alarm_of("a")]


@model("alarm-abort")
async def _(bench: Bench) -> Any:
    async def abort_once(shell: Shell) -> None:
        if len(bench.runs) == 1:
            await shell.abort()
        await shell.commit({"r1": 1})

    bench.plan = {"a": abort_once}
    await bench.arm("a", 5)
    await bench.pass_ms(10_000)
    runs = bench.runs
    return {
        "gaps": bench.gaps(),
        "retries": [run[4] for run in runs],
        "instance": "same" if runs[0][2] == runs[1][2] else "new",
        "rows": bench.rows("a"),
    }


@model("alarm-same-moment")
async def _(bench: Bench) -> Any:
    async def same(shell: Shell) -> None:
        await _note_run(shell, 0)

    bench.plan = {"a": same}
    await bench.arm("a", 5)
    await bench.pass_ms(10_000)
    return {"set in its own ms": "lost" if len(bench.runs) == 1 else "rings"}


@model("alarm-next-moment")
async def _(bench: Bench) -> Any:
    async def follow(shell: Shell) -> None:
        await _note_run(shell, 1 if len(bench.runs) < 3 else None)

    bench.plan = {"a": follow}
    await bench.arm("a", 5)
    await bench.pass_ms(1_000)
    return [len(bench.runs), bench.alarm_of("a")]


async def _slow(shell: Shell) -> None:
    await asyncio.sleep(0.08)
    shell.bench.log.append("slow ends")


@model("alarm-and-call")
async def _(bench: Bench) -> Any:
    async def note(shell: Shell) -> None:
        bench.log.append("call")

    bench.plan = {"a": _slow}
    await bench.arm("a", 5)
    await bench.pass_ms(20)
    await bench.tell("a", note)
    await bench.pass_ms(200)
    return bench.log


@model("alarm-and-alarm")
async def _(bench: Bench) -> Any:
    async def set_and_wait(shell: Shell) -> None:
        if len(bench.runs) == 1:
            await shell.commit({}, 10)
            await _slow(shell)

    bench.plan = {"a": set_and_wait}
    await bench.arm("a", 5)
    await bench.pass_ms(1_000)
    return bench.log


@model("alarm-wakes")
async def _(bench: Bench) -> Any:
    await bench.arm("a", 60)
    before = bench.life("a")
    bench.kill("a")
    await bench.pass_ms(100)
    return [len(bench.runs), "same" if bench.life("a") == before else "new"]


@model("alarms-of-one-moment")
async def _(bench: Bench) -> Any:
    keys = [f"a{number}" for number in range(10)]
    await asyncio.gather(*(bench.arm(key, 30) for key in keys))
    await bench.pass_ms(100)
    rang = [run[1].rpartition("/")[2] for run in bench.runs]
    return "".join(str(rang.count(key)) for key in keys)


# --- queues and blobs -------------------------------------------------------------------------------------


def _attempts(bench: Bench) -> list[Any]:
    return [step[4] for step in bench.simulation.trace.tuples() if step[0] == "consume"]


async def _failing(bench: Bench, times: int, **policy: Any) -> None:
    """Send a message to a consumer that fails so often."""

    async def consume(worker: Any, body: Any, run: Any) -> None:
        if len(_attempts(bench)) <= times:
            raise HostError("planned")

    bench.platform.queues.consume("probe", consume)
    bench.platform.queues.consume("dead", consume)
    if policy:
        bench.platform.queues.configure("probe", **policy)
    await bench.host.enqueue("probe", Row(value=1))
    await bench.pass_ms(600_000)


@model("queue-first-delivery")
async def _(bench: Bench) -> Any:
    await _failing(bench, 0)
    return _attempts(bench)


@model("queue-retry")
async def _(bench: Bench) -> Any:
    await _failing(bench, 1)
    numbers = {step[3] for step in bench.simulation.trace.tuples() if step[0] == "consume"}
    return {"attempts": _attempts(bench), "same": len(numbers) == 1}


@model("queue-throw")
async def _(bench: Bench) -> Any:
    await _failing(bench, 1)
    return _attempts(bench)


@model("queue-retries-end")
async def _(bench: Bench) -> Any:
    await _failing(bench, 4, deliveries_max=4, dead_letters="dead")
    consumed = [step for step in bench.simulation.trace.tuples() if step[0] == "consume"]
    return {
        "queues": [step[2] for step in consumed],
        "attempts": [step[4] for step in consumed],
        "same": len({step[3] for step in consumed}) == 1,
    }


@model("queue-delay")
async def _(bench: Bench) -> Any:
    moments: list[int] = []

    async def consume(worker: Any, body: Any, run: Any) -> None:
        moments.append(worker.now())

    bench.platform.queues.consume("probe", consume)
    sent_ns = bench.platform.now()
    await bench.host.enqueue("probe", Row(value=1), 10**9)
    await bench.pass_ms(5_000)
    return "not early" if moments[0] - sent_ns >= 10**9 else "early"


@model("queue-ack-then-throw", faults=FaultPlan(rates={"throwing_consumer": ALWAYS}))
async def _(bench: Bench) -> Any:
    async def consume(worker: Any, body: Any, run: Any) -> None:
        if len(_attempts(bench)) == 2:
            bench.simulation.heal()

    bench.platform.queues.consume("probe", consume)
    await bench.host.enqueue("probe", Row(value=1))
    await bench.pass_ms(60_000)
    return _attempts(bench)


@model("r2-nothing")
async def _(bench: Bench) -> Any:
    return [await bench.host.get_blob("a"), await bench.host.get_blob("b")]


@model("r2-read-after-write")
async def _(bench: Bench) -> Any:
    await bench.host.put_blob("a", b"one")
    await bench.host.put_blob("a", b"two")
    return str(await bench.host.get_blob("a") or b"", "ascii")


@model("r2-create-only")
async def _(bench: Bench) -> Any:
    put = bench.host.put_blob
    found = [await put("a", text, only_if_absent=True) for text in (b"one", b"two")]
    return [found, str(await bench.host.get_blob("a") or b"", "ascii")]


@model("r2-create-only-race")
async def _(bench: Bench) -> Any:
    puts = [bench.host.put_blob("a", bytes([number]), only_if_absent=True) for number in range(10)]
    return sum(await asyncio.gather(*puts))


@model("r2-empty")
async def _(bench: Bench) -> Any:
    await bench.host.put_blob("a", b"")
    found = await bench.host.get_blob("a")
    return [found is not None, len(found or b"")]
