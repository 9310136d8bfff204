"""What can end a workflow task early, inside the workflow side. The public errors are in the room's
``errors``.
"""

from __future__ import annotations

from ..errors import TemporalError


class StaleRun(Exception):
    """A cached run went another way than the history: it must be rebuilt. Never leaves the executor."""


class WorkflowCodeError(Exception):
    """User code raised what does not fail a workflow; ``error`` is it. Never leaves the executor."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class CommandInReadOnlyError(TemporalError):
    """A query handler or update validator tried to change the workflow."""

    fault = "user"
