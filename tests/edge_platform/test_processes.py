"""Whatever happens, nothing is left running, and errors say what is wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from temporal_do.edge_adapter.tooling.platform import (
    EdgeStartError,
    LocalEdge,
    Platform,
    WorkerConfig,
    local_edge,
)

TINY = """
from workers import Response, WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("here")
"""


def _edge(platform: Platform, folder: Path, text: str = TINY, **options: object) -> LocalEdge:
    (folder / "main.py").write_text(text)
    config = WorkerConfig(main=folder / "main.py")
    return LocalEdge(config, persist=folder / "edge", platform=platform, **options)  # type: ignore[arg-type]


def _ps(pid: int, column: str) -> str:
    return subprocess.run(
        ["ps", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()


def _gone(pid: int, patience_s: float = 10.0) -> bool:
    give_up_at = time.monotonic() + patience_s
    while (state := _ps(pid, "stat")) and not state.startswith("Z"):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.02)
    return True


def _nothing_runs_in(folder: Path) -> bool:
    """Every process of a run has the run's folder in its environment."""
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in environment.read_bytes() and environment.parent.name != str(
                os.getpid()
            ):
                return False
        except OSError:
            continue
    return True


def _has_ended(pid: int) -> bool:
    """Gone, or dead and not collected yet by whoever inherited it, which is the machine's own business."""
    try:
        os.kill(pid, 0)
        return subprocess.run(("ps", "-o", "stat=", "-p", str(pid)), capture_output=True).stdout[:1] in (
            b"Z",
            b"",
        )
    except ProcessLookupError:
        return True


def test_stop_and_kill_end_both_processes_and_a_second_time_is_harmless(
    platform: Platform, tmp_path: Path
) -> None:
    async def scenario() -> list[int]:
        pids: list[int] = []
        edge = _edge(platform, tmp_path)
        for end in (edge.kill, edge.stop):
            await edge.start()
            assert edge.workerd_pid is not None
            pids.append(edge.workerd_pid)
            assert edge.boot_ms > 0
            await end()
            assert not edge.is_running
            await end()
        return pids

    assert [pid for pid in asyncio.run(scenario()) if not _has_ended(pid)] == []
    assert _nothing_runs_in(tmp_path)
    assert sorted(path.name for path in (tmp_path / "edge").iterdir()) == ["state", "worker.log"]


def test_when_this_process_is_killed_the_platform_goes_with_it(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(TINY)
    program = f"""
import asyncio
from pathlib import Path
from temporal_do.edge_adapter.tooling.platform import LocalEdge, WorkerConfig

async def main():
    config = WorkerConfig(main=Path({str(tmp_path / "main.py")!r}))
    async with LocalEdge(config, persist=Path({str(tmp_path / "edge")!r})) as edge:
        print(edge.workerd_pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent, parent.stdout:
        workerd = int(parent.stdout.readline())
        node = int(_ps(workerd, "ppid"))
        parent.send_signal(signal.SIGKILL)
    assert _gone(workerd)
    assert _gone(node)
    assert _nothing_runs_in(tmp_path)


def test_a_start_that_takes_too_long_is_ended_and_told(platform: Platform, tmp_path: Path) -> None:
    edge = _edge(platform, tmp_path, start_timeout_s=0.2)
    with pytest.raises(EdgeStartError, match=r"did not start within 0\.2 s"):
        asyncio.run(edge.start())
    assert not edge.is_running
    assert _nothing_runs_in(tmp_path)


def test_a_start_that_is_cancelled_leaves_nothing(platform: Platform, tmp_path: Path) -> None:
    async def scenario() -> None:
        start = asyncio.create_task(_edge(platform, tmp_path).start())
        while not (tmp_path / "edge" / "workerd.pid").exists():
            await asyncio.sleep(0.01)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start

    asyncio.run(scenario())
    assert _nothing_runs_in(tmp_path)


def test_a_worker_that_fails_to_import_is_told_with_its_own_line(platform: Platform, tmp_path: Path) -> None:
    edge = _edge(platform, tmp_path, "import attrs\nimport nothing_of_this_name\n")
    with pytest.raises(EdgeStartError) as raised:
        asyncio.run(edge.start())
    text = str(raised.value)
    assert 'main.py", line 2' in text
    assert "No module named 'nothing_of_this_name'" in text
    assert str(edge.log) in text
    assert "wasm" not in text, "frames of the platform's own are of no use"
    assert _nothing_runs_in(tmp_path)


def test_a_port_that_stays_taken_is_named(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_edge, "_PORT_PATIENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(EdgeStartError, match=f"port {port} .* is in use"):
            asyncio.run(_edge(platform, tmp_path, port=port).start())
    assert _nothing_runs_in(tmp_path)


@pytest.mark.soak
def test_without_a_snapshot_it_starts_too_and_more_slowly(platform: Platform, tmp_path: Path) -> None:
    async def boot_ms(snapshot: bool) -> float:
        async with _edge(platform, tmp_path, snapshot=snapshot) as edge:
            return edge.boot_ms

    assert asyncio.run(boot_ms(snapshot=False)) > asyncio.run(boot_ms(snapshot=True))


@pytest.mark.soak
def test_a_warm_snapshot_never_serves_old_code(platform: Platform, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (tmp_path / "main.py").write_text(TINY.replace('"here"', "__import__('library.words').words.WORD"))
    config = WorkerConfig(main=tmp_path / "main.py", folders={"library": library}, warm=["library.words"])

    async def say(word: str) -> str:
        (library / "words.py").write_text(f"WORD = {word!r}")
        async with LocalEdge(config, persist=tmp_path / "edge", platform=platform) as edge:
            return await asyncio.to_thread(lambda: httpx.get(edge.url).text)

    assert [asyncio.run(say(word)) for word in ("one", "two", "two")] == ["one", "two", "two"]
    kept = [path for path in (tmp_path / "edge").iterdir() if path.name.startswith("snapshot-")]
    assert len([path for path in kept if path.is_dir()]) == 1


@pytest.mark.soak
def test_twenty_crashes_in_a_row_come_back_on_the_same_port(platform: Platform, tmp_path: Path) -> None:
    async def scenario() -> set[int]:
        async with _edge(platform, tmp_path) as edge:
            ports = {edge.port}
            for _ in range(20):
                await edge.kill()
                await edge.start()
                ports.add(edge.port)
            return ports

    assert len(asyncio.run(scenario())) == 1
