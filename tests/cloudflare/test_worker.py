"""The engine on the platform's own binary: a Worker with objects, a queue and R2, driven from outside."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import attrs
import httpx
import pytest

from temporal_do.edge_adapter.cloudflare import names
from temporal_do.edge_adapter.remote import ExternalWorker, RemoteHost
from temporal_do.edge_adapter.tooling.platform import (
    LocalEdge,
    Platform,
    QueueConsumer,
    WorkerConfig,
    engine_folders,
)
from temporal_do.edge_adapter.tooling.platform.config import LOCAL_FLAGS
from temporal_do.runtime import Temporal, Worker, WorkflowStatus
from temporal_do.runtime.errors import TemporalError
from temporal_do.runtime.history import read_history
from tests.on_workerd import platform_or_skip

from .app import flows

APP = Path(__file__).parent / "app"
TOKEN = "the-token-of-the-tests"


def worker_config(**variables: str) -> WorkerConfig:
    """The Worker in `app/`, configured as a deployed one is."""
    queue = "app-activities"
    dead = queue + names.DEAD_LETTER_SUFFIX
    return WorkerConfig(
        main=APP / "main.py",
        name="app",
        folders={**engine_folders(), "": APP},
        durable_objects={binding: kind for kind, binding in names.OBJECT_BINDINGS.items()},
        queue_producers={"ACTIVITY_QUEUE": queue},
        queue_consumers=[
            QueueConsumer(queue=queue, max_batch_timeout_s=0, max_retries=3, dead_letter_queue=dead),
            QueueConsumer(queue=dead, max_batch_timeout_s=0),
        ],
        r2_buckets={names.BLOB_BINDING: "blobs"},
        vars={names.TOKEN_SECRET: TOKEN, **variables},
        compatibility_flags=(*LOCAL_FLAGS, "queue_consumer_no_wait_for_wait_until", "enable_request_signal"),
    )


@attrs.frozen(kw_only=True)
class Client:
    """The Worker, and a loop to speak with it from plain test code."""

    edge: LocalEdge
    loop: asyncio.Runner

    def run(self, scenario: Callable[[Temporal], Awaitable[None]], *, within_seconds: float = 60.0) -> None:
        """Run a scenario with a client of the Worker's HTTP API."""

        async def main() -> None:
            async with Temporal(namespace="edge", url=self.edge.url, token=TOKEN) as temporal:
                await asyncio.wait_for(scenario(temporal), within_seconds)

        self.loop.run(main())

    def inside(self, do: str, **values: Any) -> Any:
        """Have the Worker itself make one call of the client."""
        answer = httpx.post(f"{self.edge.url}/test", json={"do": do, **values}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    def kill_and_start(self) -> None:
        self.loop.run(self.edge.kill())
        self.loop.run(self.edge.start())


@pytest.fixture(scope="module")
def platform() -> Platform:
    return platform_or_skip()


def running(platform: Platform, folder: Path, **variables: str) -> Iterator[Client]:
    with asyncio.Runner() as loop:
        edge = LocalEdge(worker_config(**variables), persist=folder, platform=platform)
        loop.run(edge.start())
        try:
            yield Client(edge=edge, loop=loop)
        finally:
            loop.run(edge.stop())


@pytest.fixture(scope="module")
def worker(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    yield from running(platform, tmp_path_factory.mktemp("edge"))


def test_workflows_of_every_kind_run_to_their_end(worker: Client) -> None:
    async def scenario(temporal: Temporal) -> None:
        start = temporal.start_workflow
        handles = [
            await start(flows.greeting, workflow_id="greeting", args=["Ann", 0.2]),
            await start(flows.steps, workflow_id="steps", args=[3]),
            await start(flows.fan, workflow_id="fan", args=[4]),
            await start(flows.stubborn, workflow_id="stubborn", args=[1]),
            await start(flows.parent, workflow_id="parent", args=[2]),
            await start(flows.sleeper, workflow_id="sleeper", args=[0.05, 3]),
        ]
        assert [await handle.result() for handle in handles] == [
            "hello Ann",
            ["hello 0", "hello 1", "hello 2"],
            ["hello 0", "hello 1", "hello 2", "hello 3"],
            2,
            ["hello child 0", "hello child 1"],
            3,
        ]
        found = {each.workflow_id for each in await temporal.list_workflows()}
        assert found >= {"greeting", "steps", "fan", "parent-child-0", "parent-child-1"}

    worker.run(scenario)


def test_a_signal_and_a_query_reach_a_run(worker: Client) -> None:
    async def scenario(temporal: Temporal) -> None:
        handle = await temporal.start_workflow(flows.approval, workflow_id="approval", args=[60.0])
        assert await handle.query("status") == "pending"
        await handle.signal("approval", "Ann")
        assert await handle.result() == "approved by Ann"
        assert await handle.query("status") == "approved by Ann"

    worker.run(scenario)


def test_workflow_code_has_asyncio_and_is_refused_the_clock(worker: Client) -> None:
    async def scenario(temporal: Temporal) -> None:
        structured = await temporal.start_workflow(flows.structured, workflow_id="structured")
        watcher = await temporal.start_workflow(flows.clockwatcher, workflow_id="clockwatcher")
        assert await structured.result() == ["early", "late", "timeout", "hello x"]
        for _ in range(100):
            failure = (await watcher.describe()).last_workflow_task_failure
            if failure is not None:
                break
            await asyncio.sleep(0.05)
        assert "time.time() is not deterministic inside a workflow; use ctx.now()" in str(failure)
        await watcher.terminate()

    worker.run(scenario)


def test_a_schedule_starts_its_workflow(worker: Client) -> None:
    async def scenario(temporal: Temporal) -> None:
        handle = await temporal.schedule_workflow(
            flows.greeting, schedule_id="often", interval="1s", args=["Bob"]
        )
        for _ in range(100):
            if len((await handle.describe()).recent_actions) >= 2:
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the schedule has not started twice within 10 s")
        await handle.delete()

    worker.run(scenario)


def test_the_client_works_inside_the_worker_as_well(worker: Client) -> None:
    worker.inside("start", id="inside", type="greeting", args=["Cid"])
    assert worker.inside("result", id="inside") == "hello Cid"
    assert "inside" in worker.inside("list")


def test_blobs_are_written_once_and_read(worker: Client) -> None:
    assert worker.inside("blob", id="a/b", data="one") == [True, "one", None]
    assert worker.inside("blob", id="a/b", data="two", only_if_absent=True) == [False, "one", None]
    assert worker.inside("blob", id="c", data="two", only_if_absent=True) == [True, "two", None]


def test_without_the_token_nothing_is_answered(worker: Client) -> None:
    async def scenario(_: Temporal) -> None:
        async with Temporal(namespace="edge", url=worker.edge.url, token="guessed") as stranger:
            with pytest.raises(TemporalError, match="token"):
                await stranger.start_workflow(flows.greeting, workflow_id="never", args=["Eve"])

    worker.run(scenario)
    assert "never" not in worker.inside("list")


def break_off(url: str, target: str, body: str, *, after_seconds: float) -> None:
    """Make a request and reset the connection: the local binary does not notice one that is merely closed."""
    parts = urlsplit(url)
    head = [
        f"POST {target} HTTP/1.1",
        f"host: {parts.netloc}",
        f"authorization: Bearer {TOKEN}",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(("\r\n".join(head) + "\r\n\r\n" + body).encode())
        time.sleep(after_seconds)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_task_does_not_go_to_a_poll_whose_client_has_gone(worker: Client) -> None:
    native = Worker(namespace="edge", task_queue="native", activities=[flows.greet])

    async def scenario(temporal: Temporal) -> None:
        poll = "/api/v1/namespaces/edge/task-queues/native/poll"
        break_off(worker.edge.url, poll, '{"pollId": "ghost", "wait": "25s"}', after_seconds=1.0)
        handle = await temporal.start_workflow(flows.elsewhere, workflow_id="elsewhere", args=["Ann"])
        async with RemoteHost(worker.edge.url, token=TOKEN) as host:
            external = ExternalWorker(host, native)
            running = asyncio.create_task(external.run())
            async with asyncio.timeout(8):  # what a poll was given in vain comes again after 10 s
                assert await handle.result() == "hello Ann"
            external.stop()
            await running

    worker.run(scenario)


def archive_of(client: Client, run_id: str) -> dict[str, Any]:
    """The closed archive of a run, read over HTTP once it is in the object store."""
    url = f"{client.edge.url}/api/v1/namespaces/edge/runs/{run_id}/archive"
    for _ in range(200):
        answer = httpx.get(url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=30)
        if answer.status_code == 200 and answer.json()["closed"] and answer.json().get("blobKey"):
            return dict(answer.json())
        time.sleep(0.05)
    pytest.fail(f"not in the object store after 10 s: {answer.text[:300]}")


def test_a_history_that_is_kept_for_ever_lies_in_the_bucket_and_is_read_from_there(worker: Client) -> None:
    runs: dict[str, Any] = {}
    name = "ü" * 300_000

    async def begin(_: Temporal) -> None:
        async with Temporal(
            namespace="edge", url=worker.edge.url, token=TOKEN, history_retention="forever"
        ) as keeping:
            for workflow_id, args in (("kept", ["Ann"]), ("kept-big", [name])):
                handle = await keeping.start_workflow(
                    "greeting", workflow_id=workflow_id, args=args, task_queue="main"
                )
                assert await handle.result() == f"hello {args[0]}"
                runs[handle.first_execution_run_id] = await handle.fetch_history()

    worker.run(begin)
    keys = set()
    for again in (False, True):
        if again:
            worker.kill_and_start()
        for run_id, history in runs.items():
            archive = archive_of(worker, run_id)
            keys.add(archive["blobKey"])
            assert read_history(json.dumps(archive)).events == history.events
            stored = worker.inside("fetch", id=archive["blobKey"])
            assert len(stored) > 100, "the bucket has nothing under this key"
    assert len(keys) == len(runs)


STRANGE_IDS = [
    "a/b",
    "..",
    ".",
    "%2F",
    "~",
    "a\\b",
    "a?b#c",
    " ",
    "\x00",
    "line\nbreak",
    "e\u0301👩‍👧",
    "x" * 1_000,
]


def test_a_strange_id_is_the_id_behind_the_platforms_urls_too(worker: Client) -> None:
    async def scenario(temporal: Temporal) -> None:
        async def one(workflow_id: str) -> None:
            handle = await temporal.start_workflow(flows.greeting, workflow_id=workflow_id, args=["Ann"])
            assert await handle.result() == "hello Ann"
            assert (await handle.describe()).workflow_id == workflow_id

        await asyncio.gather(*(one(each) for each in STRANGE_IDS))
        found = {each.workflow_id for each in await temporal.list_workflows()}
        assert found >= set(STRANGE_IDS)

    worker.run(scenario)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/health", {}, None, 200),
        ("GET", "/health/../api/v1/namespaces/edge/workflows", {}, None, 401),
        ("GET", "/openapi.json", {"authorization": f"Bearer {TOKEN}x"}, None, 401),
        ("GET", f"/openapi.json?token={TOKEN}", {}, None, 401),
        ("OPTIONS", "/api/v1/namespaces/edge/workflows", {}, None, 401),
        (
            "POST",
            "/api/v1/namespaces/edge/workflows",
            {"authorization": f"bearer {TOKEN}"},
            b"[" * 90_000,
            400,
        ),
        ("POST", "/api/v1/namespaces/edge/workflows", {"authorization": f"bearer {TOKEN}"}, b"\xff", 400),
        (
            "POST",
            "/api/v1/namespaces/edge/workflows",
            {"authorization": f"Bearer {TOKEN}"},
            b'{"workflowType": "greeting", "input": [' + b"[" * 95 + b"]" * 95 + b"]}",
            200,
        ),
        (
            "POST",
            "/api/v1/namespaces/edge/workflows",
            {"authorization": f"Bearer {TOKEN}"},
            bytes(5_000_000),
            413,
        ),
        (
            "GET",
            "/api/v1/namespaces/edge/workflows/%2e%2e/result",
            {"authorization": f"Bearer {TOKEN}"},
            None,
            404,
        ),
        ("GET", "/api/v1/namespaces/edge/workflows/%ff", {"authorization": f"Bearer {TOKEN}"}, None, 400),
    ],
)
def test_a_hostile_request_is_answered_as_elsewhere(
    worker: Client, method: str, path: str, headers: dict[str, str], body: bytes | None, status: int
) -> None:
    given = {**headers, **({"content-type": "application/json"} if body is not None else {})}
    answer = httpx.request(method, worker.edge.url + path, headers=given, content=body, timeout=30)
    assert answer.status_code == status, answer.text[:500]
    assert "Traceback" not in answer.text
    assert answer.headers["content-type"] == "application/json"


async def at_rest(handle: Any) -> None:
    """Wait until a run waits for a timer and for nothing else: a kill costs no attempt's lease then."""
    for _ in range(500):
        found = await handle.describe()
        if found.pending_timers and not found.pending_activities:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the run has not come to rest within 10 s")


def test_runs_go_on_after_a_kill(worker: Client) -> None:
    name = "x" * 1_200_000  # more than a row of the database may hold

    async def begin(temporal: Temporal) -> None:
        start = temporal.start_workflow
        await at_rest(await start(flows.greeting, workflow_id="killed-big", args=[name, 0.5]))
        await at_rest(await start(flows.approval, workflow_id="killed-approval", args=[60.0]))
        await start(flows.sleeper, workflow_id="killed-sleeper", args=[0.3, 4])

    async def end(temporal: Temporal) -> None:
        assert await worker.edge.trigger_cron() == "ok"
        await temporal.get_handle("killed-approval").signal("approval", "Ann")
        assert await temporal.get_handle("killed-approval").result() == "approved by Ann"
        assert await temporal.get_handle("killed-sleeper").result() == 4
        assert await temporal.get_handle("killed-big").result() == f"hello {name}"
        history = await temporal.get_handle("killed-sleeper").fetch_history()
        assert [event.event_id for event in history.events] == list(range(1, len(history.events) + 1))

    worker.run(begin)
    worker.kill_and_start()
    worker.run(end)


def test_without_early_starts_the_queue_does_it(platform: Platform, tmp_path: Path) -> None:
    async def scenario(temporal: Temporal) -> None:
        patient = await temporal.start_workflow(flows.patient, workflow_id="patient", args=[1.5])
        steps = await temporal.start_workflow(flows.steps, workflow_id="steps", args=[2])
        assert await steps.result() == ["hello 0", "hello 1"], "a long activity does not hold up the queue"
        assert (await patient.describe()).status is WorkflowStatus.RUNNING
        assert await patient.result() == 1

    for client in running(platform, tmp_path, **{names.EAGER_VARIABLE: "off"}):
        client.run(scenario)


@pytest.mark.soak
def test_runs_go_on_after_kills_at_any_moment(platform: Platform, tmp_path: Path) -> None:
    kinds: list[tuple[Any, list[Any], Any]] = [
        (flows.steps, [6], [f"hello {n}" for n in range(6)]),
        (flows.fan, [5], [f"hello {n}" for n in range(5)]),
        (flows.parent, [2], ["hello child 0", "hello child 1"]),
        (flows.sleeper, [0.4, 3], 3),
        (flows.greeting, ["Ann", 1.0], "hello Ann"),
    ]
    kills = 8
    moments = Random(1)

    async def begin(client: Client, round: int) -> None:
        async def start(number: int) -> None:
            flow, args, _ = kinds[number]
            async with Temporal(namespace="edge", url=client.edge.url, token=TOKEN) as temporal:
                await temporal.start_workflow(flow, workflow_id=f"run-{round}-{number}", args=args)

        starts = [asyncio.ensure_future(start(number)) for number in range(len(kinds))]
        await asyncio.sleep(moments.uniform(0.05, 2.0))
        await client.edge.kill()
        await client.edge.start()
        await asyncio.gather(*starts)  # a start of unknown outcome is made again

    async def end(temporal: Temporal) -> None:
        assert await client.edge.trigger_cron() == "ok"
        for round in range(kills):
            for number, (_, _, result) in enumerate(kinds):
                assert await temporal.get_handle(f"run-{round}-{number}").result() == result

    for client in running(platform, tmp_path):
        for round in range(kills):
            client.loop.run(begin(client, round))
        client.run(end, within_seconds=300)
