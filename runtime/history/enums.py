"""Temporal's enumerations: number and name of every value that histories may hold.

Owns: the tables, and the way from the spellings found in files (a number, the old `StartToClose`, the full
name) to the full name. A value this table does not know stays as it was read. Must not import: anything.
"""

from __future__ import annotations

from typing import Final

ENUMS: Final[dict[str, tuple[str, dict[int, str]]]] = {
    "ActivityTaskFailedCauseName": (
        "ACTIVITY_TASK_FAILED_CAUSE_",
        {
            0: "UNSPECIFIED",
            1: "PAYLOADS_TOO_LARGE",
            2: "EXTERNAL_STORAGE_FAILURE",
            3: "ACTIVITY_WORKER_UNHANDLED_FAILURE",
        },
    ),
    "ApplicationErrorCategoryName": (
        "APPLICATION_ERROR_CATEGORY_",
        {
            0: "UNSPECIFIED",
            1: "BENIGN",
        },
    ),
    "CancelExternalWorkflowExecutionFailedCauseName": (
        "CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_",
        {
            0: "UNSPECIFIED",
            1: "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND",
            2: "NAMESPACE_NOT_FOUND",
        },
    ),
    "ContinueAsNewInitiatorName": (
        "CONTINUE_AS_NEW_INITIATOR_",
        {
            0: "UNSPECIFIED",
            1: "WORKFLOW",
            2: "RETRY",
            3: "CRON_SCHEDULE",
        },
    ),
    "ContinueAsNewVersioningBehaviorName": (
        "CONTINUE_AS_NEW_VERSIONING_BEHAVIOR_",
        {
            0: "UNSPECIFIED",
            1: "AUTO_UPGRADE",
            2: "USE_RAMPING_VERSION",
        },
    ),
    "ParentClosePolicyName": (
        "PARENT_CLOSE_POLICY_",
        {
            0: "UNSPECIFIED",
            1: "TERMINATE",
            2: "ABANDON",
            3: "REQUEST_CANCEL",
        },
    ),
    "RetryStateName": (
        "RETRY_STATE_",
        {
            0: "UNSPECIFIED",
            1: "IN_PROGRESS",
            2: "NON_RETRYABLE_FAILURE",
            3: "TIMEOUT",
            4: "MAXIMUM_ATTEMPTS_REACHED",
            5: "RETRY_POLICY_NOT_SET",
            6: "INTERNAL_SERVER_ERROR",
            7: "CANCEL_REQUESTED",
        },
    ),
    "SignalExternalWorkflowExecutionFailedCauseName": (
        "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_",
        {
            0: "UNSPECIFIED",
            1: "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND",
            2: "NAMESPACE_NOT_FOUND",
            3: "SIGNAL_COUNT_LIMIT_EXCEEDED",
        },
    ),
    "StartChildWorkflowExecutionFailedCauseName": (
        "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_",
        {
            0: "UNSPECIFIED",
            1: "WORKFLOW_ALREADY_EXISTS",
            2: "NAMESPACE_NOT_FOUND",
            3: "INVALID_VERSIONING_OVERRIDE",
        },
    ),
    "SuggestContinueAsNewReasonName": (
        "SUGGEST_CONTINUE_AS_NEW_REASON_",
        {
            0: "UNSPECIFIED",
            1: "HISTORY_SIZE_TOO_LARGE",
            2: "TOO_MANY_HISTORY_EVENTS",
            3: "TOO_MANY_UPDATES",
        },
    ),
    "TaskQueueKindName": (
        "TASK_QUEUE_KIND_",
        {
            0: "UNSPECIFIED",
            1: "NORMAL",
            2: "STICKY",
            3: "WORKER_COMMANDS",
        },
    ),
    "TimeoutTypeName": (
        "TIMEOUT_TYPE_",
        {
            0: "UNSPECIFIED",
            1: "START_TO_CLOSE",
            2: "SCHEDULE_TO_START",
            3: "SCHEDULE_TO_CLOSE",
            4: "HEARTBEAT",
        },
    ),
    "UpdateAdmittedEventOriginName": (
        "UPDATE_ADMITTED_EVENT_ORIGIN_",
        {
            0: "UNSPECIFIED",
            1: "REAPPLY",
        },
    ),
    "VersioningBehaviorName": (
        "VERSIONING_BEHAVIOR_",
        {
            0: "UNSPECIFIED",
            1: "PINNED",
            2: "AUTO_UPGRADE",
        },
    ),
    "WorkflowIdReusePolicyName": (
        "WORKFLOW_ID_REUSE_POLICY_",
        {
            0: "UNSPECIFIED",
            1: "ALLOW_DUPLICATE",
            2: "ALLOW_DUPLICATE_FAILED_ONLY",
            3: "REJECT_DUPLICATE",
            4: "TERMINATE_IF_RUNNING",
        },
    ),
    "WorkflowTaskFailedCauseName": (
        "WORKFLOW_TASK_FAILED_CAUSE_",
        {
            0: "UNSPECIFIED",
            1: "UNHANDLED_COMMAND",
            2: "BAD_SCHEDULE_ACTIVITY_ATTRIBUTES",
            3: "BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES",
            4: "BAD_START_TIMER_ATTRIBUTES",
            5: "BAD_CANCEL_TIMER_ATTRIBUTES",
            6: "BAD_RECORD_MARKER_ATTRIBUTES",
            7: "BAD_COMPLETE_WORKFLOW_EXECUTION_ATTRIBUTES",
            8: "BAD_FAIL_WORKFLOW_EXECUTION_ATTRIBUTES",
            9: "BAD_CANCEL_WORKFLOW_EXECUTION_ATTRIBUTES",
            10: "BAD_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_ATTRIBUTES",
            11: "BAD_CONTINUE_AS_NEW_ATTRIBUTES",
            12: "START_TIMER_DUPLICATE_ID",
            13: "RESET_STICKY_TASK_QUEUE",
            14: "WORKFLOW_WORKER_UNHANDLED_FAILURE",
            15: "BAD_SIGNAL_WORKFLOW_EXECUTION_ATTRIBUTES",
            16: "BAD_START_CHILD_EXECUTION_ATTRIBUTES",
            17: "FORCE_CLOSE_COMMAND",
            18: "FAILOVER_CLOSE_COMMAND",
            19: "BAD_SIGNAL_INPUT_SIZE",
            20: "RESET_WORKFLOW",
            21: "BAD_BINARY",
            22: "SCHEDULE_ACTIVITY_DUPLICATE_ID",
            23: "BAD_SEARCH_ATTRIBUTES",
            24: "NON_DETERMINISTIC_ERROR",
            25: "BAD_MODIFY_WORKFLOW_PROPERTIES_ATTRIBUTES",
            26: "PENDING_CHILD_WORKFLOWS_LIMIT_EXCEEDED",
            27: "PENDING_ACTIVITIES_LIMIT_EXCEEDED",
            28: "PENDING_SIGNALS_LIMIT_EXCEEDED",
            29: "PENDING_REQUEST_CANCEL_LIMIT_EXCEEDED",
            30: "BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE",
            31: "UNHANDLED_UPDATE",
            32: "BAD_SCHEDULE_NEXUS_OPERATION_ATTRIBUTES",
            33: "PENDING_NEXUS_OPERATIONS_LIMIT_EXCEEDED",
            34: "BAD_REQUEST_CANCEL_NEXUS_OPERATION_ATTRIBUTES",
            35: "FEATURE_DISABLED",
            36: "GRPC_MESSAGE_TOO_LARGE",
            37: "PAYLOADS_TOO_LARGE",
            38: "EXTERNAL_STORAGE_FAILURE",
            39: "WORKFLOW_PAUSE_REQUESTED_BEFORE_TASK_STARTED",
            40: "REQUEST_TOO_LARGE",
        },
    ),
}
