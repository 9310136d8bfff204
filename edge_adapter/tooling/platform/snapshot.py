"""A memory image of Python after its slow imports: a Worker that starts from it starts several times faster.

The image holds every module imported when it was taken. The common one is taken from an entry of its own that
imports third-party packages only, so that an application's code stays fresh; it depends on the binary, the
bundle and those packages, and is kept in the cache under a hash of all three. One with the application's
modules is kept with the application's state, under a hash of every module it could have read.
Must not import: anything of this package but `cache`, `config`, `errors`, `install`, `modules`, `runner`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from .cache import cached
from .config import WorkerConfig
from .errors import EdgePlatformError
from .install import Platform
from .modules import ModuleFile, walk_modules
from .runner import Runner

SNAPSHOT_NAME = "snapshot.bin"
_TIMEOUT_S = 60.0
# Named unlike any entry of an application: its own module is part of the image too.
_ENTRY_NAME = "temporal_do_snapshot_entry.py"
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
_PREFIX = "snapshot-"


async def _take(
    platform: Platform, config: WorkerConfig, imports: str, modules: Sequence[ModuleFile], folder: Path
) -> None:
    entry = folder / _ENTRY_NAME
    entry.write_text(_ENTRY + imports, encoding="utf-8")
    runner = await Runner.start(
        platform,
        options={**config.options(), "host": "127.0.0.1", "port": 0},
        modules=[ModuleFile(name=_ENTRY_NAME, file=entry), *modules],
        folder=folder,
        log=folder / "log",
        snapshot=folder,
        snapshot_mode="save",
        timeout_s=_TIMEOUT_S,
    )
    await runner.stop()
    if not (folder / SNAPSHOT_NAME).is_file():
        raise EdgePlatformError("the platform wrote no memory snapshot")


def _bare(config: WorkerConfig, entry: Path) -> WorkerConfig:
    return WorkerConfig(
        main=entry,
        name="snapshot",
        compatibility_date=config.compatibility_date,
        compatibility_flags=config.compatibility_flags,
    )


async def common_snapshot(platform: Platform, config: WorkerConfig) -> Path:
    """The folder with the image of third-party packages; takes it when it is not in the cache.

    Raises EdgePlatformError when the platform writes none.
    """

    async def make(folder: Path) -> None:
        modules = list(walk_modules(platform.python_modules, "python_modules"))
        await _take(platform, _bare(config, folder / _ENTRY_NAME), "", modules, folder)

    key = [platform.key, config.compatibility_date, *config.compatibility_flags, _ENTRY]
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()[:16]
    return await cached(platform.cache, f"{_PREFIX}{digest}", make)


async def application_snapshot(
    platform: Platform, config: WorkerConfig, modules: Sequence[ModuleFile], parent: Path
) -> Path:
    """The folder in `parent` with an image that also holds the modules that `config.warm` names.

    It is taken when there is none for exactly these modules; an older one is removed. Raises
    EdgePlatformError when the platform writes none, EdgeStartError when a module does not import.
    """
    imports = "".join(f"import {name}\n" for name in config.warm)
    digest = hashlib.sha256("\0".join([platform.key, *config.compatibility_flags, _ENTRY, imports]).encode())
    for module in modules:
        content = module.file.read_bytes()
        digest.update(f"{module.name}\0{len(content)}\0".encode() + content)
    name = f"{_PREFIX}{digest.hexdigest()[:16]}"

    async def make(folder: Path) -> None:
        for old in parent.glob(f"{_PREFIX}*"):
            if old.is_dir() and old != folder:
                shutil.rmtree(old, ignore_errors=True)
            elif old.suffix == ".lock" and old.stem != name:
                old.unlink(missing_ok=True)
        await _take(platform, _bare(config, folder / _ENTRY_NAME), imports, modules, folder)

    return await cached(parent, name, make)
