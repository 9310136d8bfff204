"""Activities in external workers, workflows on a host: in the same process, and over the HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from temporal_do.edge_adapter.api import Api, asgi
from temporal_do.edge_adapter.local import LocalHost
from temporal_do.edge_adapter.remote import ApiError, ExternalWorker, RemoteHost
from temporal_do.runtime import ActivityError, Temporal, WorkflowFailureError
from temporal_do.runtime.history import EventType

from .application import inside, order, outside, temporal

TOKEN = "t"
DIRECT, HTTP = "direct", "http"


@asynccontextmanager
async def serving(way: str, *, token: str = TOKEN, **limits: Any) -> AsyncIterator[tuple[Any, LocalHost]]:
    """The host that external workers use, and the one behind it."""
    async with LocalHost(workers=[inside], synchronous="off") as local:
        if way == DIRECT:
            yield local, local
            return
        served = asgi(local, api=Api(token=TOKEN, **limits))
        async with RemoteHost(
            "http://test", token=token, transport=httpx.ASGITransport(app=served)
        ) as remote:
            yield remote, local


@asynccontextmanager
async def working(host: Any, **options: Any) -> AsyncIterator[ExternalWorker]:
    worker = ExternalWorker(host, outside, **{"identity": "outside", "poll_wait": "5s", **options})
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


def clients(local: LocalHost) -> Temporal:
    return temporal.connect(local)


@pytest.mark.parametrize("way", [DIRECT, HTTP])
def test_orders_whose_activities_run_outside_end_as_they_should(way: str) -> None:
    async def scenario() -> None:
        async with serving(way) as (host, local):
            app = clients(local)
            handles = [await app.start_workflow(order, workflow_id=f"order-{n}", args=[n]) for n in range(12)]
            async with working(host, concurrency=4):
                for number, handle in enumerate(handles):
                    paid, pressed = await handle.result()
                    assert paid["paid"] == number
                    assert paid["raw"] == [None, True, 1.5, "ü"]
                    assert pressed is True, "a sync activity ran on the loop"
            history = await handles[0].fetch_history()
            started = [e for e in history.events if e.event_type == EventType.ACTIVITY_TASK_STARTED]
            assert [e.attributes.identity for e in started] == ["outside", "outside"]
            assert [e.attributes.attempt for e in started] == [1, 1]

    asyncio.run(scenario())


@pytest.mark.parametrize("way", [DIRECT, HTTP])
def test_several_workers_share_a_queue_and_an_activity_may_use_the_client(way: str) -> None:
    async def scenario() -> None:
        async with serving(way) as (host, local):
            app = clients(local)
            async with working(host), working(host), working(host):
                results = await asyncio.gather(
                    *(app.execute_workflow(order, workflow_id=f"order-{n}", args=[n]) for n in range(9)),
                    app.execute_workflow("one", workflow_id="asks", args=["asks"]),
                )
            assert [result[0]["paid"] for result in results[:9]] == list(range(9))
            assert results[9] == 10

    asyncio.run(scenario())


def test_a_result_larger_than_the_api_takes_fails_the_activity_with_the_reason() -> None:
    async def scenario() -> None:
        async with serving(HTTP, body_bytes_max=20_000) as (host, local):
            async with working(host):
                fits = await clients(local).execute_workflow("one", workflow_id="fits", args=["big", 5_000])
                assert len(fits) == 5_000
                with pytest.raises(WorkflowFailureError) as caught:
                    await clients(local).execute_workflow("one", workflow_id="big", args=["big", 50_000])
            cause = caught.value.__cause__
            assert isinstance(cause, ActivityError)
            assert "could not be reported" in str(cause.__cause__)

    asyncio.run(scenario())


def test_a_wrong_token_ends_the_worker_and_says_why() -> None:
    async def scenario() -> None:
        async with serving(HTTP, token="wrong") as (host, _):
            with pytest.raises(ApiError, match="token"):
                await asyncio.wait_for(ExternalWorker(host, outside).run(), 10)

    asyncio.run(scenario())


def test_a_namespace_of_its_own_sees_nothing_of_another() -> None:
    async def scenario() -> None:
        other = Temporal(namespace="other", task_queue="main")

        async def nothing() -> None:
            raise AssertionError("this is nobody's")

        async with serving(HTTP) as (host, local):
            from temporal_do.runtime import Worker

            stranger = Worker(namespace=other.namespace, task_queue="native", activities=[nothing])
            worker = ExternalWorker(host, stranger, poll_wait="1s")
            running = asyncio.create_task(worker.run())
            handle = await clients(local).start_workflow(order, workflow_id="order", args=[1])
            await asyncio.sleep(0.3)
            assert worker.running == 0
            async with working(host):
                assert (await handle.result())[0]["paid"] == 1
            worker.stop()
            await running

    asyncio.run(scenario())


def test_a_sync_activity_that_does_not_stop_is_given_back_and_left_behind() -> None:
    async def scenario() -> None:
        async with serving(HTTP) as (host, local):
            handle = await clients(local).start_workflow("one", workflow_id="sleeps", args=["sleeps", 1.5])
            first = ExternalWorker(host, outside, grace="0.1s")
            running = asyncio.create_task(first.run())
            while not first.left_in_threads:
                await asyncio.sleep(0.01)
            first.stop()
            await running
            assert first.left_in_threads == 1
            async with working(host):
                assert await asyncio.wait_for(handle.result(), 10) == 2

    asyncio.run(scenario())
