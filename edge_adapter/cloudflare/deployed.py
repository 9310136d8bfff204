"""What is deployed in this isolate: the workers, their executor and the actors. One of each, for all objects.

Objects share an isolate, and with it the cache of workflow coroutines, which is what bounds its memory.
Nothing here waits for anything, so that no object ever waits for what another one does.

Must not import: the SDK, anything of JavaScript, the workflow side before a workflow task comes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ...runtime.actors import ACTORS
from ...runtime.deployment import Deployment
from ...runtime.lazy_executor import LazyExecutor

if TYPE_CHECKING:
    from ...runtime.actor import Actor
    from ...runtime.definitions import Worker
    from ...runtime.payloads import DataConverter
    from ...runtime.shell import Executor

logger = logging.getLogger("temporal_do.cloudflare")

IDENTITY: Final = "cloudflare"
CACHE_SIZE: Final = 500
"""So many runs keep their coroutine in memory; an isolate has 128 MB."""


class Deployed:
    """What runs in this isolate."""

    def __init__(self) -> None:
        self.actors: Mapping[str, Actor[Any]] = ACTORS
        self.deployment: Deployment
        self.executor: Executor
        self.deploy(())

    def deploy(self, workers: Iterable[Worker], *, converter: DataConverter | None = None) -> None:
        """Run these workers, and no others."""
        self.deployment = Deployment(converter=converter, identity=IDENTITY, logger=logger)
        for worker in workers:
            self.deployment.add(worker)
        self.executor = LazyExecutor(self.deployment, cache_size=CACHE_SIZE)


deployed: Final = Deployed()
"""Filled when the Worker's entry is imported."""
