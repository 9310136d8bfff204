"""What a deployed Worker of this project consists of, and what the platform allows.

Owns the names that the configuration, the entry and the checks share, and the platform's limits with where
they come from. Invariant: ``edge init`` writes from these tables and ``edge check`` compares with them, so
that the one never writes what the other refuses. Data only.
"""

from __future__ import annotations

from typing import Final

import attrs

from ...runtime.keys import ACTIVITY, HISTORY, TASK_QUEUE, TIMER, VISIBILITY, WORKFLOW

COMPATIBILITY_DATE: Final = "2026-09-08"
"""From this date on Python Workers are CPython 3.14, which the engine's event loop is tested on there."""
PYTHON_FLAG: Final = "python_workers"
COMPATIBILITY_FLAGS: Final[tuple[tuple[str, str], ...]] = (
    (PYTHON_FLAG, "the platform would not run Python"),
    (
        "queue_consumer_no_wait_for_wait_until",
        "a batch would not be over before its longest activity is, and hold up the queue",
    ),
    (
        "enable_request_signal",
        "a task would be given to an external worker that has just gone, and come back after 10 s only",
    ),
)
"""Flag, and what happens without it."""
LOCAL_ONLY_FLAG: Final = "python_workers_development"
"""Reads Python from a folder beside the local binary; the platform refuses it."""
OLDER_PYTHON_FLAGS: Final = ("python_workers_20250116", "no_python_workers_314")
"""They choose an older CPython whatever the date says."""

CONFIG: Final = "wrangler.jsonc"
OTHER_CONFIGS: Final = ("wrangler.json", "wrangler.toml")
"""The deploy tool reads these too."""
SECRETS_FILE: Final = ".dev.vars"
TOKEN: Final = "TEMPORAL_DO_TOKEN"
"""The secret that holds the bearer token of the HTTP API, or several with blanks between."""
TOKEN_LENGTH_MIN: Final = 20
ENTRY: Final = "edge_entry.py"
FETCH_HANDLER: Final = "Default"
"""The class that the platform gives requests, queue batches and cron triggers."""
RUNNER: Final = "ActivityRunner"
"""The class that runs activities which are started without the queue."""
BASE: Final = "Edge"
"""What the user's ``Default`` derives from."""


@attrs.frozen(kw_only=True)
class ObjectClass:
    """A Durable Object class, and the binding the host looks it up by."""

    binding: str
    name: str


OBJECT_CLASSES: Final = (  # the Worker's own tables of names are the same; the tests compare them
    ObjectClass(binding="WORKFLOW_DO", name=WORKFLOW),
    ObjectClass(binding="ACTIVITY_DO", name=ACTIVITY),
    ObjectClass(binding="TASK_QUEUE_DO", name=TASK_QUEUE),
    ObjectClass(binding="TIMER_DO", name=TIMER),
    ObjectClass(binding="HISTORY_DO", name=HISTORY),
    ObjectClass(binding="VISIBILITY_DO", name=VISIBILITY),
)
QUEUE_BINDING: Final = "ACTIVITY_QUEUE"
BUCKET_BINDING: Final = "BLOBS"
SWEEP_CRON: Final = "*/5 * * * *"
"""The recovery sweep costs next to nothing when there is nothing to recover, so it comes often."""

QUEUE_BATCH_SIZE: Final = 10
"""Messages of one batch share one invocation, its memory and its 15 minutes: the platform's own default."""
QUEUE_BATCH_TIMEOUT_SECONDS: Final = 0
"""Waiting for more messages would delay every activity."""
QUEUE_RETRIES: Final = 10
"""Deliveries fail while objects are reset; the default of 3 is spent by one bad deploy."""
QUEUE_RETRY_DELAY_SECONDS: Final = 2


EXPORTS: Final = (FETCH_HANDLER, RUNNER, *(each.name for each in OBJECT_CLASSES))
"""What the entry must define."""


def queue_name(worker: str) -> str:
    """The queue of activity tasks of the Worker named ``worker``."""
    return f"{worker}-activities"


DEAD_LETTER_SUFFIX: Final = "-dead"
"""By this end of its name the Worker knows a dead-letter queue."""


def dead_letter_queue_name(worker: str) -> str:
    """Where its messages go that could not be delivered."""
    return f"{queue_name(worker)}{DEAD_LETTER_SUFFIX}"


def bucket_name(worker: str) -> str:
    """The bucket of its closed histories."""
    return f"{worker}-blobs"


MIB: Final = 1024 * 1024

GZIP_GOAL_BYTES: Final = MIB
"""The project's own goal: a bigger Worker starts later."""
GZIP_FREE_BYTES: Final = 3 * MIB
GZIP_MAX_BYTES: Final = 10 * MIB
"""Script size after compression on the free and the paid plan: the platform's page of limits."""
RAW_MAX_BYTES: Final = 64 * MIB
"""Script size before compression: the same page."""

QUEUE_LIMITS: Final[tuple[tuple[str, int, int], ...]] = (
    ("max_batch_size", 1, 100),
    ("max_batch_timeout", 0, 60),
    ("max_retries", 0, 100),
    ("retry_delay", 0, 43_200),
    ("max_concurrency", 1, 250),
)
"""Setting of a consumer, least, most: the platform's page of queue limits. Times are seconds."""
DELIVERY_DELAY_SECONDS_MAX: Final = 43_200
CPU_MILLISECONDS_MAX: Final = 300_000
CRONS_FREE_MAX: Final = 5
