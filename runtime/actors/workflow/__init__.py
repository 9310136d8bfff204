"""WorkflowDO: the owner of every run of one workflow id.

Owns the open run's events (the truth, committed with its state), its timers, buffered signals, pending
activities and children, updates, and the requests it has seen. Invariants: at most one run is open; ids of
events have no gaps; what arrives during a workflow task is buffered; a closed run accepts no events; every
handler may see its message twice. Never calls workflow code: it hands out workflow tasks. Must not import
hosts, the shell or the executor.

    message                                     handler
    ------------------------------------------  ------------------------------------
    StartWorkflow                               starting.handle_start
    SignalWorkflow, RequestCancelWorkflow,      requests.handle_*
    TerminateWorkflow, QueryWorkflow,
    DescribeWorkflow, ReadHistory, AwaitClose
    UpdateWorkflow                              updates.handle_update
    ResetWorkflow                               resetting.handle_reset
    CompleteWorkflowTask, FailWorkflowTask      completing.handle_*
    ActivityResolved, Child*, External*         facts.*
    WorkerAvailable, Alarm, Poke                waking.*
"""

from __future__ import annotations

from .actor import WorkflowActor
from .limits import Limits

__all__ = ["Limits", "WorkflowActor"]
