"""Messages that occur inside event attributes.

Owns: one record per protobuf message the engine reads; the others stay raw JSON in the attributes that hold
them. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ..records import EMPTY, record
from .values import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .values import Duration, TaskQueueKindName


@record
class Payload(Message):
    """One value as bytes; `metadata["encoding"]` says how to read them."""

    metadata: Mapping[str, bytes] = attrs.field(default=EMPTY, hash=False)
    data: bytes = b""


@record
class UserMetadata(Message):
    """Texts for people: `summary` is the name of a step."""

    summary: Payload | None = None
    details: Payload | None = None


@record
class WorkflowType(Message):
    """The registered name of a workflow."""

    name: str = ""


@record
class ActivityType(Message):
    """The registered name of an activity."""

    name: str = ""


@record
class WorkflowExecutionRecord(Message):
    """Names one run of a workflow."""

    workflow_id: str = ""
    run_id: str = ""


@record
class TaskQueueRecord(Message):
    """Names a task queue."""

    name: str = ""
    kind: TaskQueueKindName = ""
    normal_name: str = ""


@record
class RetryPolicyRecord(Message):
    """A retry policy as history records it."""

    initial_interval: Duration | None = None
    backoff_coefficient: float = 0.0
    maximum_interval: Duration | None = None
    maximum_attempts: int = 0
    non_retryable_error_types: tuple[str, ...] = ()


@record
class Memo(Message):
    """Values kept with an execution for those who list it."""

    fields: Mapping[str, Payload] = attrs.field(default=EMPTY, hash=False)


@record
class SearchAttributes(Message):
    """Values by which executions are found."""

    indexed_fields: Mapping[str, Payload] = attrs.field(default=EMPTY, hash=False)


@record
class Header(Message):
    """Values that travel along a call chain."""

    fields: Mapping[str, Payload] = attrs.field(default=EMPTY, hash=False)


@record
class Priority(Message):
    """How urgent a task is among others of its queue."""

    priority_key: int = 0
    fairness_key: str = ""
    fairness_weight: float = 0.0


@record
class SdkMetadata(Message):
    """Which SDK completed a workflow task, and the flags it used."""

    core_used_flags: tuple[int, ...] = ()
    lang_used_flags: tuple[int, ...] = ()
    sdk_name: str = ""
    sdk_version: str = ""
