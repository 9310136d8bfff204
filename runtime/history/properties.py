"""Attributes of the history events about search attributes and the memo.

Owns: one record per event type, fields as in Temporal's protobuf. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..records import record
from .values import Message

if TYPE_CHECKING:
    from .messages import Memo, SearchAttributes
    from .values import Int64


@record
class UpsertWorkflowSearchAttributes(Message):
    """The workflow set search attributes."""

    workflow_task_completed_event_id: Int64 = 0
    search_attributes: SearchAttributes | None = None


@record
class WorkflowPropertiesModified(Message):
    """The workflow changed its memo."""

    workflow_task_completed_event_id: Int64 = 0
    upserted_memo: Memo | None = None
