"""A memory image of Python after its slow imports: a Worker that starts from it starts several times faster.

The image holds every module imported when it was taken, so it is taken from an entry of its own that imports
third-party packages only: the application's code is never part of it, and stays fresh. It depends on the
binary, the bundle and those packages, and is kept in the cache under the hash of all three.
Must not import: anything of this package but `cache`, `config`, `errors`, `install`, `modules`, `runner`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from .cache import cached
from .config import WorkerConfig
from .errors import EdgePlatformError
from .install import Platform
from .modules import walk_modules
from .runner import Runner

SNAPSHOT_NAME = "snapshot.bin"
_TIMEOUT_S = 60.0
# Named unlike any entry of an application: its own module is part of the image too.
_ENTRY_NAME = "temporal_do_snapshot_entry.py"
# What is imported here is frozen into the image: third-party packages and the standard library only.
_ENTRY = """\
import asyncio, base64, collections.abc, contextvars, datetime, enum, functools, hashlib, inspect, json
import logging, math, re, typing, urllib.parse, zoneinfo

import attrs
import dateutil.relativedelta
from workers import DurableObject, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("warm")
"""


async def snapshot_folder(platform: Platform) -> Path:
    """The folder with the image for this platform; takes it when it is not in the cache.

    Raises EdgePlatformError when the platform writes none.
    """

    async def make(folder: Path) -> None:
        entry = folder / _ENTRY_NAME
        entry.write_text(_ENTRY, encoding="utf-8")
        config = WorkerConfig(main=entry, name="snapshot")
        modules = [*walk_modules(entry), *walk_modules(platform.python_modules, "python_modules")]
        log = folder / "log"
        runner = await Runner.start(
            platform,
            options={**config.options(), "host": "127.0.0.1", "port": 0},
            modules=modules,
            folder=folder,
            log=log,
            snapshot=folder,
            snapshot_mode="save",
            timeout_s=_TIMEOUT_S,
        )
        await runner.stop()
        if not (folder / SNAPSHOT_NAME).is_file():
            raise EdgePlatformError("the platform wrote no memory snapshot")

    of_entry = hashlib.sha256(_ENTRY.encode()).hexdigest()[:16]
    return await cached(platform.cache, f"snapshot-{platform.key}-{of_entry}", make)
