"""The probe in Python on the platform's own binary."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from temporal_do.edge_adapter.tooling.platform import LocalEdge, Platform, WorkerConfig

PROBE = Path(__file__).parent / "probe" / "main.py"


def python_probe() -> WorkerConfig:
    """The Worker and its one class of objects."""
    return WorkerConfig(main=PROBE, name="python-probe", durable_objects={"PROBE": "Probe"})


async def ask_python(platform: Platform, folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """What each of these cases sees in Python."""
    async with (
        LocalEdge(python_probe(), persist=folder, platform=platform) as edge,
        httpx.AsyncClient(timeout=60, trust_env=False) as http,
    ):

        async def one(name: str) -> Any:
            answer = (await http.post(f"{edge.url}/{name}")).json()
            return answer["seen"] if "seen" in answer else f"failed: {answer['failed']}"

        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
