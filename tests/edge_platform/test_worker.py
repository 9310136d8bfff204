"""A Python Worker with every binding, on the platform's own binary."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import pytest

from .conftest import WORKER, Client

PATIENCE_S = 15.0


def _until(found: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < give_up_at, "it does not happen"
        time.sleep(0.02)


def test_python_inside_is_the_pinned_one(worker: Client) -> None:
    assert worker.ask("python") == "3.14"


def test_variables_arrive_as_they_were_given(worker: Client) -> None:
    assert json.loads(worker.ask("variable", "GREETING")) == "hello"
    assert json.loads(worker.ask("variable", "COUNT")) == 3


def test_the_engine_imports_under_its_installed_name(worker: Client) -> None:
    assert worker.ask("engine", text="1m") == str(60 * 10**9)


def test_objects_keep_rows_and_call_each_other(worker: Client) -> None:
    assert json.loads(worker.ask("add", "rows", "one")) == ["one"]
    assert json.loads(worker.ask("tell", "rows", "others,two")) == ["two"]
    assert json.loads(worker.ask("lines", "others")) == ["two"]


def test_an_alarm_rings(worker: Client) -> None:
    worker.ask("wake", "alarm", "50,rang")
    _until(lambda: json.loads(worker.ask("lines", "alarm")) == ["rang"])


def test_what_is_sent_through_a_queue_arrives(worker: Client) -> None:
    for text in ("a", "b", "c"):
        worker.ask("send", "queue", text)
    _until(lambda: sorted(json.loads(worker.ask("lines", "queue"))) == ["a", "b", "c"])


def test_a_bucket_keeps_objects(worker: Client) -> None:
    worker.ask("put", "shelf", "a book")
    assert worker.ask("get", "shelf") == "a book"


def test_a_cron_is_triggered_by_hand(worker: Client) -> None:
    outcome = worker.loop.run(worker.edge.trigger_cron("*/5 * * * *", scheduled_time_ms=1_700_000_000_000))
    assert outcome == "ok"
    assert json.loads(worker.ask("lines", "cron")) == ["*/5 * * * * 1700000000000"]


@pytest.mark.parametrize("how", ["task", "callback"])
def test_the_workflow_loop_steps_inside_an_object_as_it_does_here(
    worker: Client, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(WORKER))
    import loop_probe

    here = loop_probe.run()
    assert here[-1].endswith("in Task-1"), here[-1]
    assert json.loads(worker.ask("loop", "loop", how)) == here
    monkeypatch.delitem(sys.modules, "loop_probe")


def test_after_kill_9_the_state_is_there_and_a_pending_alarm_rings(worker: Client) -> None:
    port = worker.edge.port
    worker.ask("add", "crash", "before")
    worker.ask("put", "crash", "kept")
    worker.ask("wake", "crash", "200,rang after the crash")
    worker.kill_and_start()
    assert worker.edge.port == port
    _until(lambda: json.loads(worker.ask("lines", "crash")) == ["before", "rang after the crash"])
    assert worker.ask("get", "crash") == "kept"
