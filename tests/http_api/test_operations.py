"""Every operation of the table, by a client and by hand, over the SQLite host."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from temporal_do.edge_adapter.api.operations import every_operation
from temporal_do.runtime import (
    ApplicationError,
    QueryFailedError,
    RetryPolicy,
    ScheduleAlreadyExistsError,
    ScheduleNotFoundError,
    UpdateFailedError,
    WorkflowAlreadyStartedError,
    WorkflowClosedError,
    WorkflowFailureError,
    WorkflowNotFoundError,
    WorkflowStatus,
)
from temporal_do.runtime.history import read_history
from tests.http_api.app import doubled, echo, failing, order, slow_update
from tests.http_api.conftest import Served, error_of, run

# --- by the client's handles ------------------------------------------------------------------------------


def test_a_workflow_is_started_signalled_queried_updated_and_ends() -> None:
    async def work(served: Served) -> None:
        handle = await served.temporal.start_workflow(order, workflow_id="o 1/ü", args=["tea", 2])
        assert await handle.query("amounts") == [2]
        await handle.signal("add", 3)
        assert await handle.update("grow", 4) == 9
        assert (await handle.describe()).status is WorkflowStatus.RUNNING
        await handle.signal("add", -1)
        assert await handle.result() == {"item": "tea", "amount": 9}

    run(work)


def test_what_a_client_reads_over_http_is_what_it_reads_directly() -> None:
    async def work(served: Served) -> None:
        options: dict[str, Any] = {
            "memo": {"note": {"a": [1, 2.5, None]}},
            "search_attributes": {"CustomerId": "c1", "Amount": 12, "At": datetime(2026, 1, 2, tzinfo=UTC)},
            "execution_timeout": "90d",
            "run_timeout": "1h30m",
            "task_timeout": "10s",
            "retry": RetryPolicy(initial_interval="1s", maximum_attempts=3, non_retryable_errors=["A"]),
        }
        values = [None, True, 1, 1.0, 2**60, "ü\ud83d\ude00", b"\x00\xff", [1, {"a": None}]]
        await served.temporal.start_workflow(echo, workflow_id="e", args=values, **options)
        over_http, direct = (each.get_handle("e") for each in (served.temporal, served.direct))
        assert await over_http.result() == await direct.result()
        assert await over_http.describe() == await direct.describe()
        assert await over_http.fetch_history() == await direct.fetch_history()
        assert await served.temporal.list_workflows() == await served.direct.list_workflows()
        assert await served.temporal.count_workflows("Amount > 11") == 1

    run(work)


def test_refusals_become_the_errors_that_they_are_everywhere() -> None:
    async def work(served: Served) -> None:
        temporal = served.temporal
        handle = await temporal.start_workflow(order, workflow_id="o", args=["tea"])
        with pytest.raises(WorkflowAlreadyStartedError) as started:
            await temporal.start_workflow(order, workflow_id="o", args=["tea"])
        assert started.value.run_id == handle.first_execution_run_id
        with pytest.raises(QueryFailedError, match="nothing"):
            await handle.query("nothing")
        with pytest.raises(UpdateFailedError) as refused:
            await handle.update("grow", -1)
        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.type == "Negative"
        await handle.terminate("enough", {"why": 1})
        with pytest.raises(WorkflowFailureError, match="enough"):
            await handle.result()
        with pytest.raises(WorkflowClosedError):
            await handle.signal("add", 1)
        none = temporal.get_handle("none")
        for call in (none.query("a"), none.signal("a"), none.update("a"), none.result(), none.describe()):
            with pytest.raises(WorkflowNotFoundError):
                await call
        with pytest.raises(WorkflowNotFoundError):
            await temporal.get_handle("o", "00000000-0000-4000-8000-000000000000").fetch_history()
        with pytest.raises(ValueError, match="expected a value"):
            await temporal.list_workflows("ExecutionStatus =")

    run(work)


def test_a_failure_comes_back_with_its_type_its_details_and_its_cause() -> None:
    async def work(served: Served) -> None:
        handle = await served.temporal.start_workflow(failing, workflow_id="f", args=["because"])
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        cause = failed.value.cause
        assert isinstance(cause, ApplicationError)
        assert (cause.message, cause.type, list(cause.details)) == ("because", "Why", [1, {"two": 2}])

    run(work)


def test_cancel_reset_and_signal_with_start_work() -> None:
    async def work(served: Served) -> None:
        temporal = served.temporal
        handle = await temporal.signal_with_start(order, "add", [5], workflow_id="o", args=["tea"])
        assert await handle.query("amounts") == [1, 5]
        again = await temporal.signal_with_start(order, "add", [6], workflow_id="o", args=["tea"])
        assert again.first_execution_run_id == handle.first_execution_run_id
        assert await handle.query("amounts") == [1, 5, 6]
        with pytest.raises(ValueError, match="event 1 is not the end of a workflow task"):
            await temporal.get_handle("o").reset(1)
        anew = await temporal.get_handle("o").reset(5, reason="again")
        assert anew.run_id != handle.first_execution_run_id
        await anew.cancel("stop")
        with pytest.raises(WorkflowFailureError, match="cancel"):
            await anew.result()

    run(work)


def test_an_activity_can_be_completed_by_its_token() -> None:
    from temporal_do.runtime import Temporal, Worker, WorkflowContext, activity

    temporal = Temporal(namespace="shop")
    tokens: asyncio.Queue[bytes] = asyncio.Queue()

    @temporal.activity
    async def outside(what: str) -> Any:
        tokens.put_nowait(activity.info().task_token)
        activity.raise_complete_async()

    @temporal.workflow("waiting")
    async def waiting(ctx: WorkflowContext) -> Any:
        return await ctx.activity("outside", lambda: outside("x"))

    async def work(served: Served) -> None:
        client = temporal.connect(served.remote)
        handle = await client.start_workflow(waiting, workflow_id="w")
        done = client.get_async_activity_handle(await tokens.get())
        assert await done.heartbeat({"half": True}) is False
        await done.complete({"from": "outside"})
        assert await handle.result() == {"from": "outside"}

    run(
        work, workers=[Worker(namespace="shop", task_queue="main", workflows=[waiting], activities=[outside])]
    )


def test_schedules_are_made_changed_listed_and_deleted() -> None:
    async def work(served: Served) -> None:
        temporal = served.temporal
        long_id = "s/" + "ü" * 500
        for schedule_id in ("a", "b b", long_id):
            await temporal.schedule_workflow(
                doubled, schedule_id=schedule_id, cron="0 9 * * 1-5", timezone="Europe/Berlin", args=[2]
            )
        with pytest.raises(ScheduleAlreadyExistsError):
            await temporal.schedule_workflow(doubled, schedule_id="a", interval="1h", args=[2])
        listed = await temporal.list_schedules()
        assert {(await each.describe()).schedule_id for each in listed} == {"a", "b b", long_id}
        assert [each.schedule_id for each in await temporal.list_schedules(limit=1)] == [
            listed[0].schedule_id
        ]
        handle = temporal.get_schedule_handle("a")
        await handle.update(interval="1h", jitter="5m", remaining_actions=3, note="hourly")
        await handle.pause("holidays")
        described = await handle.describe()
        assert described == await served.direct.get_schedule_handle("a").describe()
        assert (described.paused, described.note, described.remaining_actions) == (True, "holidays", 3)
        await handle.update(remaining_actions=None)
        assert (await handle.describe()).remaining_actions is None
        await handle.unpause()
        await handle.trigger()
        end = datetime.now(UTC) - timedelta(minutes=1)
        await handle.backfill(end - timedelta(hours=2), end, overlap="allow_all")
        while (await handle.describe()).counters.actions < 3:
            await asyncio.sleep(0.01)
        await handle.delete()
        with pytest.raises(ScheduleNotFoundError):
            await handle.describe()
        assert "a" not in [each.schedule_id for each in await temporal.list_schedules()]

    run(work)


def test_an_update_that_takes_long_is_asked_for_until_it_is_there() -> None:
    async def work(served: Served) -> None:
        handle = await served.temporal.start_workflow(slow_update, workflow_id="u")
        assert await handle.update("later", update_id="u1") == "done"
        assert await handle.update("later", update_id="u1") == "done"
        await handle.signal("end")
        assert await handle.result() == "ended"

    run(work, wait_seconds_max=0.05)


def test_a_result_that_is_not_there_yet_is_said_so_and_asked_for_again() -> None:
    async def work(served: Served) -> None:
        handle = await served.temporal.start_workflow(order, workflow_id="o", args=["tea"])
        response = await served.get("/workflows/o/result", params={"wait": "10ms"})
        assert (response.status_code, response.json()) == (202, {"pending": True})
        waiting = asyncio.ensure_future(handle.result())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await handle.signal("add", -1)
        assert (await waiting)["item"] == "tea"

    run(work, wait_seconds_max=0.05)


# --- by hand ----------------------------------------------------------------------------------------------


def test_a_person_needs_only_plain_json() -> None:
    async def work(served: Served) -> None:
        started = await served.post(
            "/workflows",
            {"workflowId": "o", "workflowType": "order", "input": ["tea", 2], "runTimeout": "1h"},
        )
        assert started.status_code == 200
        assert started.json()["started"] is True
        asked = await served.post("/workflows/o/query?payloads=plain", {"queryType": "amounts"})
        assert asked.json()["result"] == [[2]]
        updated = await served.post("/workflows/o/update?payloads=plain", {"name": "grow", "args": [3]})
        assert (updated.json()["stage"], updated.json()["result"]) == ("completed", [5])
        assert (await served.post("/workflows/o/signal", {"signalName": "add", "input": [-1]})).json() == {}
        ended = (await served.get("/workflows/o/result?payloads=plain")).json()
        assert ended["status"] == "WORKFLOW_EXECUTION_STATUS_COMPLETED"
        assert ended["result"] == [{"item": "tea", "amount": 5}]

    run(work)


def test_a_workflow_needs_no_id_and_gets_one() -> None:
    async def work(served: Served) -> None:
        await served.post("/workflows", {"workflowType": "echo"})
        listed = (await served.get("/workflows")).json()["executions"]
        assert len(listed) == 1
        assert len(listed[0]["workflowId"]) == 36

    run(work)


def test_the_same_request_id_acts_once() -> None:
    async def work(served: Served) -> None:
        body = {"workflowId": "o", "workflowType": "order", "input": ["tea"], "requestId": "r1"}
        first, second = [(await served.post("/workflows", body)).json() for _ in range(2)]
        assert first == second
        for _ in range(3):
            signal = {"signalName": "add", "input": [7], "requestId": "s1"}
            assert (await served.post("/workflows/o/signal", signal)).status_code == 200
        update = {"name": "grow", "args": [1], "updateId": "u1"}
        answers = [(await served.post("/workflows/o/update", update)).json() for _ in range(2)]
        assert answers[0] == answers[1]
        asked = await served.post("/workflows/o/query?payloads=plain", {"queryType": "amounts"})
        assert asked.json()["result"] == [[1, 7, 1]]
        for _ in range(2):
            ended = await served.post("/workflows/o/terminate", {"requestId": "t1"})
            assert ended.status_code == 200
        ended = await served.post("/workflows/o/terminate", {"requestId": "t2"})
        assert (ended.status_code, error_of(ended)["code"]) == (409, "closed")

    run(work)


def test_lists_are_merged_and_paged() -> None:
    async def work(served: Served) -> None:
        for number in range(25):
            await served.temporal.start_workflow(echo, workflow_id=f"e{number}")
        expected = [each.run_id for each in await served.direct.list_workflows()]
        found: list[str] = []
        token = ""
        while True:
            page = (await served.get("/workflows", params={"pageSize": 7, "pageToken": token})).json()
            found += [each["runId"] for each in page["executions"]]
            token = page["nextPageToken"]
            if not token:
                break
        assert found == expected
        for number in range(3):
            await served.temporal.schedule_workflow(echo, schedule_id=f"s{number}", interval="1h")
        first = (await served.get("/schedules", params={"pageSize": 2})).json()
        assert first == {"scheduleIds": ["s0", "s1"], "nextPageToken": "s1"}
        rest = (await served.get("/schedules", params={"pageSize": 2, "pageToken": "s1"})).json()
        assert rest == {"scheduleIds": ["s2"], "nextPageToken": ""}
        assert (await served.get("/workflow-count")).json() == {"count": 25}

    run(work)


def test_a_history_is_temporal_s_json_in_pages_too() -> None:
    async def work(served: Served) -> None:
        handle = await served.temporal.start_workflow(doubled, workflow_id="d", args=[2])
        assert await handle.result() == 4
        page = await served.get("/workflows/d/history")
        assert read_history(page.text).events == (await handle.fetch_history()).events
        assert page.json()["events"][0]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"
        events = []
        while True:
            found = await served.get(
                "/workflows/d/history", params={"afterEventId": len(events), "pageSize": 2}
            )
            if not found.json()["events"]:
                break
            events += found.json()["events"]
        assert events == page.json()["events"]
        plain = (await served.get("/workflows/d/history?payloads=plain")).json()["events"]
        assert plain[0]["workflowExecutionStartedEventAttributes"]["input"] == {"payloads": [2]}

    run(work)


def test_the_archive_of_a_run_and_its_versions_can_be_read() -> None:
    async def work(served: Served) -> None:
        handle = await served.temporal.start_workflow(doubled, workflow_id="d", args=[2])
        await handle.result()
        run_id = handle.first_execution_run_id
        for _ in range(200):
            archive = await served.get(f"/runs/{run_id}/archive")
            if archive.status_code == 200 and archive.json()["closed"]:
                break
            await asyncio.sleep(0.01)
        assert read_history(archive.text).events == (await handle.fetch_history()).events
        versions = (await served.get(f"/runs/{run_id}/versions")).json()["versions"]
        assert versions[-1]["lastEventId"] == archive.json()["lastEventId"]
        none = await served.get("/runs/none/archive")
        assert none.status_code in (200, 404)

    run(work)


def test_health_needs_no_token_and_the_description_is_served() -> None:
    async def work(served: Served) -> None:
        health = await served.http.get("/health", headers={"authorization": ""})
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        described = await served.http.get("/openapi.json")
        paths = described.json()["paths"]
        assert sum(len(methods) for methods in paths.values()) == len(every_operation()) + 2
        json.dumps(paths)

    run(work)


def test_a_client_finds_an_operation_for_every_message_that_handles_send() -> None:
    """The engine's client modules import these messages; a new one has to get a row or a reason here."""
    import ast
    import inspect

    from temporal_do.runtime import activity_completion, application, handles, listing, schedule_client

    no_requests = {"SignalInput", "Closed", "WorkflowDescription", "ExecutionRecord", "ScheduleDefinition"}
    no_requests |= {"ScheduleReply", "WorkflowToStart", "LEAVE_REMAINING"}
    carried = {row.message.__name__ for row in every_operation()}
    sent: set[str] = set()
    for module in (activity_completion, application, handles, listing, schedule_client):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.ImportFrom) and node.module and "messages" in node.module:
                sent |= {alias.name for alias in node.names}
    assert len(sent) > 20
    assert sent - no_requests <= carried
