"""``temporal-do edge dev``: the Worker on this machine, until Ctrl-C.

Owns the session: start, what is shown, the cron triggers that nothing else fires here, starting again when
a file changes, the end. Invariants: state stays in its folder whatever ends the session; a change that does
not build is told, and the Worker that runs goes on running.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path

from ..edge_adapter.tooling.bundle import Bundle, write_bundle
from ..edge_adapter.tooling.dev import Stamps, crons_of, local_config, new_lines, stamps_of
from ..edge_adapter.tooling.errors import EdgeProjectError
from ..edge_adapter.tooling.platform import LocalEdge, WorkerConfig, install_platform
from ..edge_adapter.tooling.platform.errors import EdgePlatformError
from ..edge_adapter.tooling.project import Project, open_project
from ..edge_adapter.tooling.secrets_file import read_secrets
from ..edge_adapter.tooling.worker_shape import SECRETS_FILE, TOKEN
from .edge_making import Packages, examine, fetch_packages
from .edge_report import report_lines
from .exit_codes import ExitCode
from .terminal import Paint, Progress, may_colour

_POLL_SECONDS = 0.3
_CRON_SECONDS = 60
"""Cron triggers come every minute here, whatever their expression says: a session is short."""


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run until interrupted; returns the exit code. Raises EdgeProjectError, EdgePlatformError."""
    line = Progress()
    session = _Session(arguments, fetch_packages(line).required())
    return asyncio.run(session.run(line)) if session.build() else ExitCode.UNFIT


class _Session:
    def __init__(self, arguments: argparse.Namespace, packages: Path) -> None:
        self._packages = Packages(packages)
        self._config = Path(arguments.config)
        self._include = tuple(arguments.include)
        self._out = Path(arguments.out).resolve()
        self._persist = Path(arguments.persist).resolve()
        self._port: int = arguments.port
        self._reload: bool = not arguments.no_reload
        self._project: Project
        self._bundle: Bundle
        self._stamps: Stamps = {}
        self._log_position = 0

    def build(self) -> bool:
        """Make the bundle folder; whether it is fit to run. Raises EdgeProjectError."""
        project = open_project(self._config, include=self._include)
        report, bundle = examine(project, [None], self._packages, Progress())
        if report.findings:
            _say(*report_lines(report, Paint(may_colour(sys.stdout))))
        if bundle is None or not report.ok:
            return False
        write_bundle(bundle, self._out)
        self._project, self._bundle = project, bundle
        self._stamps = self._now()
        return True

    def _now(self) -> Stamps:
        return stamps_of(self._project, self._bundle, self._secrets_file)

    @property
    def _secrets_file(self) -> Path:
        return self._project.root / SECRETS_FILE

    def _worker(self) -> WorkerConfig:
        return local_config(self._project, self._out, read_secrets(self._secrets_file))

    async def run(self, line: Progress) -> ExitCode:
        """Start, and stay until interrupted. Raises EdgePlatformError if it does not start."""
        stop = asyncio.Event()
        _on_interrupt(stop)
        platform = await install_platform(progress=line.show)
        line.show("starting ...")
        edge = LocalEdge(self._worker(), persist=self._persist, port=self._port, platform=platform)
        self._skip_log(edge)  # what an earlier session said is old
        try:
            async with edge:
                line.clear()
                self._greet(edge)
                crons = asyncio.create_task(self._fire_crons(edge))
                try:
                    await self._watch(edge, stop)
                finally:
                    crons.cancel()
                    await asyncio.gather(crons, return_exceptions=True)
                line.show("stopping ...")
        finally:
            line.clear()
        self._show_log(edge)
        _say(f"stopped; the state is in {self._persist}")
        return ExitCode.OK

    def _greet(self, edge: LocalEdge) -> None:
        tokens = read_secrets(self._secrets_file).get(TOKEN, "").split()
        _say(
            f"running on {edge.url}",
            f"token {tokens[0]}" if tokens else f"no token in {SECRETS_FILE}: every request is refused",
            "Ctrl-C ends it",
        )

    async def _fire_crons(self, edge: LocalEdge) -> None:
        """The first time at once: queues are in memory here, and the sweep brings back what a stop has
        lost."""
        while True:
            await self._fire(edge)
            await asyncio.sleep(_CRON_SECONDS)

    async def _fire(self, edge: LocalEdge) -> None:
        for cron in crons_of(self._project):
            if edge.is_running:
                with suppress(EdgePlatformError):
                    await edge.trigger_cron(cron)

    async def _watch(self, edge: LocalEdge, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._show_log(edge)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _POLL_SECONDS)
            if not stop.is_set() and self._reload and self._now() != self._stamps:
                await self._start_again(edge)

    async def _start_again(self, edge: LocalEdge) -> None:
        _say("a file changed")
        self._stamps = self._now()  # what does not build is not tried again before the next change
        try:
            if not self.build():
                _say("the Worker goes on as it was")
                return
            await edge.stop()
            edge.config = self._worker()
            await edge.start()
        except (EdgeProjectError, EdgePlatformError) as error:
            told = error.located if isinstance(error, EdgeProjectError) else str(error)
            print(f"temporal-do: {told}", file=sys.stderr)
            self._skip_log(edge)  # the error has shown its end
            _say("waiting for the next change")
            return
        _say(f"running on {edge.url}")
        await self._fire(edge)

    def _skip_log(self, edge: LocalEdge) -> None:
        with suppress(OSError):
            self._log_position = edge.log.stat().st_size

    def _show_log(self, edge: LocalEdge) -> None:
        lines, self._log_position = new_lines(edge.log, self._log_position)
        _say(*lines)


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


def _on_interrupt(stop: asyncio.Event) -> None:
    """Ctrl-C and a polite kill end the session in order; where there are no signals, Ctrl-C cancels it."""
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(each, stop.set)
