"""The shop's world outside, and with `--sim-host=edge` its Worker: all in seconds there, what takes days."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.shop.outside import Outside, use_outside
from examples.shop.outside_server import serve_outside
from examples.shop.pace import Pace, pace, use_pace

PROJECT = Path(__file__).resolve().parents[2] / "examples"
QUICK = Pace(payment="1s", approval="3s", transit="1s", feedback="2s", courier="100ms", service="5s")


@pytest.fixture
def outside() -> Iterator[Outside]:
    """A payment provider, a warehouse and a mail server of this test's own."""
    with use_outside(Outside()) as world:
        yield world


@pytest.fixture
def sim_host_options(outside: Outside) -> Iterator[dict[str, Any]]:
    """In another world than the simulator: the same outside over HTTP, and a quick shop."""
    with serve_outside(outside) as server, use_pace(QUICK):
        yield {"project": PROJECT, "variables": {"SHOP_OUTSIDE": server.url, "SHOP_PACE": str(pace())}}
