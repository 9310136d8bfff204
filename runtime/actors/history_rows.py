"""The rows of a HistoryDO, and what follows from them. Records and queries only; must not import a host."""

from __future__ import annotations

from typing import Final

from ..actor import State
from ..archiving import DEFAULT, ArchivePolicy
from ..host import Tables
from ..keys import encode_part
from ..records import record

META: Final = "meta"
RUN: Final = "run"
EVENT: Final = "event"
VERSION: Final = "version"


@record
class ArchivedRun:
    """Which run this is, how far its archive goes, and where it lies.

    ``blob_key`` and ``blob_hash`` name the object that holds the events once it does; the rows are gone then.
    ``problem``: why that object will never be theirs, so that the rows stay.
    """

    namespace: str
    workflow_id: str
    run_id: str
    last_event_id: int = 0
    version_count: int = 0
    closed: bool = False
    closed_ns: int = 0
    size_bytes: int = 0
    archive: ArchivePolicy | None = None
    blob_key: str = ""
    blob_hash: str = ""
    problem: str = ""
    expires_ns: int = 0
    """When the archive is to be deleted, or that is to be tried again; 0: never."""

    @property
    def is_to_be_stored(self) -> bool:
        """Do the events belong into the object store, and are not there yet?"""
        policy = DEFAULT if self.archive is None else self.archive
        return self.closed and not (self.blob_key or self.problem) and policy.stores(self.size_bytes)


class HistoryState(State):
    """One archive's rows: tables ``event`` by id and ``version`` by number, and row ``run`` of ``meta``."""

    __slots__ = ("reads", "storing")

    def __init__(self, key: str, tables: Tables) -> None:
        super().__init__(key, tables)
        self.storing = False
        """The events are on their way to the object store. In memory only, as the task is."""
        self.reads: dict[str, tuple[int, int]] = {}
        """Token of a read that waits for the object store -> first and last event id."""

    @property
    def run(self) -> ArchivedRun | None:
        """The run, once anything was appended."""
        return self.get(META, RUN)


def history_path(workflow_id: str) -> str:
    """The path of the file that shows a workflow's history."""
    return f"/.temporal/workflows/{encode_part(workflow_id)}/history.json"


def blob_key(run: ArchivedRun) -> str:
    """Where in the object store the history of a run lies."""
    return f"history/{encode_part(run.namespace)}/{run.run_id}.json"
