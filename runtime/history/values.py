"""The kinds of fields that history records have, and the base of all of them.

Owns: aliases whose names tell the JSON codec how a field is written (`Int64` as text, `Duration` as "1.5s",
an enumeration by its full name); the codec reads the annotations as text, so a record spells them exactly so.
All times and durations are integer nanoseconds. Must not import: the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from ..records import EMPTY, record

if TYPE_CHECKING:
    from typing import TypeAlias

    from .messages import Payload

    Int64: TypeAlias = int
    Duration: TypeAlias = int
    Timestamp: TypeAlias = int
    Json: TypeAlias = Any
    Payloads: TypeAlias = tuple[Payload, ...] | None

    # Members of Temporal's enumerations by full name ("RETRY_STATE_TIMEOUT"); "" when unspecified.
    ActivityTaskFailedCauseName: TypeAlias = str
    ApplicationErrorCategoryName: TypeAlias = str
    CancelExternalWorkflowExecutionFailedCauseName: TypeAlias = str
    ContinueAsNewInitiatorName: TypeAlias = str
    ContinueAsNewVersioningBehaviorName: TypeAlias = str
    ParentClosePolicyName: TypeAlias = str
    RetryStateName: TypeAlias = str
    SignalExternalWorkflowExecutionFailedCauseName: TypeAlias = str
    StartChildWorkflowExecutionFailedCauseName: TypeAlias = str
    SuggestContinueAsNewReasonName: TypeAlias = str
    TaskQueueKindName: TypeAlias = str
    TimeoutTypeName: TypeAlias = str
    UpdateAdmittedEventOriginName: TypeAlias = str
    VersioningBehaviorName: TypeAlias = str
    WorkflowIdReusePolicyName: TypeAlias = str
    WorkflowTaskFailedCauseName: TypeAlias = str


@record
class Message:
    """Base of the history's records. `unknown` keeps the JSON fields no record knows, to be written back."""

    unknown: Mapping[str, Any] = attrs.field(default=EMPTY, hash=False)
