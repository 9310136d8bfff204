"""Brings the histories of an application into a folder, over any client of it.

Owns what is selected, the order of the work, what is fetched again, and what becomes of a run that cannot be
had. Invariants: nothing that lies in the folder closed and with the same settings is fetched again; what a
history's own end says counts, not what the list said before; when the application goes away, what is there
stays and the next fetch goes on from it.

Must not import: a host, the network, another adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from ...runtime.durations import SECOND
from ...runtime.errors import WorkflowNotFoundError
from ...runtime.history import write_history
from ...runtime.history.events import STATUS_OF_CLOSE
from ...runtime.instants import to_datetime
from ...runtime.listing import has_status, has_type, list_records
from ...runtime.policies import WorkflowStatus, status_word
from .fetch_folder import RUNNING, Entry, Folder, file_name

if TYPE_CHECKING:
    from ...runtime.application import Temporal
    from ...runtime.history import History
    from ...runtime.messages.visibility import ExecutionRecord

AT_ONCE: Final = 8
"""So many histories are under way at once: most of the time is the way there and back."""
FIRST_ANSWER_NS: Final = 10 * SECOND
"""An application that has not answered at all is waited for no longer; one that has, as everywhere else."""


@attrs.frozen(kw_only=True)
class Selection:
    """Which runs: of these statuses and types (none: of any), that were open at ``since_ns`` (since the Unix
    epoch) or later; of these the ``limit`` that were started last."""

    statuses: tuple[WorkflowStatus, ...] = ()
    workflow_types: tuple[str, ...] = ()
    since_ns: int | None = None
    limit: int | None = None

    def query(self) -> str:
        """The list filter that says so."""
        parts = []
        if self.statuses:
            parts.append(has_status(*self.statuses))
        if self.workflow_types:
            parts.append(has_type(*self.workflow_types))
        if self.since_ns is not None:
            moment = to_datetime(self.since_ns).isoformat()
            parts.append(f"({has_status(WorkflowStatus.RUNNING)} OR CloseTime >= '{moment}')")
        return " AND ".join(parts)


@attrs.frozen(kw_only=True)
class Made:
    """What is to be written of a history; ``history`` None: nothing, and ``problem`` says why."""

    history: History | None
    problem: str = ""
    facts: Any = None


@attrs.define(kw_only=True)
class FetchReport:
    """What became of the runs that were selected."""

    selected: int = 0
    fetched: list[Entry] = attrs.Factory(list)
    unchanged: int = 0
    gone: list[str] = attrs.Factory(list)
    """Run ids of those whose retention ended between the list and the fetch."""
    refused: list[tuple[Entry, Made]] = attrs.Factory(list)
    """Runs whose history was had and not written."""

    @property
    def events(self) -> int:
        """How many events were fetched and written."""
        return sum(entry.events for entry in self.fetched)

    @property
    def done(self) -> int:
        """How many of the selected runs need nothing more."""
        return len(self.fetched) + self.unchanged + len(self.gone) + len(self.refused)


def as_they_are(history: History) -> Made:
    """Nothing is changed."""
    return Made(history=history)


async def list_runs(temporal: Temporal, selection: Selection) -> list[ExecutionRecord]:
    """The selected runs, newest start first. Raises InvalidArgumentError for a bad filter, HostError."""
    return await list_records(temporal, selection.query(), selection.limit, first_answer_ns=FIRST_ANSWER_NS)


async def fetch_histories(
    temporal: Temporal,
    folder: Folder,
    selection: Selection,
    report: FetchReport,
    *,
    settings: str = "",
    make: Callable[[History], Made] = as_they_are,
    on_progress: Callable[[FetchReport], object] = lambda report: None,
) -> None:
    """Fetch what is selected into ``folder`` and note it in ``report``, which holds even when this raises.

    ``make`` says what is written of a history, and ``settings`` with what; ``on_progress`` is called after
    each. Raises HostError when the application cannot be reached (any more), InvalidArgumentError for a bad
    filter, OSError.
    """
    runs = await list_runs(temporal, selection)
    report.selected = len(runs)
    wanted = [run for run in runs if not folder.is_current(run.workflow_id, run.run_id, settings)]
    report.unchanged = len(runs) - len(wanted)
    on_progress(report)
    queue = iter(wanted)

    async def work() -> None:
        for run in queue:
            await _fetch(temporal, folder, run, report, settings, make)
            on_progress(report)

    await _all(tuple(asyncio.ensure_future(work()) for _ in range(min(AT_ONCE, len(wanted)))))


async def _all(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Wait for all; the first that fails ends the others."""
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fetch(
    temporal: Temporal,
    folder: Folder,
    run: ExecutionRecord,
    report: FetchReport,
    settings: str,
    make: Callable[[History], Made],
) -> None:
    try:
        history = await temporal.get_handle(run.workflow_id, run.run_id).fetch_history()
    except WorkflowNotFoundError:
        report.gone.append(run.run_id)
        return
    made = make(history)
    data = b"" if made.history is None else write_history(made.history).encode() + b"\n"
    entry = Entry(
        workflow_id=run.workflow_id,
        run_id=run.run_id,
        workflow_type=run.workflow_type,
        status=status_of(history),
        events=len(history.events),
        bytes=len(data),
        file=file_name(run.workflow_id, run.run_id),
        settings=settings,
    )
    if made.history is None:
        folder.drop_others(run.workflow_id, run.run_id, settings)
        report.refused.append((entry, made))
        return
    folder.put(entry, data)
    report.fetched.append(entry)


def status_of(history: History) -> str:
    """A word for the state in which the history leaves its run: "running", "completed", "timed out", ..."""
    last = history.events[-1].event_type if history.events else ""
    return status_word(STATUS_OF_CLOSE[last]) if last in STATUS_OF_CLOSE else RUNNING
