"""One run of the platform: the node process, the binary it starts, and the lines of JSON to speak with them.

Owns: the processes. They form a group of their own, so that both can be killed at once; and node watches its
standard input, so that they end when this process ends, however it ends.
Must not import: anything of this package but `errors`, `install`, `modules`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .errors import EdgePlatformError, EdgeStartError
from .install import NODE_FILES, Platform
from .modules import ModuleFile

LOG_TAIL_LINES = 25
# How long a process may take to go after it was told to, before it is killed.
_STOP_PATIENCE_S = 5.0
# How long the operating system may take to remove a killed process.
_DEATH_PATIENCE_S = 5.0
_DEATH_POLL_S = 0.005
_LINE_BYTES_MAX = 1 << 20
ADDRESS_IN_USE = "ERR_ADDRESS_IN_USE"
_RUNTIME_FAILURE = "ERR_RUNTIME_FAILURE"


class FailedStart(EdgeStartError):
    """The platform said why it does not start; `code` is its own word for it, if it has one."""

    def __init__(self, message: str, code: str | None) -> None:
        super().__init__(message)
        self.code = code


def log_tail(log: Path, *, since_bytes: int = 0, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log after an offset, for an error; a plain sentence when there are none.

    Frames of the platform's own JavaScript are left out: they say nothing about the Worker's Python.
    """
    try:
        text = log.read_bytes()[since_bytes:].decode(errors="replace")
    except OSError:
        text = ""
    kept = [line for line in text.splitlines() if line.strip() and not line.startswith("  at ")]
    return "\n".join(kept[-lines:]) if kept else "(the log is empty)"


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the number belongs to somebody else by now
        return False
    try:
        # A dead process that nobody has collected yet still has its number.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True


class Runner:
    """Started once, stopped or killed once. `url` is where the Worker listens, `boot_ms` how long the binary
    took from its launch until then."""

    def __init__(
        self, process: asyncio.subprocess.Process, *, log: Path, pid_file: Path, temporary: Path
    ) -> None:
        self._process = process
        self._log = log
        self._pid_file = pid_file
        self._temporary = temporary
        self._count = 0
        self._lock = asyncio.Lock()
        self.url = ""
        self.boot_ms = 0.0

    @classmethod
    async def start(
        cls,
        platform: Platform,
        *,
        options: Mapping[str, Any],
        modules: Sequence[ModuleFile],
        folder: Path,
        log: Path,
        snapshot: Path | None,
        snapshot_mode: str,
        timeout_s: float,
    ) -> Runner:
        """Run a Worker with the given options of miniflare; returns when it listens.

        `folder` is for files of this run, `log` gets all output. `snapshot_mode` is "none", "save" or
        "load". Raises FailedStart, EdgeStartError after `timeout_s`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        pid_file = folder / "workerd.pid"
        pid_file.unlink(missing_ok=True)
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        with open(log, "ab") as output:
            logged_bytes = output.tell()
            process = await asyncio.create_subprocess_exec(
                str(platform.node),
                str(NODE_FILES / "edge.mjs"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                start_new_session=True,
                limit=_LINE_BYTES_MAX,
            )
        runner = cls(process, log=log, pid_file=pid_file, temporary=temporary)
        request = {
            "packages": str(platform.packages),
            "options": dict(options),
            "modules": [[module.name, module.kind, str(module.file)] for module in modules],
            "pidFile": str(pid_file),
            "environment": {
                "TMPDIR": str(temporary),  # a killed process cleans nothing up
                "MINIFLARE_WORKERD_PATH": str(platform.launcher),
                "TEMPORAL_DO_EDGE_WORKERD": str(platform.workerd),
                "TEMPORAL_DO_EDGE_BUNDLE": str(platform.bundle),
                "TEMPORAL_DO_EDGE_PID_FILE": str(pid_file),
                "TEMPORAL_DO_EDGE_SNAPSHOT_MODE": snapshot_mode,
                "TEMPORAL_DO_EDGE_SNAPSHOT": str(snapshot or ""),
            },
        }
        try:
            async with asyncio.timeout(timeout_s):
                runner._write(request)
                answer = await runner._read()
        except TimeoutError:
            await runner.kill()
            tail = log_tail(log, since_bytes=logged_bytes)
            raise EdgeStartError(
                f"the Worker did not start within {timeout_s:g} s. The end of {log}:\n{tail}"
            ) from None
        except BaseException:
            await runner.kill()
            raise
        if "ready" not in answer:
            await runner.kill()
            tail = log_tail(log, since_bytes=logged_bytes)
            # Of the binary's failures miniflare knows only the words of older ones.
            code = ADDRESS_IN_USE if "Address already in use" in tail else answer.get("code")
            refused = "its code or its configuration is refused"
            said = refused if code == _RUNTIME_FAILURE else answer["failed"]
            raise FailedStart(f"the Worker does not start: {said}. The end of {log}:\n{tail}", code)
        runner.url = str(answer["ready"])
        runner.boot_ms = float(answer["boot_ms"])
        return runner

    @property
    def workerd_pid(self) -> int | None:
        """The process of the platform's binary, once it was started."""
        try:
            return int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None

    def _write(self, message: Mapping[str, Any]) -> None:
        stdin = self._process.stdin
        if stdin is not None:
            stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self) -> dict[str, Any]:
        stdout = self._process.stdout
        line = b"" if stdout is None else await stdout.readline()
        if not line:
            raise EdgeStartError(
                f"the platform's process has ended. The end of {self._log}:\n{log_tail(self._log)}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def command(self, command: str, **values: Any) -> dict[str, Any]:
        """Have node do something, and return its answer. Raises EdgePlatformError with what it said."""
        async with self._lock:
            self._count += 1
            self._write({"id": self._count, "command": command, **values})
            answer = await self._read()
            while answer.get("id") != self._count:  # the answer to a command whose caller went away
                answer = await self._read()
        if "error" in answer:
            raise EdgePlatformError(f"{command} failed: {answer['error']}")
        return answer

    async def stop(self) -> None:
        """End the platform as its own tools do; kill it when that takes too long. Idempotent."""
        stdin = self._process.stdin
        if stdin is not None and self._process.returncode is None:
            stdin.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_PATIENCE_S):
                    await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """`kill -9`: the binary and node at once. Returns when both are gone. Idempotent."""
        workerd = self.workerd_pid
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await self._close_pipes()
        if workerd is not None:
            try:
                async with asyncio.timeout(_DEATH_PATIENCE_S):
                    while _is_running(workerd):
                        await asyncio.sleep(_DEATH_POLL_S)
            except TimeoutError:
                raise EdgePlatformError(f"process {workerd} (workerd) does not go away") from None
            self._pid_file.unlink(missing_ok=True)
        shutil.rmtree(self._temporary, ignore_errors=True)

    async def _close_pipes(self) -> None:
        """Let the event loop see that both pipes are closed; else it complains about them when it ends."""
        if self._process.stdin is not None:
            self._process.stdin.close()
            with suppress(OSError):
                await self._process.stdin.wait_closed()
        if self._process.stdout is not None:
            with suppress(OSError):
                await self._process.stdout.read()
