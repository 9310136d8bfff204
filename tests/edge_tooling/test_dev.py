"""``edge dev`` runs the very bundle that would be deployed; from nothing to a finished workflow over HTTP."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from temporal_do.edge_adapter.tooling.dev import crons_of, local_config, new_lines
from temporal_do.edge_adapter.tooling.platform import QueueConsumer
from temporal_do.edge_adapter.tooling.project import Project
from temporal_do.edge_adapter.tooling.secrets_file import read_secrets
from temporal_do.runtime import Temporal, WorkflowContext
from tests.command import Command
from tests.on_workerd import platform_or_skip

Open = Callable[[], Project]
START_SECONDS = 60


def test_the_configuration_of_the_deploy_becomes_that_of_the_local_platform(
    project: Open, folder: Path
) -> None:
    config = folder / "wrangler.jsonc"
    config.write_text(config.read_text().replace('"main":', '"vars": {"TEMPORAL_DO_EAGER": "off"},\n"main":'))
    local = local_config(project(), folder / "out", {"TEMPORAL_DO_TOKEN": "secret"})
    assert local.name == "my-shop"
    assert local.main == folder / "out" / "src" / "edge_entry.py"
    assert local.folders == {"": folder / "out" / "src", "python_modules": folder / "out" / "python_modules"}
    assert not local.vendored
    assert local.durable_objects["TASK_QUEUE_DO"] == "TaskQueueDO"
    assert len(local.durable_objects) == 6
    assert local.queue_producers == {"ACTIVITY_QUEUE": "my-shop-activities"}
    assert local.queue_consumers == [
        QueueConsumer(
            queue="my-shop-activities",
            max_batch_size=10,
            max_batch_timeout_s=0,
            max_retries=10,
            retry_delay_s=2,
            dead_letter_queue="my-shop-activities-dead",
        ),
        QueueConsumer(queue="my-shop-activities-dead", max_batch_timeout_s=0),
    ]
    assert local.r2_buckets == {"BLOBS": "my-shop-blobs"}
    assert local.vars == {"TEMPORAL_DO_EAGER": "off", "TEMPORAL_DO_TOKEN": "secret"}
    assert local.compatibility_date == "2026-09-08"
    assert local.compatibility_flags == [
        "python_workers",
        "queue_consumer_no_wait_for_wait_until",
        "enable_request_signal",
        "python_workers_development",
    ]
    assert crons_of(project()) == ["*/5 * * * *"]


def test_only_complete_lines_of_the_log_are_shown_each_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert new_lines(log, 0) == ([], 0)
    log.write_bytes(b"one\ntw")
    assert new_lines(log, 0) == (["one"], 4)
    assert new_lines(log, 4) == ([], 4)
    log.write_bytes(b"one\ntwo\nthr\xff")
    assert new_lines(log, 4) == (["two"], 8)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A = b c ", "b c"),
        ('A="b # c"', "b # c"),
        ("A='b'", "b"),
        ("A=b # a comment", "b"),
        ("A=", ""),
        ("# A=b", None),
        ("A", None),
    ],
)
def test_secrets_are_read_as_the_deploy_tool_reads_them(tmp_path: Path, line: str, value: str | None) -> None:
    (tmp_path / ".dev.vars").write_text(f"\n{line}\n")
    assert read_secrets(tmp_path / ".dev.vars").get("A") == value


class _Session:
    """``temporal-do edge dev`` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = folder / "said.txt"
        words = [sys.executable, "-m", "temporal_do.cli", "edge", "dev", "--port", "0"]
        with self.said.open("wb") as output:
            self.process = subprocess.Popen(words, cwd=folder, stdout=output, stderr=subprocess.STDOUT)

    def wait_for(self, text: str, *, times: int = 1) -> list[str]:
        """The lines with ``text``, once there are so many."""
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at and self.process.poll() is None:
            found = [line for line in self.said.read_text().splitlines() if text in line]
            if len(found) >= times:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{text!r} was not said:\n{self.said.read_text()}")

    @property
    def url(self) -> str:
        """Where it runs."""
        return self.wait_for("running on ")[-1].removeprefix("running on ")

    def request(self, path: str) -> int:
        """The status of a GET without a token."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=START_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def wait_for_end(self) -> str:
        """The last line, after the process has ended."""
        self.process.wait(timeout=START_SECONDS)
        return self.said.read_text().rstrip().splitlines()[-1]

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


@pytest.fixture
def session(folder: Path) -> Iterator[Callable[[], _Session]]:
    """Starts sessions; skips where the platform is not to be had."""
    platform_or_skip()
    started: list[_Session] = []

    def start() -> _Session:
        started.append(_Session(folder))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


def _token(folder: Path) -> str:
    return read_secrets(folder / ".dev.vars")["TEMPORAL_DO_TOKEN"]


def _greet(session: _Session, workflow_id: str) -> str:
    """Start the workflow over HTTP, or find it again, and wait for its result."""

    async def run() -> str:
        shop = Temporal(namespace="shop", url=session.url, token=_token(session.folder))

        @shop.workflow("greeting")
        async def greeting(ctx: WorkflowContext, name: str) -> str:
            raise NotImplementedError("it runs in the Worker")

        handle = await shop.start_workflow(
            greeting, workflow_id=workflow_id, args=["Ada"], task_queue="main", request_id=workflow_id
        )
        try:
            return str(await handle.result())
        finally:
            await shop.close()

    return asyncio.run(run())


def test_from_nothing_to_a_workflow_over_http(
    folder: Path, command: Command, session: Callable[[], _Session]
) -> None:
    assert command("init", "app").code == 0
    assert command("check").code == 0
    first = session()
    assert first.request("/health") == 200
    assert first.request("/api/v1/namespaces/shop/workflows") == 401
    assert first.wait_for("token ") == [f"token {_token(folder)}"]
    assert _greet(first, "greet-1") == "Hello, Ada!"

    app = folder / "app.py"
    good = app.read_text()
    app.write_text(good.replace("Hello", "Goodbye"))
    first.wait_for("running on ", times=2)
    assert _greet(first, "greet-2") == "Goodbye, Ada!"
    assert _greet(first, "greet-1") == "Hello, Ada!", "a new start forgot what was done"
    app.write_text("import numpy\n" + good)
    first.wait_for("the Worker goes on as it was")
    assert first.request("/health") == 200
    assert first.interrupt() == 0
    assert first.wait_for_end().endswith(f"the state is in {folder / '.temporal-do' / 'state'}")
