"""What a deployed Worker's configuration calls its parts: bindings, variables, queues.

The entry and the laptop's tools agree on these names; nothing else in this package spells one. Imports
nothing of the platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...runtime.keys import ACTIVITY, HISTORY, TASK_QUEUE, TIMER, VISIBILITY, WORKFLOW
from ...runtime.messages.activity import ACTIVITY_QUEUE

OBJECT_BINDINGS: Final[Mapping[str, str]] = {
    WORKFLOW: "WORKFLOW_DO",
    ACTIVITY: "ACTIVITY_DO",
    TASK_QUEUE: "TASK_QUEUE_DO",
    TIMER: "TIMER_DO",
    HISTORY: "HISTORY_DO",
    VISIBILITY: "VISIBILITY_DO",
}
"""Kind of object, which is also the name of its class -> the binding of its namespace."""

QUEUE_BINDINGS: Final[Mapping[str, str]] = {ACTIVITY_QUEUE: "ACTIVITY_QUEUE"}
"""The engine's queue -> the producer binding."""

DEAD_LETTER_SUFFIX: Final = "-dead"
"""A queue whose name ends so holds what the consumer of the other one has given up."""

BLOB_BINDING: Final = "BLOBS"
"""The R2 bucket."""

TOKEN_SECRET: Final = "TEMPORAL_DO_TOKEN"
"""The secret with the bearer token of the HTTP API; several, separated by white space, all count."""

EAGER_VARIABLE: Final = "TEMPORAL_DO_EAGER"
"""``"off"``: activities start from the queue only."""

ACTIVITY_ENTRYPOINT: Final = "ActivityRunner"
"""The entrypoint, in the same Worker, that runs what is started without the queue."""
