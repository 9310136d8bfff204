"""The SQLite host as its users have it: restarts, one process at a time, threads, the end of the block."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from temporal_do.edge_adapter.local import DatabaseInUseError, LocalHost
from temporal_do.runtime import Temporal, Worker, WorkflowContext, use_host
from temporal_do.runtime import activity as activity_module
from temporal_do.runtime.errors import HostError, HostNotOpenError, InvalidArgumentError
from temporal_do.runtime.host import Commit
from tests.conformance.actors import Look, Put, WaitForEver, cell, values
from tests.conformance.world import ACTORS, SqliteWorld, until
from tests.sim.toys import ToyAdd, ToySend

BOX = "Box/local/a"


def toy_host(path: str | Path = ":memory:", **options: Any) -> LocalHost:
    return LocalHost(path, actors=ACTORS, synchronous="normal", **options)


# --- storage ---


def test_a_commit_that_fails_in_the_middle_leaves_nothing_and_ends_the_incarnation() -> None:
    async def scenario() -> None:
        async with toy_host() as host:
            world = SqliteWorld(host)
            box = world.incarnation(BOX)
            await box.commit(Commit((cell("t", 1, 1),), None))
            for row in (cell("t", 2**70, 2), cell("t", "\ud800", 2)):
                box = world.incarnation(BOX)
                with pytest.raises(HostError, match="the database failed"):
                    await box.commit(Commit((cell("t", 1, 666), row), host.now()))
                with pytest.raises(HostError, match="dead"):
                    await box.commit(Commit((cell("t", 1, 667),), None))
            assert values(world.rows(BOX)) == {"t": {1: 1}}
            assert await host.call(BOX, Look())

    asyncio.run(scenario())


def test_the_file_can_be_read_with_any_sqlite_while_the_host_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with toy_host(tmp_path / "app.db") as host:
            await host.call(BOX, Put(rows=(("t", 1, 1), ("t", 2, 2))))
            reader = sqlite3.connect(tmp_path / "app.db")
            found = reader.execute('SELECT object, "table", key, value FROM row').fetchall()
            reader.close()
            assert [row[:3] for row in found] == [(BOX, "t", 1), (BOX, "t", 2)]
            assert "Cell" in found[0][3]

    asyncio.run(scenario())


def test_what_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("Dear reader, " * 100)
    newer = tmp_path / "newer.db"
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    async def enter(path: Path) -> None:
        async with toy_host(path):
            raise AssertionError("entered")

    for path, reason in (
        (text, "no database"),
        (tmp_path / "no" / "app.db", "cannot open"),
        (newer, "newer"),
    ):
        with pytest.raises(InvalidArgumentError, match=reason) as caught:
            asyncio.run(enter(path))
        assert str(path) in str(caught.value)
        assert text.read_text().startswith("Dear")


# --- one at a time ---

HOLDER = """
import asyncio, sys
from temporal_do.edge_adapter.local import LocalHost

async def main():
    async with LocalHost(sys.argv[1]):
        print("open", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_second_process_is_told_who_has_the_database_and_gets_it_when_that_one_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "app.db"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"

        async def enter() -> None:
            async with toy_host(path):
                pass

        with pytest.raises(DatabaseInUseError, match=f"in use by process {holder.pid}"):
            asyncio.run(enter())
        holder.kill()
        holder.wait()
        asyncio.run(enter())
    finally:
        holder.kill()
        holder.communicate()


def test_two_hosts_of_one_process_may_not_share_a_file_either(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with toy_host(tmp_path / "app.db"):
            with pytest.raises(DatabaseInUseError):
                async with toy_host(tmp_path / "app.db"):
                    pass
        async with toy_host(tmp_path / "app.db"):
            pass

    asyncio.run(scenario())


# --- restarts ---


def test_everything_that_was_pending_goes_on_in_the_next_process(tmp_path: Path) -> None:
    received: list[Any] = []

    arrived_ns: list[int] = []

    async def consume(worker: Any, body: Any, go_on: Any) -> None:
        received.append(body)
        arrived_ns.append(worker.now())

    async def first() -> int:
        async with toy_host(tmp_path / "app.db", grace=0) as host:
            await host.call(BOX, Put(alarm_ns=host.now() + 50_000_000))
            await host.call("Box/local/late", Put(alarm_ns=host.now() + 3_600_000_000_000))
            await host.enqueue("jobs", ToyAdd(request_id="now"))
            sent_ns = host.now()
            await host.enqueue("jobs", ToyAdd(request_id="later"), 400_000_000)
            await host.put_blob("key", b"data")
            sent = asyncio.ensure_future(
                host.call("Sender/local/s", ToySend(request_id="s", receiver="Counter/local/c", count=3))
            )
            while host._objects.find("Sender/local/s") is None or not host._database.objects_with_outbox():
                await asyncio.sleep(0)
            host.evict("Sender/local/s")
            await asyncio.gather(sent, return_exceptions=True)
            return sent_ns

    async def second() -> None:
        async with toy_host(tmp_path / "app.db") as host:
            world = SqliteWorld(host)
            host.consume("jobs", consume)
            began = time.monotonic()
            await until(world, lambda: "rings" in values(world.rows(BOX)))
            await until(
                world, lambda: values(world.rows("Counter/local/c")).get("numbers", {}).get("sum") == 3
            )
            assert time.monotonic() - began < 5, "nobody waited for the alarm that redelivers"
            await until(world, lambda: len(received) == 2)
            assert await host.get_blob("key") == b"data"
            assert values(world.rows("Box/local/late"))["box"]
            assert "rings" not in values(world.rows("Box/local/late"))

    sent_ns = asyncio.run(first())
    time.sleep(0.06)
    asyncio.run(second())
    assert arrived_ns[1] >= sent_ns + 400_000_000
    assert [message.request_id for message in received] == ["now", "later"]


def test_a_message_whose_consumer_died_with_its_process_is_there_again_at_once(tmp_path: Path) -> None:
    async def first() -> None:
        async def hang(worker: Any, body: Any, go_on: Any) -> None:
            taken.set()
            await asyncio.sleep(60)

        taken = asyncio.Event()
        async with toy_host(tmp_path / "app.db", grace="10ms") as host:
            host.consume("jobs", hang)
            await host.enqueue("jobs", Look())
            await taken.wait()

    async def second() -> None:
        arrived = asyncio.Event()

        async def take(worker: Any, body: Any, go_on: Any) -> None:
            arrived.set()

        async with toy_host(tmp_path / "app.db") as host:
            host.consume("jobs", take)
            await asyncio.wait_for(arrived.wait(), 2)

    asyncio.run(first())
    asyncio.run(second())


def test_a_slow_consumption_is_doubled_after_the_visibility_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_do.edge_adapter.local.queues.VISIBILITY_TIMEOUT_NS", 20_000_000)
    running: list[int] = []

    async def scenario() -> None:
        release = asyncio.Event()

        async def consume(worker: Any, body: Any, go_on: Any) -> None:
            running.append(1)
            await release.wait()

        async with toy_host() as host:
            host.consume("jobs", consume)
            await host.enqueue("jobs", Look())
            await until(SqliteWorld(host), lambda: len(running) == 2)
            release.set()
            await asyncio.sleep(0.05)
            taken = len(running)
            await asyncio.sleep(0.05)
            assert len(running) == taken, "acknowledged means gone"
            assert not host._database.messages("jobs")

    asyncio.run(scenario())


def test_a_queue_starts_no_more_work_than_it_may() -> None:
    async def scenario() -> None:
        active = most = done = 0

        async def work() -> None:
            nonlocal active, most, done
            active += 1
            most = max(most, active)
            await asyncio.sleep(0.01)
            active -= 1
            done += 1

        async def consume(worker: Any, body: Any, go_on: Any) -> None:
            go_on(work())

        async with toy_host() as host:
            host.consume("jobs", consume, concurrency=3)
            for _ in range(12):
                await host.enqueue("jobs", Look())
            await until(SqliteWorld(host), lambda: done == 12)
            assert 1 < most <= 3

    asyncio.run(scenario())


# --- memory ---


def test_idle_objects_leave_memory_and_those_with_callers_stay() -> None:
    async def scenario() -> None:
        async with toy_host(objects_max=5, idle="1h") as host:
            waiting = asyncio.ensure_future(host.call("Box/local/busy", WaitForEver()))
            for n in range(20):
                await host.call(f"Box/local/{n}", Put(rows=(("t", 1, n),)))
            await asyncio.sleep(0)
            host._tick(host.now() + 1_000_000_000)
            assert len(host._objects) == 5
            assert host._objects.find("Box/local/busy") is not None
            assert host._objects.find("Box/local/19") is not None, "the oldest go first"
            assert values({"t": {1: (await SqliteWorld(host).incarnation("Box/local/3").load())["t"][1]}})
            host._tick(host.now() + 2 * 3_600_000_000_000)
            assert len(host._objects) == 1
            waiting.cancel()

    asyncio.run(scenario())


def test_a_failing_actor_is_logged_with_its_key(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with toy_host() as host:
            with pytest.raises(HostError, match="planted"):
                await host.call(BOX, Put(fail=True))

    with caplog.at_level(logging.ERROR, logger="temporal_do.local"):
        asyncio.run(scenario())
    assert any(BOX in record.getMessage() and record.exc_info for record in caplog.records)


# --- outside the block ---


def test_a_host_that_is_not_open_says_so_as_a_host_error() -> None:
    async def scenario() -> None:
        host = toy_host()
        with pytest.raises(HostError, match="not open"):
            await host.call(BOX, Look())
        async with host:
            waiting = asyncio.ensure_future(host.call(BOX, WaitForEver()))
            await asyncio.sleep(0.01)
            with pytest.raises(HostError, match="no known class"):
                await host.call("Nobody/x/y", Look())
            with pytest.raises(HostError, match="no known class"):
                await host.call("nonsense", Look())
        with pytest.raises(HostError, match="closed"):
            await waiting
        for request in (host.enqueue("q", Look()), host.put_blob("k", b""), host.get_blob("k")):
            with pytest.raises(HostError, match="not open"):
                await request

    asyncio.run(scenario())


# --- workflows ---

temporal = Temporal(namespace="local")
THREADS: list[str] = []
MEETING = threading.Barrier(4)
EVENTS: list[str] = []


@temporal.activity
def blocking() -> str:
    THREADS.append(threading.current_thread().name)
    MEETING.wait(20)  # nobody passes before all are here
    activity_module.heartbeat("half")
    return activity_module.info().activity_type


@temporal.activity
async def short(seconds: float) -> str:
    EVENTS.append("begun")
    await asyncio.sleep(seconds)
    EVENTS.append("ended")
    return "done"


@temporal.activity
async def start_another(workflow_id: str) -> str:
    handle = await temporal.start_workflow(sleeper, workflow_id=workflow_id, task_queue="local", args=[0.01])
    return str(await handle.result())


@temporal.workflow("sleeper")
async def sleeper(ctx: WorkflowContext, seconds: float) -> str:
    await ctx.sleep("nap", seconds)
    return "slept"


@temporal.workflow("threaded")
async def threaded(ctx: WorkflowContext) -> list[str]:
    return list(await asyncio.gather(*(ctx.activity(f"b{n}", blocking) for n in range(4))))


@temporal.workflow("single")
async def single(ctx: WorkflowContext, seconds: float) -> str:
    return str(await ctx.activity("short", short, seconds))


@temporal.workflow("nested")
async def nested(ctx: WorkflowContext, workflow_id: str) -> str:
    return str(await ctx.activity("start", start_another, workflow_id))


WORKER = Worker(
    namespace="local",
    task_queue="local",
    workflows=[sleeper, threaded, single, nested],
    activities=[blocking, short, start_another],
)


def test_sync_activities_run_in_threads_side_by_side() -> None:
    async def scenario() -> None:
        async with LocalHost(workers=[WORKER]) as host:
            with use_host(host):
                handle = await temporal.start_workflow(threaded, workflow_id="t", task_queue="local")
                assert await handle.result() == ["blocking"] * 4

    THREADS.clear()
    asyncio.run(scenario())
    assert len(THREADS) == 4
    assert all(name.startswith("activity") for name in THREADS)


def test_an_activity_finds_its_host_by_itself() -> None:
    async def scenario() -> None:
        async with LocalHost(workers=[WORKER]) as host:
            application = temporal.connect(host)
            handle = await application.start_workflow(
                nested, workflow_id="outer", task_queue="local", args=["inner"]
            )
            assert await handle.result() == "slept"

    asyncio.run(scenario())


def test_leaving_the_block_waits_for_running_activities(tmp_path: Path) -> None:
    async def first() -> None:
        async with LocalHost(tmp_path / "app.db", workers=[WORKER], synchronous="normal") as host:
            await temporal.connect(host).start_workflow(
                single, workflow_id="w", task_queue="local", args=[0.1]
            )
            await until(SqliteWorld(host), lambda: EVENTS == ["begun"])

    async def second() -> str:
        async with LocalHost(tmp_path / "app.db", workers=[WORKER], synchronous="normal") as host:
            handle = temporal.connect(host).get_handle("w")
            return str(await asyncio.wait_for(handle.result(), 5))

    EVENTS.clear()
    asyncio.run(first())
    assert EVENTS == ["begun", "ended"]
    assert asyncio.run(second()) == "done"
    assert EVENTS == ["begun", "ended"], "it was reported before the end and not run again"


def test_tasks_wait_for_a_worker_that_comes_later() -> None:
    async def scenario() -> None:
        async with LocalHost() as host:
            application = temporal.connect(host)
            handle = await application.start_workflow(single, workflow_id="w", task_queue="local", args=[0.0])
            await asyncio.sleep(0.02)
            await host.run(WORKER)
            assert await asyncio.wait_for(handle.result(), 10) == "done"
            await host.stop(WORKER)
            handle = await application.start_workflow(single, workflow_id="v", task_queue="local", args=[0.0])
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(handle.result(), 0.1)

    asyncio.run(scenario())


def test_a_failing_workflow_task_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []
    application = Temporal(namespace="local")

    @application.workflow("buggy")
    async def buggy(ctx: WorkflowContext) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ZeroDivisionError("a bug of the user's")
        return "mended"

    worker = Worker(namespace="local", task_queue="bugs", workflows=[buggy])

    async def scenario() -> None:
        async with LocalHost(workers=[worker]) as host:
            handle = await application.connect(host).start_workflow(buggy, workflow_id="b", task_queue="bugs")
            assert await asyncio.wait_for(handle.result(), 10) == "mended"

    with caplog.at_level(logging.WARNING, logger="temporal_do.local"):
        asyncio.run(scenario())
    assert any("a bug of the user's" in record.getMessage() for record in caplog.records)


def test_a_failing_activity_is_logged_with_its_workflow(caplog: pytest.LogCaptureFixture) -> None:
    temporal = Temporal(namespace="till")
    tried = []

    @temporal.activity
    async def charge() -> str:
        tried.append(1)
        if len(tried) == 1:
            raise ConnectionError("the bank is away")
        return "paid"

    @temporal.workflow("sale")
    async def sale(ctx: WorkflowContext) -> str:
        return await ctx.activity("charge", charge)

    worker = Worker(namespace="till", task_queue="main", workflows=[sale], activities=[charge])

    async def scenario() -> str:
        async with LocalHost(workers=[worker], synchronous="off") as host:
            done: str = await temporal.connect(host).execute_workflow(sale, workflow_id="sale-1")
            return done

    with caplog.at_level(logging.WARNING, logger="temporal_do.local"):
        assert asyncio.run(scenario()) == "paid"
    (record,) = caplog.records
    assert record.getMessage() == "activity 'charge' of sale-1 failed (attempt 1): the bank is away"
    assert record.exc_info


def test_a_host_that_is_not_open_says_so_at_once() -> None:
    temporal = Temporal(namespace="till")

    @temporal.workflow("wait")
    async def wait(ctx: WorkflowContext) -> None:
        await ctx.wait_for_signal("never")

    worker = Worker(namespace="till", task_queue="main", workflows=[wait])

    async def scenario() -> None:
        host = LocalHost(workers=[worker], synchronous="off")
        with pytest.raises(HostNotOpenError, match="async with LocalHost"):
            await temporal.connect(host).start_workflow(wait, workflow_id="w")
        async with host:
            handle = await temporal.connect(host).start_workflow(wait, workflow_id="w")
        with pytest.raises(HostNotOpenError, match="async with LocalHost"):
            await handle.result()

    asyncio.run(scenario())


def test_workers_are_given_as_a_list() -> None:
    worker = Worker(namespace="till", task_queue="main")
    with pytest.raises(InvalidArgumentError, match=r"workers=\[worker\]"):
        LocalHost(workers=worker)  # type: ignore[arg-type]
