"""Attributes of the history events about markers.

Owns: one record per event type, fields as in Temporal's protobuf. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..records import EMPTY, record
from .values import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .failure import Failure
    from .messages import Header, Payload
    from .values import Int64


@record
class MarkerRecorded(Message):
    """A fact the workflow recorded: a local activity, a patch, a side effect, a version."""

    marker_name: str = ""
    details: Mapping[str, tuple[Payload, ...]] = attrs.field(default=EMPTY, hash=False)
    workflow_task_completed_event_id: Int64 = 0
    header: Header | None = None
    failure: Failure | None = None
