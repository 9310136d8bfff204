"""What a Worker is made of: its entry, its modules and its bindings, in the platform's terms.

Owns: the translation into the options of miniflare. Invariant: a configuration is data; nothing is read here.
Must not import: anything of this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

# From this date on the platform's Python is the one that the bundle holds.
COMPATIBILITY_DATE = "2026-09-08"
# The second one reads Python from a local bundle; it exists on a laptop only, never in a deployment.
LOCAL_FLAGS = ("python_workers", "python_workers_development")


@attrs.frozen(kw_only=True)
class QueueConsumer:
    """How the Worker consumes a queue; None leaves the platform's default. Seconds are its own unit."""

    queue: str
    max_batch_size: int | None = None
    max_batch_timeout_s: float | None = None
    max_retries: int | None = None
    retry_delay_s: int | None = None
    dead_letter_queue: str | None = None

    def options(self) -> dict[str, Any]:
        """In miniflare's words."""
        values = {
            "maxBatchSize": self.max_batch_size,
            "maxBatchTimeout": self.max_batch_timeout_s,
            "maxRetries": self.max_retries,
            "retryDelay": self.retry_delay_s,
            "deadLetterQueue": self.dead_letter_queue,
        }
        return {name: value for name, value in values.items() if value is not None}


@attrs.frozen(kw_only=True)
class WorkerConfig:
    """One Worker.

    `main` is the file of the entry; inside the Worker it is a top-level module of its own file name.
    `folders` maps a path inside the Worker to the folder on disk that is walked for it, for example
    {"shop": Path("examples/shop")}; {"": folder} puts the contents of a folder at the top. `vendored` adds
    the pinned third-party packages and the `workers` module, which every Python Worker needs.
    `durable_objects` maps a binding to a class of the entry (all with SQLite), `queue_producers` a binding to
    a queue, `r2_buckets` a binding to a bucket; `vars` are JSON values. `warm` names modules of the folders
    that go into the memory snapshot, so that a start does not import them again; they must be importable at
    the start of a Worker.
    """

    main: Path
    name: str = "worker"
    folders: Mapping[str, Path] = attrs.field(factory=dict)
    vendored: bool = True
    durable_objects: Mapping[str, str] = attrs.field(factory=dict)
    queue_producers: Mapping[str, str] = attrs.field(factory=dict)
    queue_consumers: Sequence[QueueConsumer] = ()
    r2_buckets: Mapping[str, str] = attrs.field(factory=dict)
    vars: Mapping[str, Any] = attrs.field(factory=dict)
    warm: Sequence[str] = ()
    compatibility_date: str = COMPATIBILITY_DATE
    compatibility_flags: Sequence[str] = LOCAL_FLAGS

    def options(self) -> dict[str, Any]:
        """In miniflare's words; modules, address and folders are the runner's."""
        return {
            "name": self.name,
            "compatibilityDate": self.compatibility_date,
            "compatibilityFlags": list(self.compatibility_flags),
            "durableObjects": {
                binding: {"className": name, "useSQLite": True}
                for binding, name in self.durable_objects.items()
            },
            "queueProducers": {
                binding: {"queueName": queue} for binding, queue in self.queue_producers.items()
            },
            "queueConsumers": {consumer.queue: consumer.options() for consumer in self.queue_consumers},
            "r2Buckets": dict(self.r2_buckets),
            "bindings": dict(self.vars),
        }
