"""The line to blame is the workflow's, never that of whoever steps its loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporal_do.runtime.loop import DeterministicLoop
from temporal_do.runtime.workflow.location import Location, caller, line_of


def _looked_up() -> Location:
    return caller()


def test_a_timer_of_library_code_is_not_blamed_on_the_test_that_steps_the_loop() -> None:
    found: list[Location] = []

    def start_timer(delay_ns: int, fire: Callable[[], None]) -> None:
        found.append(caller())

    loop = DeterministicLoop(now_ns=lambda: 0, start_timer=start_timer)
    loop.create_task(asyncio.sleep(1))
    loop.run_ready()
    loop.close()
    assert found == [None]


def test_the_line_of_the_workflow_is_found_from_below_the_library() -> None:
    found: list[Location] = []

    async def workflow() -> None:
        await asyncio.sleep(1)  # here

    loop = DeterministicLoop(now_ns=lambda: 0, start_timer=lambda delay_ns, fire: found.append(caller()))
    loop.create_task(workflow())
    loop.run_ready()
    loop.close()
    (where,) = found
    assert line_of(where) == ("tests/workflow/test_location.py", workflow.__code__.co_firstlineno + 1)


def test_outside_of_any_loop_the_caller_is_who_called() -> None:
    where = _looked_up()
    assert where is not None
    assert where[0].co_name == "test_outside_of_any_loop_the_caller_is_who_called"
