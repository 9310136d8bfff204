"""Processes that are killed at any moment: nothing is lost, nothing is recorded twice."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from temporal_do.edge_adapter.local import LocalHost
from temporal_do.runtime import History
from temporal_do.runtime.history import EventType

from .orders import temporal

PROGRAM = Path(__file__).with_name("orders.py")
PATIENCE_SECONDS = 90


class Orders:
    """One database and the processes that work on it, one after the other."""

    def __init__(self, folder: Path, count: int) -> None:
        self.database = folder / "orders.db"
        self.ledger = folder / "ledger.txt"
        self.count = count
        self.ledger.touch()

    def start(self) -> subprocess.Popen[str]:
        program = [sys.executable, str(PROGRAM), str(self.database), str(self.ledger), str(self.count)]
        process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        if line != "open\n":
            process.kill()
            raise AssertionError(f"it did not start: {line}{process.communicate()[1]}")
        return process

    def kill_after(self, seconds: float) -> bool:
        """Run for so long, then kill; False: it was done before."""
        process = self.start()
        time.sleep(seconds)
        process.kill()
        out, _ = process.communicate()
        return "done" not in out

    def finish(self) -> None:
        process = self.start()
        try:
            out, errors = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"not done in {PATIENCE_SECONDS} s: {process.communicate()[1]}") from None
        assert process.returncode == 0, errors
        assert "done" in out

    def histories(self) -> dict[str, list[History]]:
        """The histories of every run, by workflow id."""

        async def read() -> dict[str, list[History]]:
            found: dict[str, list[History]] = {}
            async with LocalHost(self.database) as host:
                application = temporal.connect(host)
                for run in await application.list_workflows():
                    handle = application.get_handle(run.workflow_id, run.run_id)
                    found.setdefault(run.workflow_id, []).append(await handle.fetch_history())
            return found

        return asyncio.run(read())

    def check(self) -> None:
        found = self.histories()
        wanted = {f"{kind}-{number}" for kind in ("order", "shipping") for number in range(self.count)}
        assert set(found) == wanted
        for workflow_id, histories in found.items():
            (history,) = histories
            kinds = Counter(event.event_type for event in history.events)
            number = workflow_id.partition("-")[2]
            assert history.events[-1].event_type == EventType.WORKFLOW_EXECUTION_COMPLETED, workflow_id
            assert (
                kinds[EventType.ACTIVITY_TASK_SCHEDULED] == kinds[EventType.ACTIVITY_TASK_COMPLETED] == 1
            ), workflow_id
            assert kinds[EventType.TIMER_STARTED] == kinds[EventType.TIMER_FIRED] == 1, workflow_id
            if workflow_id.startswith("order"):
                assert kinds[EventType.WORKFLOW_EXECUTION_SIGNALED] == 1
                assert kinds[EventType.CHILD_WORKFLOW_EXECUTION_COMPLETED] == 1
                result = history.events[-1].attributes.result[0].data.decode()
                assert result == f'["paid-{number}","go-{number}","shipped-{number}"]'
        # What happened in the world: each step at least once, every attempt at most once, one key per step.
        lines = [line.split() for line in self.ledger.read_text().splitlines()]
        steps = {(what, int(number)) for what, number, _, _ in lines}
        assert steps == {(what, number) for what in ("charge", "ship") for number in range(self.count)}
        assert max(Counter(map(tuple, lines)).values()) == 1, "an attempt ran twice"
        assert len({key for _, _, key, _ in lines}) == len(steps), "a step changed its idempotency key"

    def check_leftovers(self) -> None:
        connection = sqlite3.connect(self.database)
        assert connection.execute("SELECT count(*) FROM queue").fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


def run_rounds(folder: Path, *, count: int, rounds: int, seed: int) -> None:
    orders = Orders(folder, count)
    moments = random.Random(seed)
    killed = 0
    for _ in range(rounds):
        killed += orders.kill_after(moments.uniform(0.0, 0.4))
    orders.finish()
    orders.check()
    orders.check_leftovers()
    assert killed, "no process was killed before it was done; the rounds are too long"


def test_killed_three_times_every_order_is_done_and_nothing_is_recorded_twice(tmp_path: Path) -> None:
    run_rounds(tmp_path, count=6, rounds=3, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(12))
def test_killed_many_times(tmp_path: Path, seed: int) -> None:
    run_rounds(tmp_path, count=20, rounds=10, seed=seed)
