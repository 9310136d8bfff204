"""The platform on this machine: its own binary, its Python, a Worker run on them, crashed and started again.

Nothing here is needed to deploy, and nothing here runs inside a Worker. The files come from npm and PyPI with
exact pins, once per machine, into a cache folder; afterwards no network is needed.

`install_platform()` fetches and prepares; `LocalEdge` runs a Worker.
Must not import: another adapter.
"""

from __future__ import annotations

from .config import QueueConsumer, WorkerConfig
from .errors import EdgePlatformError, EdgeStartError, EdgeUnavailableError
from .install import Platform, install_platform
from .local_edge import LocalEdge
from .modules import ModuleFile, engine_folders, walk_modules

__all__ = [
    "EdgePlatformError",
    "EdgeStartError",
    "EdgeUnavailableError",
    "LocalEdge",
    "ModuleFile",
    "Platform",
    "QueueConsumer",
    "WorkerConfig",
    "engine_folders",
    "install_platform",
    "walk_modules",
]
