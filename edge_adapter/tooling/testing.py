"""``pytest --sim-host=edge``: a user's project as a Worker of its own for each test.

Owns the way from a project to a running world: bundle (once per process), Worker, client. Offered to the
pytest plugin as an entry point of the group ``temporal_do.test_hosts``; ``sim/plugin_host.py`` says what such
a world must do. Invariants: no test sees another one's state; nothing is left running. Must not import: the
user's code, a client over HTTP.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, NoReturn

from ...runtime.connection import RemoteClient, host_context, open_remote
from ...runtime.durations import DurationLike, parse_duration
from ...runtime.host import Host
from .bundle import collect_bundle, write_bundle
from .dev import local_config
from .platform import EdgeUnavailableError, LocalEdge, Platform, install_platform
from .platform.install import PYTHON_LOCK
from .project import open_project
from .requirements import install_requirements
from .secrets_file import read_secrets
from .worker_shape import CONFIG, SECRETS_FILE, TOKEN

LIMIT: Final = "120s"
LOG_LINES_SHOWN: Final = 20


class EdgeWorld:
    """A Worker on the platform's own binary, its client, and the loop that tests run on.

    The platform's processes are driven from a thread, so that a test may kill them from a plain call.
    """

    def __init__(self, edge: LocalEdge, token: str, limit: DurationLike) -> None:
        self._edge = edge
        self._token = token
        self._limit_ns = parse_duration(limit)
        self._runner = asyncio.Runner()
        self._platform_loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._platform_loop.run_forever, daemon=True)
        self._client: RemoteClient | None = None

    def open(self) -> None:
        """Start. Raises EdgePlatformError."""
        self._thread.start()
        self._there(self._edge.start())
        self._client = open_remote(self._edge.url, self._token)

    def close(self) -> None:
        """End everything."""
        try:
            if self._client is not None:
                self._runner.run(self._client.close())
            self._runner.close()
        finally:
            self._there(self._edge.stop())
            self._platform_loop.call_soon_threadsafe(self._platform_loop.stop)
            self._thread.join()
            self._platform_loop.close()

    def _there(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._platform_loop).result()

    @property
    def host(self) -> Host:
        """What client calls run on."""
        if self._client is None:
            raise RuntimeError("the Worker has not been started")
        return self._client

    def execute(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end. Raises what it raises, and TimeoutError when it takes too long."""
        context = copy_context()
        context.run(host_context.set, self.host)
        return self._runner.run(self._limited(work), context=context)

    async def _limited(self, work: Coroutine[Any, Any, Any]) -> Any:
        seconds = self._limit_ns / 1e9
        try:
            async with asyncio.timeout(seconds) as limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
        raise TimeoutError(
            f"not over after {seconds:g} s of real time; another limit is 'limit' of sim_host_options"
        )

    def crash(self) -> None:
        """``kill -9`` of the platform's processes, a new start, and the sweep that a cron trigger brings."""
        self._there(self._crash())

    async def _crash(self) -> None:
        await self._edge.kill()
        await self._edge.start()
        await self._edge.trigger_cron()

    async def pause(self, seconds: float) -> None:
        """Wait, in real time."""
        await asyncio.sleep(seconds)

    def describe(self) -> str:
        """The end of the Worker's log."""
        try:
            lines = self._edge.log.read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        shown = lines[-LOG_LINES_SHOWN:]
        return "\n".join(["the end of the Worker's log:", *(shown or ["(it is empty)"])])


@contextmanager
def edge_world(
    *,
    folder: Path,
    skip: Callable[[str], NoReturn],
    project: Path | str = ".",
    variables: Mapping[str, Any] | None = None,
    limit: DurationLike = LIMIT,
) -> Iterator[EdgeWorld]:
    """A world for one test, with its state in ``folder``.

    ``project``: the folder or the file of the Worker's configuration; ``variables``: values of the Worker's
    variables, besides those of the configuration; ``limit``: how long a test may take, in real time. Raises
    EdgeProjectError, EdgePlatformError.
    """
    path = Path(project)
    found = open_project(path if path.is_file() else path / CONFIG)
    try:
        platform = _platform()
    except EdgeUnavailableError as error:
        skip(str(error).splitlines()[0])
    token = secrets.token_hex(16)
    given = {**read_secrets(found.root / SECRETS_FILE), **(variables or {}), TOKEN: token}
    config = local_config(found, _bundle(found.config_path.resolve(), platform, folder.parent), given)
    world = EdgeWorld(LocalEdge(config, persist=folder, platform=platform), token, limit)
    try:
        world.open()
        yield world
    finally:
        world.close()


@lru_cache(maxsize=1)
def _platform() -> Platform:
    return asyncio.run(install_platform())


@lru_cache(maxsize=8)
def _bundle(config: Path, platform: Platform, base: Path) -> Path:
    """The bundle folder of a project, below ``base``; sources do not change while tests run."""
    found = open_project(config)
    out = Path(mkdtemp(prefix="bundle-", dir=base))
    more = None
    if found.settings.requirements is not None:
        more = install_requirements(found.root / found.settings.requirements, out / "packages", PYTHON_LOCK)
    write_bundle(collect_bundle(found, platform.python_modules, more), out / "worker")
    return out / "worker"
