"""The engine on the platform's own binary: a Worker with Durable Objects, a queue and R2, driven from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from temporal_do.edge_adapter.cloudflare import names
from temporal_do.edge_adapter.tooling.platform import (
    EdgeUnavailableError,
    LocalEdge,
    Platform,
    QueueConsumer,
    WorkerConfig,
    engine_folders,
    install_platform,
)
from temporal_do.edge_adapter.tooling.platform.config import LOCAL_FLAGS
from temporal_do.runtime import Temporal
from temporal_do.runtime.errors import TemporalError

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
        compatibility_flags=(*LOCAL_FLAGS, "queue_consumer_no_wait_for_wait_until"),
    )


@attrs.frozen(kw_only=True)
class Client:
    """The Worker, and a loop to speak with it from plain test code."""

    edge: LocalEdge
    loop: asyncio.Runner

    def run(self, scenario: Callable[[Temporal], Awaitable[None]]) -> None:
        """Run a scenario with a client of the Worker's HTTP API."""

        async def main() -> None:
            async with Temporal(namespace="edge", url=self.edge.url, token=TOKEN) as temporal:
                await asyncio.wait_for(scenario(temporal), 60)

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
    """The platform; the tests that need it are skipped where it cannot be had."""
    try:
        return asyncio.run(install_platform())
    except EdgeUnavailableError as error:
        pytest.skip(str(error).splitlines()[0])


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


def test_a_history_of_rows_above_one_megabyte_comes_back_after_a_crash(worker: Client) -> None:
    name = "x" * 1_200_000
    worker.inside("start", id="big", type="greeting", args=[name, 1.0])
    worker.kill_and_start()
    assert worker.inside("result", id="big") == f"hello {name}"


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


def test_everything_goes_on_after_a_kill_at_any_moment(worker: Client) -> None:
    async def begin(temporal: Temporal) -> None:
        start = temporal.start_workflow
        await start(flows.sleeper, workflow_id="killed-sleeper", args=[0.3, 4])
        await start(flows.approval, workflow_id="killed-approval", args=[60.0])
        await start(flows.steps, workflow_id="killed-steps", args=[6])

    async def end(temporal: Temporal) -> None:
        assert await worker.edge.trigger_cron() == "ok"
        await temporal.get_handle("killed-approval").signal("approval", "Ann")
        assert await temporal.get_handle("killed-approval").result() == "approved by Ann"
        assert await temporal.get_handle("killed-sleeper").result() == 4
        assert await temporal.get_handle("killed-steps").result() == [f"hello {n}" for n in range(6)]
        history = await temporal.get_handle("killed-sleeper").fetch_history()
        assert [event.event_id for event in history.events] == list(range(1, len(history.events) + 1))

    worker.run(begin)
    worker.kill_and_start()
    worker.run(end)


def test_activities_start_from_the_queue_when_early_starts_are_off(
    platform: Platform, tmp_path: Path
) -> None:
    async def scenario(temporal: Temporal) -> None:
        patient = await temporal.start_workflow(flows.patient, workflow_id="patient", args=[1.0])
        steps = await temporal.start_workflow(flows.steps, workflow_id="steps", args=[2])
        assert await steps.result() == ["hello 0", "hello 1"], "a long activity does not hold up the queue"
        assert await patient.result() == 1

    for client in running(platform, tmp_path, **{names.EAGER_VARIABLE: "off"}):
        client.run(scenario)


def test_the_sweep_brings_back_what_the_queue_has_lost(platform: Platform, tmp_path: Path) -> None:
    async def begin(temporal: Temporal) -> None:
        await temporal.start_workflow(flows.fan, workflow_id="fan", args=[3])

    async def end(temporal: Temporal) -> None:
        handle = temporal.get_handle("fan")
        assert await client.edge.trigger_cron() == "ok"
        assert len((await handle.describe()).pending_activities) <= 3
        assert await handle.result() == ["hello 0", "hello 1", "hello 2"]

    for client in running(platform, tmp_path, **{names.EAGER_VARIABLE: "off"}):
        client.run(begin)
        client.kill_and_start()  # the queue of the local platform lives in memory
        client.run(end)
