"""The platform's event loop chains its callbacks."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from temporal_do.edge_adapter.cloudflare import hops


class Turns:
    """JavaScript's queue of callbacks."""

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], object]] = deque()
        self.count = 0

    def schedule(self, callback: Callable[[], object], delay_ms: float) -> None:
        assert delay_ms == 0
        self.waiting.append(callback)

    def run(self) -> None:
        while self.waiting:
            self.count += 1
            self.waiting.popleft()()


class WebLoop:
    """As much of the platform's loop as a handle needs."""

    def _install_running_loop(self) -> None:
        asyncio._set_running_loop(self)  # type: ignore[arg-type]

    def _install_asyncgen_hooks(self) -> None: ...

    def call_soon(self, *_: Any, context: Any = None) -> None:
        raise AssertionError("it was replaced")

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.raised = context["exception"]


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Turns]:
    """The loop with its callbacks chained."""
    found = Turns()
    module = ModuleType("pyodide.webloop")
    module.WebLoop = type("WebLoop", (WebLoop,), {})  # type: ignore[attr-defined]
    module.scheduleCallback = found.schedule  # type: ignore[attr-defined]
    module.create_once_callable = lambda work, _may_syncify: work  # type: ignore[attr-defined]
    pyodide = ModuleType("pyodide")
    pyodide.webloop = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyodide", pyodide)
    monkeypatch.setitem(sys.modules, "pyodide.webloop", module)
    yield found
    asyncio._set_running_loop(None)


def loop() -> Any:
    assert hops.install()
    return sys.modules["pyodide.webloop"].WebLoop()


def test_what_a_callback_schedules_runs_after_it_in_the_same_turn(turns: Turns) -> None:
    chained, seen = loop(), []

    def first() -> None:
        chained.call_soon(seen.append, "second")
        chained.call_soon(chained.call_soon, seen.append, "fourth")
        chained.call_soon(seen.append, "third")
        seen.append("first")

    chained.call_soon(first)
    assert seen == []
    turns.run()
    assert seen == ["first", "second", "third", "fourth"]
    assert turns.count == 1


def test_what_comes_from_elsewhere_has_a_turn_of_its_own(turns: Turns) -> None:
    chained, seen = loop(), []
    chained.call_soon(seen.append, 1)
    chained.call_soon(seen.append, 2)
    turns.run()
    assert (seen, turns.count) == ([1, 2], 2)


def test_a_long_chain_gives_way(turns: Turns) -> None:
    chained, seen = loop(), []

    def again(left: int) -> None:
        seen.append(left)
        if left:
            chained.call_soon(again, left - 1)

    chained.call_soon(again, 2 * hops.CHAIN_MAX)
    chained.call_soon(seen.append, "other")
    turns.run()
    assert seen.index("other") == hops.CHAIN_MAX
    assert seen[-1] == 0


def test_what_is_cancelled_does_not_run_and_what_raises_stops_nobody(turns: Turns) -> None:
    chained, seen = loop(), []

    def first() -> None:
        chained.call_soon(seen.append, "never").cancel()
        chained.call_soon(int, "no number")
        chained.call_soon(seen.append, "last")

    chained.call_soon(first)
    turns.run()
    assert seen == ["last"]
    assert type(chained.raised) is ValueError


def test_a_loop_that_is_not_known_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pyodide = ModuleType("pyodide")
    pyodide.webloop = ModuleType("pyodide.webloop")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyodide", pyodide)
    assert not hops.install()
