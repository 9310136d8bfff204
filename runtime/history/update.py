"""Attributes of the history events about updates.

Owns: one record per event type, fields as in Temporal's protobuf. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..records import record
from .values import Message

if TYPE_CHECKING:
    from .failure import Failure
    from .messages import Header
    from .values import Int64, Json, Payloads, UpdateAdmittedEventOriginName


@record
class UpdateMeta(Message):
    """Who asked for an update, under which id."""

    update_id: str = ""
    identity: str = ""


@record
class UpdateInput(Message):
    """The handler an update is for, and its arguments."""

    header: Header | None = None
    name: str = ""
    args: Payloads = None


@record
class UpdateRequest(Message):
    """An update as it was requested."""

    meta: UpdateMeta | None = None
    input: UpdateInput | None = None
    request_id: str = ""
    completion_callbacks: tuple[Json, ...] = attrs.field(default=(), hash=False)
    links: tuple[Json, ...] = attrs.field(default=(), hash=False)
    propagated_nexus_serialization_context: Json = attrs.field(default=None, hash=False)


@record
class UpdateOutcome(Message):
    """How an update ended: `success` or `failure`."""

    success: Payloads = None
    failure: Failure | None = None


@record
class WorkflowExecutionUpdateAccepted(Message):
    """The validator let the update pass."""

    protocol_instance_id: str = ""
    accepted_request_message_id: str = ""
    accepted_request_sequencing_event_id: Int64 = 0
    accepted_request: UpdateRequest | None = None


@record
class WorkflowExecutionUpdateRejected(Message):
    """The validator refused the update."""

    protocol_instance_id: str = ""
    rejected_request_message_id: str = ""
    rejected_request_sequencing_event_id: Int64 = 0
    rejected_request: UpdateRequest | None = None
    failure: Failure | None = None


@record
class WorkflowExecutionUpdateCompleted(Message):
    """The update handler finished, one way or the other."""

    meta: UpdateMeta | None = None
    accepted_event_id: Int64 = 0
    outcome: UpdateOutcome | None = None


@record
class WorkflowExecutionUpdateAdmitted(Message):
    """An update is waiting for its validator."""

    request: UpdateRequest | None = None
    origin: UpdateAdmittedEventOriginName = ""
