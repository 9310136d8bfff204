"""A durable object as the platform sees it, and the Worker's handlers, over fake bindings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from temporal_do.edge_adapter.cloudflare import consumer, host, names, objects
from temporal_do.edge_adapter.cloudflare.deployed import deployed
from temporal_do.edge_adapter.cloudflare.host import FAILED, CloudflareHost
from temporal_do.edge_adapter.cloudflare.memory import IDLE_NS, Memory
from temporal_do.runtime import use_host
from temporal_do.runtime.actor import Ok
from temporal_do.runtime.deployment import Deployment
from temporal_do.runtime.errors import HostError
from temporal_do.runtime.keys import ACTIVITY
from temporal_do.runtime.messages.activity import ActivityTask
from temporal_do.runtime.records import decode, encode
from tests.conformance.actors import SUITE_ACTORS, Look, Put, Seen, WaitForEver, values

from .app import flows
from .fake import FakePlatform, FakeStorage, use_actors

BOX = "Box/suite/a"
KINDS = {"Box": "BOX_DO", "Grump": "GRUMP_DO"}

Scenario = Callable[[FakePlatform], Awaitable[None]]


def on(kinds: Any, scenario: Scenario) -> None:
    async def main() -> None:
        platform = FakePlatform(kinds)
        try:
            await asyncio.wait_for(scenario(platform), 20)
        finally:
            await platform.close()

    asyncio.run(main())


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario], None]:
    """Runs a scenario with the suite's toy objects."""
    monkeypatch.setattr(host, "OBJECT_BINDINGS", KINDS)
    use_actors(SUITE_ACTORS)
    return lambda scenario: on(KINDS, scenario)


def text(message: Any) -> str:
    return str(encode(message), "ascii")


def test_an_object_answers_to_its_own_key_only(boxes: Callable[[Scenario], None]) -> None:
    async def scenario(platform: FakePlatform) -> None:
        shell = platform.object(BOX).shell
        assert decode(await shell.deliver(BOX, text(Put()))) == Ok()
        assert (await shell.deliver("Box/suite/b", text(Put()))).startswith(FAILED)
        platform.object(BOX).reset()
        await platform.incarnation(BOX).handle(Put(rows=(("t", 1, 1),)))
        platform.object(BOX).reset()
        answer = await platform.object(BOX).shell.deliver("Box/suite/b", text(Put()))
        assert answer == f"{FAILED}this object is {BOX}, not Box/suite/b"
        assert (await platform.object("Box/x/y").shell.deliver("Grump/x/y", text(Put()))).startswith(FAILED)

    boxes(scenario)


def test_a_message_of_a_newer_version_is_an_unknown_outcome(boxes: Callable[[Scenario], None]) -> None:
    async def scenario(platform: FakePlatform) -> None:
        answer = await platform.object(BOX).shell.deliver(BOX, '{"~":"FromTheFuture"}')
        assert answer.startswith(FAILED)
        assert "newer version" in answer

    boxes(scenario)


def test_the_rows_of_a_newer_version_are_left_alone_and_looked_at_again(
    boxes: Callable[[Scenario], None],
) -> None:
    async def scenario(platform: FakePlatform) -> None:
        storage = platform.object(BOX).storage
        await platform.incarnation(BOX).handle(Put(rows=(("t", 1, 1),)))
        storage.sql.exec("INSERT INTO row VALUES ('st', 'B1', 0, '{\"~\":\"FromTheFuture\"}')")
        platform.object(BOX).reset()
        with pytest.raises(HostError, match="newer version"):
            await platform.host.call(BOX, Look())
        await platform.object(BOX).shell.alarm(SimpleNamespace(scheduledTime=1_000))
        assert storage.alarm_ms is not None
        assert storage.alarm_ms > 1_000_000_000, "in a while, when the deploy is over"

    boxes(scenario)


def test_the_alarm_of_an_object_that_never_committed_is_nothing(boxes: Callable[[Scenario], None]) -> None:
    async def scenario(platform: FakePlatform) -> None:
        await platform.object(BOX).shell.alarm()
        assert platform.object(BOX).storage.alarms_set == []

    boxes(scenario)


def test_a_broken_database_is_an_unknown_outcome_and_the_alarm_is_the_platforms_to_retry(
    boxes: Callable[[Scenario], None],
) -> None:
    async def scenario(platform: FakePlatform) -> None:
        await platform.host.call(BOX, Put(rows=(("t", 1, 1),)))
        storage = platform.object(BOX).storage
        storage.broken = "no longer active"
        with pytest.raises(HostError, match="outcome unknown.*no longer active"):
            await platform.host.call(BOX, Put(rows=(("t", 1, 2),)))
        storage.broken = ""
        seen = await platform.host.call(BOX, Look())
        assert type(seen) is Seen
        assert seen.messages == 1, "another life, from the committed rows"
        assert values(platform.rows(BOX)) == {"t": {1: 1}}

    boxes(scenario)


def test_a_stub_that_failed_is_not_used_again(boxes: Callable[[Scenario], None]) -> None:
    async def scenario(platform: FakePlatform) -> None:
        class Broken:
            async def deliver(self, key: str, text: str) -> str:
                raise RuntimeError("Network connection lost.\n  at a line of JavaScript")

        caller = CloudflareHost(platform.env)
        caller._stubs[BOX] = Broken()
        with pytest.raises(HostError) as caught:
            await caller.call(BOX, Look())
        assert str(caught.value) == f"outcome unknown: {BOX}: Network connection lost."
        assert type(await caller.call(BOX, Look())) is Seen

    boxes(scenario)


def test_a_missing_binding_says_its_name(boxes: Callable[[Scenario], None]) -> None:
    async def scenario(platform: FakePlatform) -> None:
        bare = CloudflareHost(SimpleNamespace())
        with pytest.raises(HostError, match="no binding named BOX_DO"):
            await bare.call(BOX, Look())
        with pytest.raises(HostError, match="no binding named BLOBS"):
            await bare.put_blob("a", b"")
        with pytest.raises(HostError, match="no known class"):
            await bare.call("Nothing/a/b", Look())

    boxes(scenario)


# --- activity tasks ---------------------------------------------------------------------------------------


class Message:
    """One message of a batch."""

    def __init__(self, body: Any, attempts: int = 1) -> None:
        self.body = body if isinstance(body, str) else text(body)
        self.attempts = attempts
        self.verdict: Any = None

    def ack(self) -> None:
        self.verdict = "ack"

    def retry(self, options: Any) -> None:
        self.verdict = options["delaySeconds"]


def batch(*messages: Message, queue: str = "app-activities") -> Any:
    return SimpleNamespace(queue=queue, messages=messages)


class Runner:
    """The Worker's entrypoint for early starts, as ``ctx.exports`` gives it."""

    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform
        self.started = 0

    async def run(self, text: str) -> None:
        # An invocation of its own: it goes on when the object that called has lost its memory.
        await asyncio.shield(self._platform.run(self._take(text)))

    async def _take(self, text: str) -> None:
        caller = CloudflareHost(self._platform.env)
        for attempt in await consumer.take_task(deployed.deployment, caller, text):
            self.started += 1
            await consumer.start(caller, attempt)


class Engine(FakePlatform):
    """The engine's own objects, the Worker's handlers and its queue."""

    def __init__(self, *, eager: bool) -> None:
        super().__init__(names.OBJECT_BINDINGS)
        deployed.deploy([flows.worker])
        self.verdicts: list[Any] = []
        self.from_queue = 0
        self.runner = Runner(self)
        self.queue_delay = 0.0
        setattr(self.env, names.EAGER_VARIABLE, "on" if eager else "off")
        self.env.ACTIVITY_QUEUE = SimpleNamespace(send=self._send)

    def object(self, key: str, kind: str = "") -> Any:
        found = super().object(key, kind)
        found.shell._ctx.exports = SimpleNamespace(ActivityRunner=self.runner)
        return found

    async def _send(self, body: str, options: Any) -> None:
        self.run(self._deliver(body))

    async def _deliver(self, body: str) -> None:
        await asyncio.sleep(self.queue_delay)
        message = Message(body)
        running = await consumer.consume_batch(deployed.deployment, CloudflareHost(self.env), batch(message))
        self.from_queue += len(running)
        self.verdicts.append(message.verdict)
        await asyncio.gather(*running)


def run_engine(scenario: Callable[[Engine], Awaitable[None]], *, eager: bool = True) -> None:
    async def main() -> None:
        engine = Engine(eager=eager)
        try:
            with use_host(engine.host):
                await asyncio.wait_for(scenario(engine), 20)
        finally:
            await engine.close()
            deployed.deploy(())

    asyncio.run(main())


@pytest.mark.parametrize("eager", [False, True])
def test_workflows_run_to_their_end(eager: bool) -> None:
    async def scenario(engine: Engine) -> None:
        start = flows.temporal.start_workflow
        handles = [
            await start(flows.steps, workflow_id="steps", args=[3]),
            await start(flows.fan, workflow_id="fan", args=[4]),
            await start(flows.stubborn, workflow_id="stubborn", args=[1]),
            await start(flows.parent, workflow_id="parent", args=[2]),
            await start(flows.sleeper, workflow_id="sleeper", args=[0.05, 2]),
        ]
        approval = await start(flows.approval, workflow_id="approval", args=[30.0])
        assert await approval.query("status") == "pending"
        await approval.signal("approval", "Ann")
        assert [await handle.result() for handle in handles] == [
            ["hello 0", "hello 1", "hello 2"],
            ["hello 0", "hello 1", "hello 2", "hello 3"],
            2,
            ["hello child 0", "hello child 1"],
            2,
        ]
        assert await approval.result() == "approved by Ann"
        assert (engine.runner.started > 0) is eager
        assert (engine.from_queue > 0) is not eager

    run_engine(scenario, eager=eager)


def test_an_early_start_and_its_queue_message_run_one_attempt() -> None:
    async def scenario(engine: Engine) -> None:
        handle = await flows.temporal.start_workflow(flows.steps, workflow_id="steps", args=[2])
        await handle.result()
        while len(engine.verdicts) < 2:
            await asyncio.sleep(0.005)
        assert (engine.runner.started, engine.from_queue) == (2, 0)
        assert engine.verdicts == ["ack", "ack"], "the second lease was refused"

    run_engine(scenario)


def test_the_copy_of_a_task_that_was_leased_here_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    consume = Deployment.consume

    async def counted(self: Deployment, host: Any, body: Any, run: Any) -> None:
        asked.append(body.token)
        await consume(self, host, body, run)

    monkeypatch.setattr(Deployment, "consume", counted)

    async def scenario(engine: Engine) -> None:
        engine.queue_delay = 0.1
        handle = await flows.temporal.start_workflow(flows.steps, workflow_id="steps", args=[2])
        await handle.result()
        while len(engine.verdicts) < 2:
            await asyncio.sleep(0.005)
        assert engine.verdicts == ["ack", "ack"]
        assert len(asked) == len(set(asked)) == 2

    run_engine(scenario)


def test_when_an_early_start_fails_the_queue_brings_the_task() -> None:
    async def scenario(engine: Engine) -> None:
        async def fail(text: str) -> None:
            raise RuntimeError("Network connection lost.")

        engine.runner.run = fail  # type: ignore[method-assign]
        handle = await flows.temporal.start_workflow(flows.greeting, workflow_id="greeting", args=["Bob"])
        assert await handle.result() == "hello Bob"
        assert engine.from_queue == 1

    run_engine(scenario)


def test_a_workflow_survives_the_loss_of_every_objects_memory() -> None:
    async def scenario(engine: Engine) -> None:
        handle = await flows.temporal.start_workflow(flows.steps, workflow_id="steps", args=[6])
        for _ in range(6):
            for key in list(engine._objects):
                engine.kill(key)
            await asyncio.sleep(0.01)
        result = asyncio.ensure_future(handle.result())
        while not result.done():
            await deployed.deployment.sweep(engine.host)
            await asyncio.sleep(0.05)
        assert result.result() == [f"hello {n}" for n in range(6)]

    run_engine(scenario)


TASK = ActivityTask(namespace="edge", task_queue="main", activity_key=f"{ACTIVITY}/edge/nobody", token="t")


def test_a_task_that_nobody_can_reach_comes_again_later_each_time() -> None:
    async def scenario(engine: Engine) -> None:
        del engine.env.ACTIVITY_DO
        messages = [Message(TASK, attempts) for attempts in (1, 2, 3, 50)]
        import temporal_do.runtime.deployment as deployment

        before, deployment.LEASE_TRIES = deployment.LEASE_TRIES, 1
        try:
            running = await consumer.consume_batch(
                deployed.deployment, CloudflareHost(engine.env), batch(*messages)
            )
        finally:
            deployment.LEASE_TRIES = before
        assert not running
        assert [message.verdict for message in messages] == [2, 4, 8, 128]

    run_engine(scenario)


def test_one_bad_message_does_not_keep_the_others_of_its_batch() -> None:
    async def scenario(engine: Engine) -> None:
        messages = [Message("not JSON"), Message('{"~":"FromTheFuture"}'), Message(TASK)]
        await consumer.consume_batch(deployed.deployment, CloudflareHost(engine.env), batch(*messages))
        assert [message.verdict for message in messages] == [2, 2, "ack"]

    run_engine(scenario)


def test_a_dead_letter_wakes_its_activity_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(engine: Engine) -> None:
        letters = [Message(TASK), Message(Look()), Message("not JSON")]
        dead = batch(*letters, queue="app-activities-dead")
        assert await consumer.consume_batch(deployed.deployment, CloudflareHost(engine.env), dead) == []
        assert [letter.verdict for letter in letters] == ["ack", "ack", 2]
        assert TASK.activity_key in engine._objects

    run_engine(scenario)
    assert f"the queue gave up the task of {TASK.activity_key}" in caplog.text


def test_blobs_can_be_written_once(boxes: Callable[[Scenario], None]) -> None:
    async def scenario(platform: FakePlatform) -> None:
        assert await platform.host.put_blob("a", b"one", only_if_absent=True)
        assert not await platform.host.put_blob("a", b"two", only_if_absent=True)
        assert await platform.host.get_blob("a") == b"one"

    boxes(scenario)


def test_time_stands_still_where_the_platforms_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([5_000.0, 7_000.4, 6_000.0, 7_001.0])
    monkeypatch.setattr(host, "_date_now", lambda: next(moments))
    monkeypatch.setattr(host, "_latest_ms", 0)
    assert [host.now_ns() // 1_000_000 for _ in range(4)] == [5_000, 7_000, 7_000, 7_001]


def test_an_alarm_whose_life_ends_rings_again_later_each_time(
    boxes: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "now_ns", lambda: 10**15)

    async def scenario(platform: FakePlatform) -> None:
        found = platform.object(BOX)
        await platform.incarnation(BOX).handle(Put(rows=(("t", 1, 1),)))
        armed: list[int] = []
        for scheduled_ms in (1, 2, 3):
            monkeypatch.setattr(FakeStorage, "transactionSync", _broken)
            await found.shell.alarm(SimpleNamespace(scheduledTime=scheduled_ms))
            armed.append((found.storage.alarm_ms or 0) - 10**9)
        assert armed == [2_000, 4_000, 8_000]

    boxes(scenario)


def _broken(self: FakeStorage, work: Any) -> None:
    raise RuntimeError("planted")


def test_an_idle_object_lets_go_of_its_memory_and_a_busy_one_does_not(
    boxes: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 0
    monkeypatch.setattr(objects, "memory", Memory())
    monkeypatch.setattr(objects, "now_ns", lambda: moment)

    async def scenario(platform: FakePlatform) -> None:
        nonlocal moment
        waiting = asyncio.ensure_future(platform.host.call("Box/suite/busy", WaitForEver()))
        await platform.host.call(BOX, Put(rows=(("t", 1, 1),)))
        await platform.host.call("Box/suite/later", Look())
        moment = IDLE_NS
        await platform.host.call("Box/suite/later", Look())
        assert (await platform.host.call("Box/suite/later", Look())).messages == 3, "still in memory"
        assert len(objects.memory) == 2
        assert not waiting.done()
        seen = await platform.host.call(BOX, Look())
        assert (seen.messages, seen.tables["t"]) == (1, (1,)), "again from its rows"
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    boxes(scenario)
