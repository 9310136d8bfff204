"""A job queue for simloop: the chaos campaign its authors publish, step for step, or their checkout of it.

One broker, three workers, two clients with four jobs each, some of them poisoned; three partitions of a
worker from the broker, a crash and a replacement; at most 600 virtual seconds, but it is over with the last
job. Every call opens a connection of its own and carries one JSON object each way; leases, renewals,
back-offs and time limits are those of their example. It is written anew for this comparison, so that it can
be read and run here; of a seed it makes as many steps, messages and milliseconds as the original.

Must not import: temporal_do. Needs simloop, which needs Python 3.12.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from simloop import SimLoop, sim

PORT = 7000
LEASE_S = 2.0
RENEW_S = 0.5
CALL_S = 1.0
POLL_S = 1.0
ATTEMPTS_MAX = 3
BACKOFF_S = 0.5
RETRY_S = 0.25
WORKERS, CLIENTS, JOBS = 3, 2, 4
OVER = ("done", "dead")

Fields = dict[str, Any]
Workload = Callable[[], Coroutine[Any, Any, object]]


def _loop() -> SimLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    return loop


async def _read(reader: asyncio.StreamReader) -> Fields:
    size = int.from_bytes(await reader.readexactly(4), "big")
    found: Fields = json.loads(await reader.readexactly(size))
    return found


def _write(writer: asyncio.StreamWriter, fields: Fields) -> None:
    data = json.dumps(fields, separators=(",", ":")).encode()
    writer.write(len(data).to_bytes(4, "big") + data)


async def _call(fields: Fields) -> Fields | None:
    """One request and its answer on a new connection; None when it failed, however it did."""
    try:
        async with asyncio.timeout(CALL_S):
            reader, writer = await asyncio.open_connection("broker", PORT)
            try:
                _write(writer, fields)
                await writer.drain()
                return await _read(reader)
            finally:
                writer.close()
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        return None


async def _insist(fields: Fields, tries: int) -> Fields | None:
    for turn in range(tries):
        answer = await _call(fields)
        if answer is not None:
            return answer
        await asyncio.sleep(RETRY_S * 2**turn)
    return None


class Job:
    """One job as the broker knows it."""

    def __init__(self, name: str, payload: Fields) -> None:
        self.name = name
        self.payload = payload
        self.state = "queued"
        self.token = 0
        self.ready_s = 0.0
        self.deadline: asyncio.TimerHandle | None = None


class Broker:
    """Who has which job. A worker that is silent for longer than its lease has lost it."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self._line: list[Job] = []
        self._news = asyncio.Event()

    async def serve(self) -> None:
        """Take connections for ever."""
        server = await asyncio.start_server(self._connected, "0.0.0.0", PORT)
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                _write(writer, await self._answer(await _read(reader)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        except asyncio.CancelledError:
            pass  # the run is over; early releases of 3.12 trip over a cancelled handler
        finally:
            writer.close()

    async def _answer(self, asked: Fields) -> Fields:
        if asked["do"] == "take":
            return await self._take(asked["wait_s"])
        if asked["do"] == "submit":
            return self._submit(asked["key"], asked["payload"])
        job = self.jobs[asked["job"]]
        if asked["do"] == "renew":
            return {"ok": self._renew(job, asked["token"])}
        return {"ok": self._complete(job, asked["token"])}

    def _submit(self, key: str, payload: Fields) -> Fields:
        if key not in self.jobs:
            job = self.jobs[key] = Job(key, payload)
            self._line.append(job)
            self._news.set()
        return {"job": key}

    async def _take(self, wait_s: float) -> Fields:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        while True:
            now_s = loop.time()
            for job in self._line:
                if job.ready_s <= now_s:
                    return self._lease(job)
            if until_s <= now_s:
                return {"job": None}
            self._news.clear()
            try:
                async with asyncio.timeout(until_s - now_s):
                    await self._news.wait()
            except TimeoutError:
                return {"job": None}

    def _lease(self, job: Job) -> Fields:
        self._line.remove(job)
        job.state = "leased"
        job.token += 1
        self._watch(job)
        return {"job": job.name, "token": job.token, "payload": job.payload}

    def _watch(self, job: Job) -> None:
        if job.deadline is not None:
            job.deadline.cancel()
        job.deadline = asyncio.get_running_loop().call_later(LEASE_S, self._expire, job, job.token)

    def _expire(self, job: Job, token: int) -> None:
        if job.state != "leased" or job.token != token:
            return
        if job.token >= ATTEMPTS_MAX:
            job.state = "dead"
            return
        loop = asyncio.get_running_loop()
        pause_s = BACKOFF_S * 2 ** (job.token - 1)
        job.state = "queued"
        job.ready_s = loop.time() + pause_s
        self._line.append(job)
        loop.call_later(pause_s, self._news.set)

    def _renew(self, job: Job, token: int) -> bool:
        if job.state != "leased" or job.token != token:
            return False
        self._watch(job)
        return True

    def _complete(self, job: Job, token: int) -> bool:
        if job.state == "leased" and job.token == token:
            if job.deadline is not None:
                job.deadline.cancel()
            job.state = "done"
        return job.state == "done"


class Ledger:
    """The outside world: accepts the effect of a job once, and never from a superseded lease."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self._newest: dict[str, int] = {}

    def begin(self, job: str, token: int) -> bool:
        """False: a newer lease has begun already."""
        if token < self._newest.get(job, 0):
            return False
        self._newest[job] = token
        return True

    def commit(self, job: str, token: int) -> bool:
        """False: it came from a superseded lease."""
        if token < self._newest.get(job, 0):
            return False
        if job not in self.effects:
            self.effects.append(job)
        return True


async def _renew(lease: Fields) -> None:
    while True:
        await asyncio.sleep(RENEW_S)
        await _insist({"do": "renew", "job": lease["job"], "token": lease["token"]}, 4)


async def _work(ledger: Ledger, lease: Fields) -> None:
    job, token, payload = lease["job"], lease["token"], lease["payload"]
    if not ledger.begin(job, token):
        return
    renewing = asyncio.get_running_loop().create_task(_renew(lease))
    try:
        await asyncio.sleep(payload["takes_s"])
        if payload["poison"]:
            return  # the lease runs out
        if ledger.commit(job, token):
            await _insist({"do": "complete", "job": job, "token": token}, 4)
    finally:
        renewing.cancel()


async def _worker(name: str, ledger: Ledger) -> None:
    while True:
        lease = await _insist({"do": "take", "worker": name, "wait_s": POLL_S}, 4)
        if lease is not None and lease["job"] is not None:
            await _work(ledger, lease)


async def _trouble(workers: list[str], ledger: Ledger) -> None:
    """Three partitions, a crash, a replacement."""
    loop, draw = _loop(), sim.random
    for _ in range(3):
        await asyncio.sleep(draw.uniform(0.5, 3.0))
        loop.net.partition([draw.choice(workers)], ["broker"])
        await asyncio.sleep(draw.uniform(0.5, 4.0))
        loop.net.heal()
    await asyncio.sleep(draw.uniform(0.5, 2.0))
    victim = draw.choice(workers)
    loop.net.host(victim).crash()
    loop.net.host(f"{victim}-next").create_task(_worker(f"{victim}-next", ledger))


async def scenario() -> None:
    """One run. Raises AssertionError for a broken promise."""
    loop, draw = _loop(), sim.random
    loop.net.set_defaults(latency=(0.01, 0.05))
    broker, ledger = Broker(), Ledger()
    loop.net.host("broker").create_task(broker.serve())
    workers = [f"worker-{number}" for number in range(WORKERS)]
    for name in workers:
        loop.net.host(name).create_task(_worker(name, ledger))
    await asyncio.sleep(0.05)
    submitting = []
    for client in range(CLIENTS):
        host = loop.net.host(f"client-{client}")
        for number in range(JOBS):
            payload = {"takes_s": draw.uniform(0.05, 1.0), "poison": draw.random() < 0.15}
            asked = {"do": "submit", "key": f"job-{client}-{number}", "payload": payload}
            submitting.append(host.create_task(_insist(asked, 6)))
    troubling = loop.create_task(_trouble(workers, ledger))
    answers = [await each for each in submitting]
    assert all(answer is not None for answer in answers)
    async with asyncio.timeout(600.0):
        while any(job.state not in OVER for job in broker.jobs.values()):
            await asyncio.sleep(0.25)
    troubling.cancel()
    assert len(broker.jobs) == CLIENTS * JOBS
    effects = Counter(ledger.effects)
    for job in broker.jobs.values():
        assert effects[job.name] <= 1 and (job.state == "dead" or effects[job.name] == 1)


def original(checkout: str) -> Workload:
    """The campaign of a checkout of simloop's repository. Raises SystemExit when there is none."""
    file = Path(checkout) / "benchmarks" / "campaign.py"
    spec = spec_from_file_location("simloop_campaign", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise SystemExit(f"{checkout} is no checkout of simloop's repository: there is no {file}")
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)  # it finds its example by itself
    if sys.version_info < (3, 13):
        broker = module.helpers.Broker
        broker._connection = _forgiving(broker._connection)
    found: Workload = module.chaos_campaign
    return found


def _forgiving(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Early releases of 3.12 trip over a connection's handler that is cancelled when a run is over."""

    async def handle(*arguments: Any) -> None:
        try:
            await handler(*arguments)
        except asyncio.CancelledError:
            pass

    return handle


def run_seed(seed: int, *, with_hash: bool = False, workload: Workload = scenario) -> Any:
    """One seed as simloop's explorer runs it: the trace is recorded, unwound and kept as a tuple.

    ``with_hash``: hash the trace as well, which the explorer does only for a failing seed. Returns the trace.
    """
    return _run(SimLoop(seed), with_hash, workload)


def _run(loop: SimLoop, with_hash: bool, workload: Workload) -> Any:
    from simloop._run import finish, run_once

    try:
        error = run_once(loop, workload)
        if error is not None:
            raise error
        events = loop.trace
        if with_hash:
            loop.trace_hash()
    finally:
        finish(loop)
    return events


def count_of(seed: int, workload: Workload = scenario) -> Counter[str]:
    """What happens in the run of one seed."""
    found: Counter[str] = Counter()
    loop = SimLoop(seed)
    net: Any = loop.net
    partition = net.partition

    def counted(*groups: Any) -> None:
        found["faults"] += 1
        partition(*groups)

    async def timed() -> None:
        await workload()
        found["virtual_ms"] = int(loop.time() * 1000)

    net.partition = counted
    events = _run(loop, False, timed)
    happened = Counter(event.label.split(" ", 1)[0] for event in events if event.kind == "net")
    found["steps"] = len(events)
    found["messages"] = happened["deliver"]
    found["faults"] += happened["crash"]
    return found
