"""A Worker on this machine, on the platform's own binary: started, driven, crashed, started again.

Invariants: durable state is in the persist folder and survives every way of ending; nothing is left running
when the context ends, nor when this process does.
Must not import: another adapter.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any

from .config import WorkerConfig
from .errors import EdgePlatformError, EdgeStartError
from .install import Platform, install_platform
from .modules import ModuleFile, walk_modules
from .runner import ADDRESS_IN_USE, FailedStart, Runner
from .snapshot import application_snapshot, common_snapshot

_HOST = "127.0.0.1"
# How long a port that is still taken is asked for again: the one before may be on its way out.
_PORT_PATIENCE_S = 5.0
_PORT_POLL_S = 0.1


class LocalEdge:
    """Runs one Worker; an asynchronous context manager.

        async with LocalEdge(config, persist=folder) as edge:
            ...  # requests to edge.url
            await edge.kill()  # kill -9, at any moment
            await edge.start()  # again, on the same state and the same port

    `persist` holds the durable state (SQLite, R2) and the log. `port` 0 takes a free one at the first start
    and keeps it. `snapshot` starts Python from a memory image, which is taken once per machine (with
    `config.warm`, once per state of the modules).
    """

    def __init__(
        self,
        config: WorkerConfig,
        *,
        persist: Path,
        port: int = 0,
        snapshot: bool = True,
        start_timeout_s: float = 60.0,
        platform: Platform | None = None,
    ) -> None:
        self.config = config
        self.persist = persist
        self.log = persist / "worker.log"
        self._port = port
        self._snapshot = snapshot
        self._start_timeout_s = start_timeout_s
        self._platform = platform
        self._runner: Runner | None = None

    async def __aenter__(self) -> LocalEdge:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where the Worker listens, without a slash at the end. Raises EdgePlatformError when it is down."""
        return self._running().url.rstrip("/")

    @property
    def port(self) -> int:
        """The port, 0 before the first start."""
        return self._port

    @property
    def boot_ms(self) -> float:
        """Milliseconds from the launch of the platform's binary until it listened, at the last start."""
        return self._running().boot_ms

    @property
    def is_running(self) -> bool:
        """Started, and neither stopped nor killed since."""
        return self._runner is not None

    @property
    def workerd_pid(self) -> int | None:
        """The process of the platform's binary; None when it is down."""
        return None if self._runner is None else self._runner.workerd_pid

    def _running(self) -> Runner:
        if self._runner is None:
            raise EdgePlatformError("the Worker is not running; call start()")
        return self._runner

    def modules(self, platform: Platform) -> list[ModuleFile]:
        """Every module of the Worker, the entry first."""
        found = list(walk_modules(self.config.main))
        for inside, folder in self.config.folders.items():
            found += [module for module in walk_modules(folder, inside) if module.name != found[0].name]
        if self.config.vendored:
            found += walk_modules(platform.python_modules, "python_modules")
        return found

    async def start(self) -> None:
        """Start it, on the state that is there. Raises EdgeUnavailableError, EdgeStartError."""
        if self._runner is not None:
            raise EdgePlatformError("the Worker is running already")
        platform = self._platform or await install_platform()
        self._platform = platform
        self.persist.mkdir(parents=True, exist_ok=True)
        modules = self.modules(platform)
        snapshot = None
        if self._snapshot and self.config.warm:
            snapshot = await application_snapshot(platform, self.config, modules, self.persist)
        elif self._snapshot:
            snapshot = await common_snapshot(platform, self.config)
        options: dict[str, Any] = {
            **self.config.options(),
            "host": _HOST,
            "port": self._port,
            "defaultPersistRoot": str(self.persist / "state"),
        }
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _PORT_PATIENCE_S
        while True:
            try:
                self._runner = await Runner.start(
                    platform,
                    options=options,
                    modules=modules,
                    folder=self.persist,
                    log=self.log,
                    snapshot=snapshot,
                    snapshot_mode="none" if snapshot is None else "load",
                    timeout_s=self._start_timeout_s,
                )
                break
            except FailedStart as error:
                if error.code != ADDRESS_IN_USE:
                    raise
                if loop.time() > give_up_at:
                    raise EdgeStartError(
                        f"port {self._port} of {_HOST} is in use by another program; stop it or take another"
                    ) from None
            await asyncio.sleep(_PORT_POLL_S)
        self._port = int(self._runner.url.rstrip("/").rpartition(":")[2])

    async def kill(self) -> None:
        """`kill -9` of the platform's processes, whatever they are doing. Nothing when it is down already."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.kill()

    async def stop(self) -> None:
        """End it in order. Nothing when it is down already."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.stop()

    async def trigger_cron(self, cron: str = "* * * * *", *, scheduled_time_ms: int | None = None) -> str:
        """Call the Worker's `scheduled` handler; the platform fires no cron by itself on a laptop.

        Returns the outcome, "ok" or what went wrong.
        """
        answer = await self._running().command("scheduled", cron=cron, scheduled_time_ms=scheduled_time_ms)
        return str(answer["outcome"])
