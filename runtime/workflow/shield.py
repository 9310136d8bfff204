"""The scope in which a cancellation request of the workflow waits.

Invariant: the request is delivered once, when the last scope that was open at its arrival has ended. Other
cancellations (a timeout's, a task group's) are not held back. Imports no machine.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from .timers import yield_once

if TYPE_CHECKING:
    from .instance import WorkflowRun


class Shield:
    """``async with ctx.shielded():`` -- the workflow's cancellation is delivered after the block."""

    __slots__ = ("_run",)

    def __init__(self, run: WorkflowRun) -> None:
        self._run = run

    async def __aenter__(self) -> None:
        self._run.shields += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        run = self._run
        run.shields -= 1
        if run.shields == 0 and run.cancel_waiting and run.alive:
            run.cancel_waiting = False
            run.cancel_main()
            if error is None:
                # The cancellation arrives at the next await: let that be here, at the end of the block.
                await yield_once()
