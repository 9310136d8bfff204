"""What a workflow can know about itself: ``ctx.info``. Reads the run; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..instants import to_datetime
from ..search_attributes import decode_search_attribute

if TYPE_CHECKING:
    from ..history.workflow import WorkflowExecutionStarted
    from .instance import WorkflowRun


class WorkflowInfo:
    """Facts about the run; always those of the workflow task being processed."""

    __slots__ = ("_run",)

    def __init__(self, run: WorkflowRun) -> None:
        self._run = run

    @property
    def _started(self) -> WorkflowExecutionStarted:
        started = self._run.started
        if started is None:
            raise RuntimeError("the run has not started")
        return started

    @property
    def namespace(self) -> str:
        """The namespace."""
        return self._run.namespace

    @property
    def workflow_id(self) -> str:
        """The workflow's id."""
        return self._run.workflow_id

    @property
    def run_id(self) -> str:
        """The id of this run."""
        return self._run.run_id

    @property
    def first_run_id(self) -> str:
        """The id of the first run of the chain that continue-as-new and retries made."""
        return self._started.first_execution_run_id or self._run.run_id

    @property
    def original_run_id(self) -> str:
        """The id of the run that this one was reset from, or this run's."""
        return self._started.original_execution_run_id or self._run.run_id

    @property
    def continued_run_id(self) -> str | None:
        """The run that continued as this one."""
        return self._started.continued_execution_run_id or None

    @property
    def workflow_type(self) -> str:
        """The workflow's registered name."""
        return self._run.definition.name

    @property
    def task_queue(self) -> str:
        """The task queue of the workflow's own tasks."""
        return self._run.task_queue

    @property
    def attempt(self) -> int:
        """Which attempt of the workflow's retry policy this run is, from 1."""
        return self._started.attempt or 1

    @property
    def start_time(self) -> datetime:
        """When the code began to run (the time of its first workflow task), in UTC."""
        return to_datetime(self._run.start_ns or 0)

    @property
    def parent_workflow_id(self) -> str | None:
        """The parent's workflow id; None for a workflow that is no child."""
        parent = self._started.parent_workflow_execution
        return parent.workflow_id if parent is not None else None

    @property
    def parent_run_id(self) -> str | None:
        """The parent's run id."""
        parent = self._started.parent_workflow_execution
        return parent.run_id if parent is not None else None

    @property
    def execution_timeout(self) -> timedelta | None:
        """The limit for the whole chain of runs."""
        return _duration(self._started.workflow_execution_timeout)

    @property
    def run_timeout(self) -> timedelta | None:
        """The limit for this run."""
        return _duration(self._started.workflow_run_timeout)

    @property
    def cron_schedule(self) -> str:
        """The cron schedule the run was started with, or ""."""
        return self._started.cron_schedule

    @property
    def history_length(self) -> int:
        """How many events the history had when this workflow task started."""
        return self._run.history_length

    @property
    def suggest_continue_as_new(self) -> bool:
        """Has the history become so long that the run should continue as new?"""
        return self._run.suggest_continue_as_new

    @property
    def is_replaying(self) -> bool:
        """Is the code being replayed? For logging only: what depends on it is not deterministic."""
        return self._run.replaying

    @property
    def cancel_requested(self) -> bool:
        """Was the workflow asked to cancel?"""
        return self._run.cancel_requested

    @property
    def memo(self) -> Mapping[str, Any]:
        """The memo, changes by ``upsert_memo`` included."""
        started = self._started.memo
        fields = dict(started.fields) if started is not None else {}
        fields.update((self._run.memo or {}).get("memo", {}))
        values = {key: self._run.converter.from_payload(value) for key, value in fields.items()}
        return {key: value for key, value in values.items() if value is not None}

    @property
    def search_attributes(self) -> Mapping[str, Any]:
        """The search attributes, changes by ``upsert_search_attributes`` included."""
        started = self._started.search_attributes
        fields = dict(started.indexed_fields) if started is not None else {}
        fields.update((self._run.memo or {}).get("search", {}))
        values = {key: decode_search_attribute(value) for key, value in fields.items()}
        return {key: value for key, value in values.items() if value is not None}


def _duration(duration_ns: int | None) -> timedelta | None:
    return timedelta(microseconds=duration_ns // 1000) if duration_ns else None
