"""The one place where exploring meets the machine it runs on: its clock and its processes.

Nothing here reaches a simulation: the clock ends campaigns and shrinkings that take too long, and a pool of
processes runs cases side by side. Which cases are run, and what comes of each, does not depend on either.

Must not import: anything of the simulator.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from multiprocessing import get_context, parent_process
from time import perf_counter_ns
from typing import Any

__all__ = [
    "BrokenExecutor",
    "CancelledError",
    "Executor",
    "Future",
    "clock_ns",
    "first_done",
    "is_worker",
    "process_pool",
]


def clock_ns() -> int:
    """A clock that only goes forward, in ns; its zero means nothing."""
    return perf_counter_ns()


def process_pool(jobs: int) -> Executor:
    """``jobs`` fresh processes, started without a copy of this one: they import what they need."""
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_leave_interrupts)


def is_worker() -> bool:
    """Is this a process that another one has started to run cases?"""
    return parent_process() is not None


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process at the terminal: the one that plans the campaign ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def first_done(futures: Iterable[Future[Any]]) -> list[Future[Any]]:
    """Wait until at least one of ``futures`` is done; those that are, in the order given."""
    given = list(futures)
    done = wait(given, return_when=FIRST_COMPLETED).done
    return [future for future in given if future in done]
