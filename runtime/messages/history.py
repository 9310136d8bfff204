"""What a HistoryDO (the archive of one run) is told and what it answers. Records only."""

from __future__ import annotations

from ..archiving import ArchivePolicy
from ..history import HistoryEvent
from ..records import record


@record
class AppendEvents:
    """Events of one run, in order. Appending an event id that is there already changes nothing.

    The last batch of a run is acknowledged when its archive lies where it is to stay.
    """

    namespace: str
    workflow_id: str
    run_id: str
    events: tuple[HistoryEvent, ...]
    closed: bool = False
    """True with the last events of the run."""
    size_bytes: int = 0
    """With the last events: the size of the whole history."""
    archive: ArchivePolicy | None = None
    """With the last events: where the archive is to lie, and for how long (None: the default)."""


@record
class ReadArchive:
    """Read events after ``after_event_id``; at most ``event_count_max`` of them (0: all).

    The reply's ``last_event_id`` says whether there are more.
    """

    after_event_id: int = 0
    event_count_max: int = 0


@record
class ReadVersions:
    """Read the version log of the run's history file: one entry per append."""


@record
class ArchiveVersion:
    """One version of the file: the run's history up to ``last_event_id`` as of ``appended_ns``."""

    number: int
    last_event_id: int
    appended_ns: int
    path: str


@record
class ArchiveReply:
    """What the archive holds: ``events`` as asked for, up to the archive's own ``last_event_id``."""

    run_id: str = ""
    workflow_id: str = ""
    events: tuple[HistoryEvent, ...] = ()
    closed: bool = False
    versions: tuple[ArchiveVersion, ...] = ()
    last_event_id: int = 0
    blob_key: str = ""
    """Where in the object store the events lie; "": in rows."""
    problem: str = ""
    """Why they do not lie in the object store although they should; "" if nothing is wrong."""
