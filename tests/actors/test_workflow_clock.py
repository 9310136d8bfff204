"""The time of a run when its object moves to a machine whose clock is behind."""

from __future__ import annotations

from temporal_do.runtime.actors.workflow.actor import WorkflowActor
from temporal_do.runtime.durations import SECOND
from temporal_do.runtime.keys import workflow_key
from temporal_do.runtime.messages.workflow import ReadHistory, SignalInput, SignalWorkflow, StartWorkflow
from tests.actors.driver import Driver

AHEAD_NS = 1_000 * SECOND
BEHIND_NS = 910 * SECOND


def signal(number: int) -> SignalWorkflow:
    given = SignalInput(request_id=f"signal-{number}", signal_name="hello", input=(), identity="test")
    return SignalWorkflow(signal=given, run_id="")


def test_the_time_in_a_history_never_goes_back() -> None:
    driver = Driver(WorkflowActor(), workflow_key("default", "w"), now=AHEAD_NS)
    driver.send(
        StartWorkflow(
            request_id="start",
            run_id="00000000-0000-4000-8000-000000000001",
            namespace="default",
            workflow_id="w",
            workflow_type="watchman",
            task_queue="main",
            input=(),
        )
    )
    driver.send(signal(1))
    driver.reload()
    driver.now = BEHIND_NS
    driver.send(signal(2))
    driver.now = AHEAD_NS + SECOND
    driver.send(signal(3))
    times = [event.event_time for event in driver.send(ReadHistory(run_id="", after_event_id=0)).events]
    assert times == sorted(times)
    assert times[-3:] == [AHEAD_NS, AHEAD_NS, AHEAD_NS + SECOND]
