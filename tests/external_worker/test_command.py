"""`temporal-do worker`: a process of its own, over a real socket, stopped and killed as processes are."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from temporal_do.cli.exit_codes import ExitCode
from temporal_do.cli.main import main
from temporal_do.cli.worker import load_workers
from temporal_do.edge_adapter.api import asgi
from temporal_do.edge_adapter.local import LocalHost

from .application import inside, order, temporal

ROOT = Path(__file__).parents[2]
TOKEN = "secret"
APPLICATION = "tests.external_worker.application"


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[LocalHost, str]]:
    """The workflows of the application behind a real socket."""
    import uvicorn

    async with LocalHost(workers=[inside], synchronous="off") as host:
        config = uvicorn.Config(asgi(host, token=TOKEN), port=0, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield host, f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = server.force_exit = True
            await task


class Process:
    """One `temporal-do worker`."""

    def __init__(self, url: str, ledger: Path, *options: str) -> None:
        command = [sys.executable, "-m", "temporal_do.cli", "worker", APPLICATION, "--url", url, *options]
        environment = {**os.environ, "TEMPORAL_DO_TOKEN": TOKEN, "LEDGER": str(ledger)}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    async def ends(self) -> str:
        """What it said."""
        said = await asyncio.to_thread(self.process.communicate, timeout=30)
        return "".join(said)


def lines(ledger: Path) -> list[str]:
    return ledger.read_text().splitlines() if ledger.exists() else []


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


def test_a_worker_runs_activities_until_it_is_told_to_stop(tmp_path: Path) -> None:
    async def scenario() -> None:
        ledger = tmp_path / "ledger"
        async with serving() as (host, url):
            process = Process(url, ledger)
            try:
                app = temporal.connect(host)
                results = await asyncio.gather(
                    *(app.execute_workflow(order, workflow_id=f"order-{n}", args=[n]) for n in range(5))
                )
                assert [result[0]["paid"] for result in results] == list(range(5))
                process.process.send_signal(signal.SIGTERM)
                said = await process.ends()
            finally:
                process.process.kill()
                await process.ends()
        assert process.process.returncode == 0, said
        assert "polls task queue 'native' of namespace 'outside'" in said
        assert "has stopped" in said
        assert "Traceback" not in said
        assert TOKEN not in said

    asyncio.run(scenario())


def test_what_a_killed_process_had_begun_is_done_by_another(tmp_path: Path) -> None:
    async def scenario() -> None:
        ledger = tmp_path / "ledger"
        async with serving() as (host, url):
            app = temporal.connect(host)
            handle = await app.start_workflow(
                "one", workflow_id="one", args=["sleeps", 60.0], task_queue="main"
            )
            first = Process(url, ledger, "--concurrency", "1")
            second = None
            try:
                await until(lambda: "sleeps 1 begins" in lines(ledger))
                first.process.kill()
                await first.ends()
                # Its lease would run out in a minute; here the host is told that the attempt is over.
                await _fail_attempt(host, handle)
                second = Process(url, ledger)
                assert await asyncio.wait_for(handle.result(), 30) == 2
            finally:
                for process in (first, second):
                    if process is not None:
                        process.process.kill()
                        await process.ends()
        assert Counter(lines(ledger)) == {"sleeps 1 begins": 1, "sleeps 2 begins": 1, "sleeps 2 ends": 1}

    asyncio.run(scenario())


async def _fail_attempt(host: LocalHost, handle: Any) -> None:
    """What the end of the lease does, without the minute it takes."""
    from temporal_do.runtime.actors.activity_rows import attempt_token
    from temporal_do.runtime.history import Failure
    from temporal_do.runtime.keys import activity_key
    from temporal_do.runtime.messages.activity import FailActivity

    run_id = (await handle.describe()).run_id
    key = activity_key("outside", run_id, "1")
    await host.call(key, FailActivity(token=attempt_token(key, 1), failure=Failure(message="lost")))


def test_a_blocked_thread_does_not_keep_the_process_from_ending(tmp_path: Path) -> None:
    async def scenario() -> None:
        ledger = tmp_path / "ledger"
        async with serving() as (host, url):
            app = temporal.connect(host)
            await app.start_workflow("one", workflow_id="one", args=["sleeps", 60.0])
            process = Process(url, ledger, "--grace", "0.1s")
            try:
                await until(lambda: "sleeps 1 begins" in lines(ledger))
                process.process.send_signal(signal.SIGINT)
                said = await process.ends()
            finally:
                process.process.kill()
                await process.ends()
        assert process.process.returncode == 0, said
        assert "gives 1 activities back" in said
        assert "leaving 1 activities that do not stop" in said

    asyncio.run(scenario())


def test_a_wrong_token_and_a_missing_server_are_told_apart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving() as (_, url):
            process = Process(url, tmp_path / "ledger", "--token", "wrong")
            said = await process.ends()
        assert process.process.returncode == ExitCode.USAGE, said
        assert "token" in said
        assert "Traceback" not in said

    asyncio.run(scenario())


MISTAKES = [
    (["nowhere", "--url", "http://x", "--token", "t"], "there is no module 'nowhere'"),
    ([f"{APPLICATION}:missing", "--url", "http://x", "--token", "t"], "usable names in it: outside"),
    ([f"{APPLICATION}:inside", "--url", "http://x", "--token", "t"], "a Worker without activities"),
    ([f"{APPLICATION}:order", "--url", "http://x", "--token", "t"], "it must be a Worker with activities"),
    (["tests.external_worker.worlds", "--url", "http://x", "--token", "t"], "holds no Worker"),
    ([f"{APPLICATION}:", "--url", "http://x", "--token", "t"], "MODULE or MODULE:NAME"),
    ([APPLICATION, "--url", "http://x", "--token-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE"),
    ([APPLICATION, "--url", "nonsense", "--token", "t"], "nonsense"),
    ([APPLICATION, "--url", "http://x", "--token", "t", "--concurrency", "0"], "concurrency"),
    ([APPLICATION, "--url", "http://x", "--token", "t", "--grace", "soon"], "grace"),
]


@pytest.mark.parametrize(("arguments", "text"), MISTAKES)
def test_a_mistake_is_one_message_and_exit_code_2(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worker", *arguments]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert text in said
    assert "Traceback" not in said


def test_a_module_means_all_its_workers_with_activities() -> None:
    from . import application

    assert load_workers(APPLICATION) == [application.outside]
    assert load_workers(f"{APPLICATION}:outside") == [application.outside]
