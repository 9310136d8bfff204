"""Clients that come at once, leave early, come late, or hold what is stale."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from temporal_do.edge_adapter.api import asgi
from temporal_do.edge_adapter.local import LocalHost
from temporal_do.edge_adapter.remote import ExternalWorker, RemoteHost
from temporal_do.runtime import (
    Temporal,
    Worker,
    WorkflowAlreadyStartedError,
    WorkflowContext,
    WorkflowNotFoundError,
    activity,
)
from temporal_do.runtime.actors import task_queue_polls
from temporal_do.runtime.history import EventType
from temporal_do.runtime.keys import task_queue_key
from temporal_do.runtime.messages.task_queue import PollActivityTasks
from tests.http_api.conftest import BASE, ROOT, TOKEN, Served, error_of, run

temporal = Temporal(namespace="shop")
stranger = Temporal(namespace="shop")
"""A client that has none of the code."""
EVENTS: list[str] = []


@temporal.activity
async def slow(number: int) -> int:
    EVENTS.append(f"begins {activity.info().attempt}")
    try:
        while True:
            activity.heartbeat(number)
            await asyncio.sleep(0.02)
    finally:
        EVENTS.append("ends")


@temporal.activity
async def quick(number: int) -> int:
    EVENTS.append(f"quick {number}")
    return number + 1


@temporal.workflow("count-down")
async def count_down(ctx: WorkflowContext, left: int) -> str:
    if left:
        ctx.continue_as_new(left - 1)
    return ctx.info.run_id


@temporal.workflow("waits")
async def waits(ctx: WorkflowContext) -> list[Any]:
    found: list[Any] = []
    ctx.set_query_handler("found", lambda: found)
    while (value := await ctx.wait_for_signal("add")) is not None:
        found.append(value)
    return found


@temporal.workflow("outside")
async def outside(ctx: WorkflowContext, numbers: int) -> list[int]:
    works = [
        ctx.activity(f"quick {n}", quick, n, task_queue="native", start_to_close_timeout="20s")
        for n in range(numbers)
    ]
    return list(await asyncio.gather(*works))


@temporal.workflow("outside-slow")
async def outside_slow(ctx: WorkflowContext) -> int:
    return await ctx.activity("slow", slow, 1, task_queue="native", heartbeat_timeout="5s")


inside = Worker(namespace="shop", task_queue="main", workflows=[count_down, waits, outside, outside_slow])
native = Worker(namespace="shop", task_queue="native", activities=[slow, quick])
WORKERS = [inside]


def test_of_many_starts_at_once_with_one_id_one_is_made() -> None:
    async def work(served: Served) -> None:
        body = {"workflowId": "w", "workflowType": "waits"}
        answers = await asyncio.gather(*(served.post("/workflows", body) for _ in range(30)))
        assert Counter(each.status_code for each in answers) == {200: 1, 409: 29}
        refused = [error_of(each) for each in answers if each.status_code == 409]
        assert {each["code"] for each in refused} == {"already_started"}
        assert await served.direct.count_workflows() == 1

    run(work, workers=WORKERS)


def test_of_many_starts_at_once_with_one_request_id_all_are_told_of_the_one() -> None:
    async def work(served: Served) -> None:
        body = {"workflowId": "w", "workflowType": "waits", "requestId": "r"}
        answers = [
            each.json()
            for each in await asyncio.gather(*(served.post("/workflows", body) for _ in range(30)))
        ]
        assert len({each["runId"] for each in answers}) == 1
        assert await served.direct.count_workflows() == 1
        await served.post("/workflows/w/terminate", {"reason": "over"})
        assert (await served.post("/workflows", body)).json()["runId"] == answers[0]["runId"]
        assert await served.direct.count_workflows() == 1

    run(work, workers=WORKERS)


def test_a_signal_that_is_sent_many_times_with_one_request_id_arrives_once() -> None:
    async def work(served: Served) -> None:
        handle = await served.temporal.start_workflow("waits", workflow_id="w", task_queue="main")
        body = {"signalName": "add", "input": [1], "requestId": "same"}
        assert {
            each.status_code
            for each in await asyncio.gather(*(served.post("/workflows/w/signal", body) for _ in range(20)))
        } == {200}
        other = {"signalName": "add", "input": [2], "requestId": "same"}
        assert (await served.post("/workflows/w/signal", other)).status_code == 200
        await handle.signal("add", None)
        assert await handle.result() == [1]

    run(work, workers=WORKERS)


def test_a_client_without_the_code_does_all_by_name() -> None:
    async def work(served: Served) -> None:
        client = stranger.connect(served.remote)
        handle = await client.start_workflow("waits", workflow_id="w", task_queue="main")
        await handle.signal("add", 1)
        assert await handle.query("found") == [1]
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.start_workflow("waits", workflow_id="w", task_queue="main")
        with pytest.raises(WorkflowNotFoundError):
            await client.get_handle("none").query("found")
        await handle.signal("add", None)
        assert await handle.result() == [1]
        assert await client.execute_workflow("count-down", args=[0], task_queue="main")
        unknown = await client.start_workflow("nothing", task_queue="main", run_timeout="1h")
        for _ in range(200):
            failure = (await unknown.describe()).last_workflow_task_failure
            if failure is not None:
                break
            await asyncio.sleep(0.02)
        assert "'nothing' is not registered" in str(failure)
        await unknown.terminate()

    run(work, workers=WORKERS)


def test_a_result_is_that_of_the_last_of_many_runs() -> None:
    async def work(served: Served) -> None:
        client = stranger.connect(served.remote)
        handle = await client.start_workflow("count-down", workflow_id="w", args=[6], task_queue="main")
        last = await handle.result()
        assert (await handle.describe()).run_id == last != handle.first_execution_run_id
        first = (await served.get(f"/workflows/w/result?runId={handle.first_execution_run_id}")).json()
        assert first["status"].endswith("CONTINUED_AS_NEW")
        assert first["newRunId"] not in ("", last)
        for wrong in ("nonsense", "../..", last + "x", "x" * 1_000):
            answer = await served.http.get(f"{ROOT}/workflows/w/result", params={"runId": wrong})
            assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")

    run(work, workers=WORKERS)


def test_a_closed_workflow_answers_queries_and_takes_nothing_more() -> None:
    async def work(served: Served) -> None:
        client = stranger.connect(served.remote)
        handle = await client.start_workflow("waits", workflow_id="w", task_queue="main")
        await handle.signal("add", 5)
        await handle.signal("add", None)
        assert await handle.result() == [5]
        before = (await served.get("/workflows/w/history")).json()
        query = {"queryType": "found"}
        assert (await served.post("/workflows/w/query?payloads=plain", query)).json()["result"] == [[5]]
        rejected = await served.post("/workflows/w/query", {**query, "rejectCondition": "not_open"})
        assert rejected.json()["rejectedStatus"].endswith("COMPLETED")
        for path, body in (
            ("signal", {"signalName": "add"}),
            ("cancel", {}),
            ("terminate", {}),
            ("update", {"name": "u"}),
        ):
            answer = await served.post(f"/workflows/w/{path}", body)
            assert answer.status_code in (404, 409), (path, answer.text)
            assert error_of(answer)["kind"] == "refusal"
        for body in ({"queryType": "none"}, {"queryType": "__stack_trace"}, {"queryType": "\x00"}):
            assert (await served.post("/workflows/w/query", body)).status_code == 200
        assert (await served.get("/workflows/w/history")).json() == before

    run(work, workers=WORKERS)


def test_waits_that_are_abandoned_leave_nothing_and_hold_up_nobody() -> None:
    async def work(served: Served) -> None:
        await stranger.connect(served.remote).start_workflow("waits", workflow_id="w", task_queue="main")
        tasks = len(asyncio.all_tasks())
        for _ in range(3):
            waiting = [asyncio.ensure_future(served.get("/workflows/w/result")) for _ in range(50)]
            await asyncio.sleep(0.05)
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        staying = asyncio.ensure_future(served.get("/workflows/w/result?payloads=plain"))
        await asyncio.sleep(0.05)
        await served.post("/workflows/w/signal", {"signalName": "add", "input": [None]})
        assert (await staying).json()["result"] == [[]]
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) <= tasks + 2

    run(work, workers=WORKERS)


def test_updates_of_one_schedule_at_once_are_made_one_after_the_other() -> None:
    async def work(served: Served) -> None:
        definition = {"spec": {"interval": "1000d"}, "action": {"workflowType": "waits"}}
        made = await served.post("/schedules", {"scheduleId": "s", "definition": definition})
        assert made.status_code == 200
        again = await asyncio.gather(
            *(served.post("/schedules", {"scheduleId": "s", "definition": definition}) for _ in range(5))
        )
        assert {each.status_code for each in again} == {409}
        version = (await served.get("/schedules/s")).json()["version"]
        body = {"definition": definition, "expectedVersion": version, "note": "mine"}
        answers = await asyncio.gather(
            *(served.http.put(f"{ROOT}/schedules/s", json={**body, "note": f"n{n}"}) for n in range(10))
        )
        assert Counter(each.status_code for each in answers) == {200: 1, 409: 9}
        handle = stranger.connect(served.remote).get_schedule_handle("s")
        await asyncio.gather(*(handle.update(interval=f"{n}h") for n in range(1, 6)))
        assert (await served.get("/schedules/s")).json()["version"] >= version + 6

    run(work, workers=WORKERS)


# --- external workers -------------------------------------------------------------------------------------


class Skewed(RemoteHost):
    """A client whose machine's clock is wrong, and runs backwards now and then."""

    skew_ns = 0

    def now(self) -> int:
        self.skew_ns -= 10**8
        return super().now() + self.skew_ns


def working(scenario: Any) -> None:
    """Run ``scenario(client, made, http)`` over a served application; ``made(kind)`` makes remote hosts."""
    EVENTS.clear()

    async def main() -> None:
        async with LocalHost(workers=WORKERS, synchronous="off") as local:
            transport = httpx.ASGITransport(app=asgi(local, token=TOKEN))

            def made(kind: type[RemoteHost] = RemoteHost) -> RemoteHost:
                return kind(BASE, token=TOKEN, transport=transport)

            headers = {"authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http:
                await asyncio.wait_for(scenario(stranger.connect(local), made, http), 30)

    asyncio.run(main())


async def stop(*pairs: tuple[ExternalWorker, asyncio.Task[None]]) -> None:
    for worker, _ in pairs:
        worker.stop()
    await asyncio.gather(*(running for _, running in pairs))


def begin(host: RemoteHost, **options: Any) -> tuple[ExternalWorker, asyncio.Task[None]]:
    worker = ExternalWorker(host, native, **{"poll_wait": "5s", "grace": "0s", **options})
    return worker, asyncio.create_task(worker.run())


def test_workers_with_one_identity_and_wrong_clocks_do_everything_once() -> None:
    async def scenario(client: Temporal, made: Any, http: Any) -> None:
        class Ahead(Skewed):
            skew_ns = 10**18

        class Behind(Skewed):
            skew_ns = -(10**18)

        workers = [begin(made(kind), identity="twin") for kind in (RemoteHost, Ahead, Behind)]
        handles = [
            await client.start_workflow("outside", workflow_id=f"w{n}", args=[5], task_queue="main")
            for n in range(4)
        ]
        for handle in handles:
            assert await handle.result() == [1, 2, 3, 4, 5]
            events = (await handle.fetch_history()).events
            done = [each for each in events if each.event_type == EventType.ACTIVITY_TASK_COMPLETED]
            assert [each.attributes.identity for each in done] == ["twin"] * 5
        assert len(EVENTS) == 20
        await stop(*workers)

    working(scenario)


async def leased(http: httpx.AsyncClient, poll_id: str = "p") -> tuple[str, dict[str, Any]]:
    """Poll for a task by hand and lease it: its path, and its token."""
    poll = await http.post(f"{ROOT}/task-queues/native/poll", json={"pollId": poll_id, "wait": "5s"})
    (task,) = poll.json()["tasks"]
    from urllib.parse import quote

    path = f"{ROOT}/activities/{quote(task['activityKey'], safe='')}"
    token = {"token": task["token"]}
    answer = await http.post(f"{path}/lease", json={**token, "requestId": "l", "identity": "hand"})
    assert answer.status_code == 200, answer.text
    return path, token


def test_whoever_holds_an_old_token_changes_nothing() -> None:
    async def scenario(client: Temporal, made: Any, http: httpx.AsyncClient) -> None:
        handle = await client.start_workflow("outside", workflow_id="w", args=[1], task_queue="main")
        path, token = await leased(http)
        for wrong in ("", "x", token["token"] + "x", token["token"].upper(), "\x00", "é" * 500):
            for step, more in (
                ("complete", {"result": [666]}),
                ("fail", {"failure": {"message": "no"}}),
                ("heartbeat", {"details": [1]}),
                ("cancelled", {}),
                ("renew", {}),
                ("defer", {}),
                ("lease", {"requestId": "other"}),
            ):
                answer = await http.post(f"{path}/{step}", json={"token": wrong, **more})
                assert answer.status_code in (400, 409), (step, wrong, answer.text)
        stolen = await http.post(f"{path}/lease", json={**token, "requestId": "thief"})
        assert error_of(stolen)["code"] == "already_leased"
        assert (await http.post(f"{path}/lease", json={**token, "requestId": "l"})).status_code == 200
        failure = {"message": "planned", "applicationFailureInfo": {"type": "Planned"}}
        assert (await http.post(f"{path}/fail", json={**token, "failure": failure})).status_code == 200
        late = await http.post(f"{path}/complete", json={**token, "result": [666]})
        assert error_of(late)["code"] in ("stale_token", "not_found")
        path, token = await leased(http, "p2")
        done = [await http.post(f"{path}/complete", json={**token, "result": [7]}) for _ in range(3)]
        assert done[0].status_code == 200
        assert await handle.result() == [7]
        contradiction = await http.post(f"{path}/complete", json={**token, "result": [8]})
        assert contradiction.status_code in (200, 404, 409)
        assert await handle.result() == [7]

    working(scenario)


def test_a_worker_hears_of_the_cancellation_with_its_heartbeat_and_after_it() -> None:
    async def scenario(client: Temporal, made: Any, http: httpx.AsyncClient) -> None:
        handle = await client.start_workflow("outside-slow", workflow_id="w", task_queue="main")
        path, token = await leased(http)
        beat = await http.post(f"{path}/heartbeat", json={**token, "details": [1]})
        assert beat.json() == {"cancelRequested": False}
        early = await http.post(f"{path}/cancelled", json=token)
        assert error_of(early)["code"] == "cancel_not_requested"
        await handle.cancel()
        for _ in range(200):
            beat = await http.post(f"{path}/heartbeat", json={**token, "details": [2]})
            if beat.status_code != 200 or beat.json()["cancelRequested"]:
                break
            await asyncio.sleep(0.02)
        assert (await http.post(f"{path}/cancelled", json=token)).status_code in (200, 404, 409)
        for step in ("heartbeat", "renew", "complete"):
            late = await http.post(f"{path}/{step}", json=token)
            assert late.status_code in (200, 404, 409), (step, late.text)
        from temporal_do.runtime import WorkflowFailureError

        with pytest.raises(WorkflowFailureError):
            await handle.result()

    working(scenario)


def test_what_a_cut_off_worker_held_is_done_by_the_next_and_recorded_once() -> None:
    async def scenario(client: Temporal, made: Any, http: httpx.AsyncClient) -> None:
        handle = await client.start_workflow("outside-slow", workflow_id="w", task_queue="main")
        _, first = begin(made())
        while not EVENTS:
            await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = begin(made())
        while "begins 2" not in EVENTS:
            await asyncio.sleep(0.01)
        await handle.terminate()
        await stop(second)
        events = [each.event_type for each in (await handle.fetch_history()).events]
        assert events.count(EventType.ACTIVITY_TASK_SCHEDULED) == 1

    working(scenario)


def test_a_storm_of_polls_is_turned_away_and_the_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_queue_polls, "POLLS_MAX", 50)

    async def scenario(client: Temporal, made: Any, http: httpx.AsyncClient) -> None:
        url = f"{ROOT}/task-queues/native/poll"
        storm = [
            asyncio.ensure_future(http.post(url, json={"pollId": f"s{n}", "wait": "25s"})) for n in range(80)
        ]
        while sum(each.done() for each in storm) < 30:
            await asyncio.wait(storm, timeout=5, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0.01)
        done, open_ = await asyncio.wait(storm, timeout=0.2)
        assert [each.result().status_code for each in done] == [429] * 30
        for each in open_:
            each.cancel()
        await asyncio.gather(*open_, return_exceptions=True)
        await asyncio.gather(
            *(http.post(f"{ROOT}/task-queues/native/leave-poll", json={"pollId": f"s{n}"}) for n in range(80))
        )
        worker = begin(made())
        assert await client.execute_workflow("outside", args=[3], task_queue="main") == [1, 2, 3]
        await stop(worker)

    working(scenario)


def test_polls_whose_clients_have_gone_are_given_nothing() -> None:
    """Over a socket: a task goes to the poll whose client is still there, and at once."""
    from tests.http_api.server import Server

    async def main() -> None:
        async with httpx.AsyncClient(
            base_url=server.url, headers={"authorization": f"Bearer {TOKEN}"}
        ) as http:
            for number in range(5):
                with pytest.raises(httpx.ReadTimeout):
                    body = {"pollId": f"ghost{number}", "wait": "25s"}
                    await http.post(f"{ROOT}/task-queues/native/poll", json=body, timeout=0.1)
            async with RemoteHost(server.url, token=TOKEN) as host:
                client = temporal.connect(host)
                handle = await client.start_workflow("parks", workflow_id="w", task_queue="main", args=[1])
                message = PollActivityTasks(
                    namespace="shop", task_queue="native", poll_id="alive", wait_ns=8 * 10**9
                )
                async with asyncio.timeout(8):  # a ghost would hold it for 10 s
                    (task,) = (await host.call(task_queue_key("shop", "native"), message)).tasks
                assert task.attempt == 1
                await handle.terminate()

    with Server(token=TOKEN) as server:
        asyncio.run(main())
