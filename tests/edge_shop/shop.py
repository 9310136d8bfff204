"""The example shop as a Worker on this machine: its bundle, its outside world, a client, and its death."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from examples.shop.outside import Outside
from examples.shop.outside_server import OutsideServer, serve_outside
from examples.shop.pace import Pace
from temporal_do.edge_adapter.cloudflare import names
from temporal_do.edge_adapter.tooling.bundle import collect_bundle, write_bundle
from temporal_do.edge_adapter.tooling.dev import local_config
from temporal_do.edge_adapter.tooling.platform import LocalEdge, Platform
from temporal_do.edge_adapter.tooling.project import open_project
from temporal_do.runtime import Temporal

PROJECT = Path(__file__).resolve().parents[2] / "examples" / "wrangler.jsonc"
TOKEN = "the-token-of-the-shop"
QUICK = Pace(payment="300ms", approval="4s", transit="600ms", feedback="2s", courier="200ms", service="8s")
"""A week in two seconds."""


def build(platform: Platform, out: Path) -> None:
    """Make the bundle that would be deployed."""
    write_bundle(collect_bundle(open_project(PROJECT), platform.python_modules), out)


@attrs.define(kw_only=True)
class Shop:
    """The running shop."""

    edge: LocalEdge
    outside: OutsideServer
    temporal: Temporal
    restarts: list[float] = attrs.field(factory=list)
    """Seconds that each start after a kill took."""

    async def kill(self) -> None:
        """`kill -9` of the platform, and a new start on what was durable."""
        await self.edge.kill()
        began = time.monotonic()
        await self.edge.start()
        self.restarts.append(time.monotonic() - began)


@asynccontextmanager
async def open_shop(platform: Platform, bundle: Path, folder: Path, **variables: str) -> AsyncIterator[Shop]:
    """Start the shop with the state in ``folder``; ``variables`` are the Worker's."""
    with serve_outside(Outside()) as outside:
        secrets = {
            names.TOKEN_SECRET: TOKEN,
            "SHOP_PACE": str(QUICK),
            "SHOP_OUTSIDE": outside.url,
            **variables,
        }
        config = local_config(open_project(PROJECT), bundle, secrets)
        async with LocalEdge(config, persist=folder, platform=platform) as edge:
            temporal = Temporal(namespace="shop", task_queue="shop", url=edge.url, token=TOKEN)
            async with temporal:
                yield Shop(edge=edge, outside=outside, temporal=temporal)
