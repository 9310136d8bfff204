"""The VisibilityDO: newest version wins, lists come newest first, pages fit together."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.actor import Ok, Refusal
from temporal_do.runtime.actors import ACTORS
from temporal_do.runtime.keys import VISIBILITY, visibility_key, workflow_key
from temporal_do.runtime.messages.visibility import (
    CountExecutions,
    ExecutionRecord,
    ForgetExecution,
    ListAwake,
    ListExecutions,
    RecordExecution,
    RunsAtRest,
)

from .driver import Driver


def execution(run_id: str, **changes: Any) -> ExecutionRecord:
    fields = {
        "namespace": "default",
        "workflow_id": f"w-{run_id}",
        "run_id": run_id,
        "workflow_type": "order",
        "task_queue": "main",
        "status": "WORKFLOW_EXECUTION_STATUS_RUNNING",
        "start_ns": 100,
        "version": 1,
    }
    return ExecutionRecord(**{**fields, **changes})


def shard(*executions: ExecutionRecord) -> Driver:
    driver = Driver(ACTORS[VISIBILITY], visibility_key("default", 0))
    for found in executions:
        assert driver.send(RecordExecution(execution=found)) == Ok()
    return driver


def listed(driver: Driver, **changes: Any) -> list[str]:
    return [found.run_id for found in driver.send(ListExecutions(**changes)).executions]


def test_an_older_version_never_replaces_a_newer_one() -> None:
    done = execution("r1", version=3, status="WORKFLOW_EXECUTION_STATUS_COMPLETED", close_ns=200)
    driver = shard(execution("r1", version=2), done, execution("r1", version=2), execution("r1", version=1))
    assert driver.send(ListExecutions()).executions == (done,)
    assert driver.alarm_ns is None


def test_lists_come_newest_first_and_ties_by_run_id() -> None:
    driver = shard(execution("b", start_ns=5), execution("a", start_ns=5), execution("c", start_ns=9))
    assert listed(driver) == ["c", "a", "b"]
    driver.reload()
    assert listed(driver) == ["c", "a", "b"]


def test_filters_select_and_count() -> None:
    kinds = ("even", "odd")
    driver = shard(*(execution(str(n), start_ns=n, workflow_type=kinds[n % 2]) for n in range(6)))
    assert listed(driver, query="WorkflowType = 'odd'") == ["5", "3", "1"]
    assert driver.send(CountExecutions(query="WorkflowType = 'odd' AND StartTime > 1")).count == 2
    assert driver.send(CountExecutions()).count == 6


def test_a_filter_that_cannot_be_read_is_refused_with_its_reason() -> None:
    driver = shard()
    for message in (ListExecutions(query="Nonsense"), CountExecutions(query="Nonsense")):
        reply = driver.send(message)
        assert type(reply) is Refusal
        assert reply.code == "invalid_query" and "position 9" in reply.message
    reply = driver.send(ListExecutions(page_token="x"))
    assert type(reply) is Refusal and "page token" in reply.message


def test_a_forgotten_run_is_not_listed() -> None:
    driver = shard(execution("r1"), execution("r2"))
    driver.send(ForgetExecution(run_id="r1"))
    driver.send(ForgetExecution(run_id="r1"))
    assert listed(driver) == ["r2"]


def test_the_object_of_a_forgotten_run_is_swept_until_it_is_found_at_rest() -> None:
    driver = shard(execution("r1", version=2, close_ns=200))
    driver.send(ForgetExecution(run_id="r1"))
    awake = driver.send(ListAwake())
    assert awake.keys == (workflow_key("default", "w-r1"),)

    driver.send(RunsAtRest(run_ids=("r1",)))  # said by a sweep that began before the run was forgotten
    assert driver.send(ListAwake()) == awake
    driver.send(RunsAtRest(run_ids=awake.closed_run_ids))
    assert driver.send(ListAwake()).keys == ()

    driver.send(ForgetExecution(run_id="r1"))  # a late repeat
    assert driver.send(ListAwake()).keys == ()


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 3), max_size=20),
    st.integers(1, 7),
)
def test_pages_together_are_the_list(starts: dict[str, int], page_size: int) -> None:
    driver = shard(*(execution(run_id, start_ns=start_ns) for run_id, start_ns in starts.items()))
    found: list[str] = []
    token = ""
    while True:
        page = driver.send(ListExecutions(page_size=page_size, page_token=token))
        found += [entry.run_id for entry in page.executions]
        token = page.next_page_token
        if not token:
            break
        assert len(page.executions) == page_size
    assert found == sorted(starts, key=lambda run_id: (-starts[run_id], run_id))
