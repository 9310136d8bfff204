"""The TaskQueueDO: what waits for a worker moves when one comes, whatever the order of the news."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.actor import Alarm
from temporal_do.runtime.actors import ACTORS
from temporal_do.runtime.keys import TASK_QUEUE, task_queue_key
from temporal_do.runtime.messages.activity import ActivityParked, ActivityTask, DispatchActivity
from temporal_do.runtime.messages.task_queue import (
    ParkActivityTask,
    ParkWorkflowTask,
    WorkerStarted,
    WorkerStopped,
)
from temporal_do.runtime.messages.workflow import WorkerAvailable

from .driver import Driver

SECOND = 10**9
HOUR = 3600 * SECOND


def queue() -> Driver:
    return Driver(ACTORS[TASK_QUEUE], task_queue_key("default", "main"), now=10**18)


def started(identity: str = "w1") -> WorkerStarted:
    return WorkerStarted(namespace="default", task_queue="main", identity=identity)


def stopped(identity: str = "w1") -> WorkerStopped:
    return WorkerStopped(namespace="default", task_queue="main", identity=identity)


def activity_task(name: str, token: str = "t1") -> ParkActivityTask:
    key = f"ActivityDO/default/{name}"
    task = ActivityTask(namespace="default", task_queue="main", activity_key=key, token=token)
    return ParkActivityTask(task=task)


def moved(driver: Driver) -> list[tuple[str, Any]]:
    found = [(entry.receiver, entry.body) for entry in driver.sent if type(entry.body) is not ActivityParked]
    driver.sent.clear()
    return found


def test_a_worker_releases_everything_that_was_parked_oldest_first() -> None:
    driver = queue()
    driver.send(ParkWorkflowTask(workflow_key="WorkflowDO/default/b"))
    driver.now += 1
    driver.send(ParkWorkflowTask(workflow_key="WorkflowDO/default/a"))
    driver.send(activity_task("x"))
    driver.send(ParkWorkflowTask(workflow_key="WorkflowDO/default/b"))
    assert driver.alarm_ns is None
    driver.reload()
    driver.send(started())
    assert moved(driver) == [
        ("WorkflowDO/default/b", WorkerAvailable(task_queue="main")),
        ("WorkflowDO/default/a", WorkerAvailable(task_queue="main")),
        ("ActivityDO/default/x", DispatchActivity(token="t1")),
    ]
    driver.send(started())
    assert moved(driver) == []
    assert driver.alarm_ns is None


def test_a_parked_activity_is_told_once_and_a_newer_attempt_replaces_an_older() -> None:
    driver = queue()
    for token in ("t1", "t1", "t2"):
        driver.send(activity_task("x", token))
    assert [parked.token for parked in driver.take(ActivityParked)] == ["t1", "t2"]
    driver.send(started())
    assert moved(driver) == [("ActivityDO/default/x", DispatchActivity(token="t2"))]


def test_what_is_parked_after_the_announcement_is_released_soon() -> None:
    driver = queue()
    driver.send(started())
    driver.now += 1000 * HOUR
    driver.send(ParkWorkflowTask(workflow_key="WorkflowDO/default/late"))
    assert driver.alarm_ns == driver.now + 5 * SECOND
    driver.wake()
    assert moved(driver) == [("WorkflowDO/default/late", WorkerAvailable(task_queue="main"))]
    assert driver.alarm_ns is None


def test_a_worker_that_died_silently_costs_less_and_less() -> None:
    driver = queue()
    driver.send(started())
    waits = []
    for _ in range(12):
        driver.send(activity_task("x"))
        before = driver.now
        driver.wake()
        waits.append((driver.now - before) // SECOND)
        assert len(moved(driver)) == 1
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 3600
    driver.send(started())
    driver.send(activity_task("x"))
    assert driver.alarm_ns == driver.now + 5 * SECOND


def test_without_workers_nothing_is_released_and_nothing_wakes() -> None:
    driver = queue()
    driver.send(started("w1"))
    driver.send(started("w2"))
    driver.send(activity_task("x"))
    driver.send(stopped("w1"))
    assert driver.alarm_ns is not None
    driver.send(stopped("w2"))
    assert driver.alarm_ns is None
    driver.send(Alarm(scheduled_ns=driver.now))
    assert moved(driver) == []


steps = st.one_of(
    st.builds(ParkWorkflowTask, workflow_key=st.sampled_from(["WorkflowDO/default/a", "WorkflowDO/n/b"])),
    st.builds(activity_task, st.sampled_from(["x", "y"]), st.sampled_from(["t1", "t2"])),
    st.builds(started, st.sampled_from(["w1", "w2"])),
    st.builds(stopped, st.sampled_from(["w1", "w2"])),
    st.just("wake"),
    st.just("reload"),
)


@given(st.lists(steps, max_size=30))
def test_nothing_stays_parked_while_a_worker_polls(events: list[Any]) -> None:
    driver = queue()
    for event in events:
        if event == "wake":
            if driver.alarm_ns is not None:
                driver.wake()
        elif event == "reload":
            driver.reload()
        else:
            driver.send(event)
        parked = driver.tables.get("workflow") or driver.tables.get("activity")
        assert (driver.alarm_ns is not None) == bool(parked and driver.tables.get("worker"))
