"""How quick the shop is on the platform's own binary, on this machine.

    python -m tests.edge_shop.measure [--orders 40] [--early off]

Prints how long an order takes beside its waits, orders a second, how long a signal takes until its workflow
has ended, and what an order leaves in the databases. State lies in a temporary folder; put TMPDIR on a memory
disk to leave the disk out.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from examples.shop.models import Approval
from examples.shop.workflows import approval_workflow, order_workflow
from temporal_do.edge_adapter.tooling.platform import install_platform
from temporal_do.runtime.durations import parse_duration

from .customers import an_order
from .shop import QUICK, Shop, build, open_shop

WAITS_SECONDS = (parse_duration(QUICK.payment) + parse_duration(QUICK.transit)) / 1e9
AT_ONCE = 8


async def one_order(shop: Shop, number: str) -> float:
    """Order, approve, receive; the seconds it took."""
    began = time.perf_counter()
    handle = await shop.temporal.start_workflow(
        order_workflow, workflow_id=f"order-{number}", args=[an_order(number)]
    )
    await handle.signal("approval", Approval(approved=True))
    result = await handle.result()
    if result.status != "completed":
        raise RuntimeError(f"order {number}: {result}")
    return time.perf_counter() - began


async def one_signal(shop: Shop, number: int) -> float:
    """The seconds from sending a signal to a workflow at rest until its result is here."""
    handle = await shop.temporal.start_workflow(
        approval_workflow, workflow_id=f"request-{number}", args=["a kettle", "boss"]
    )
    while (await handle.describe()).pending_activities or await handle.query("status") != "pending":
        await asyncio.sleep(0.05)
    began = time.perf_counter()
    await handle.signal("approval", Approval(approved=True))
    await handle.result()
    return time.perf_counter() - began


def stored_bytes(folder: Path) -> int:
    """What the databases of all objects hold, their free pages left out."""
    total = 0
    for path in folder.rglob("*.sqlite"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            (pages,) = database.execute("PRAGMA page_count").fetchone()
            (free,) = database.execute("PRAGMA freelist_count").fetchone()
            (size,) = database.execute("PRAGMA page_size").fetchone()
            total += (pages - free) * size
        database.close()
    return total


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument(
        "--early", choices=("on", "off"), default="on", help="start activities beside the queue"
    )
    chosen = parser.parse_args()
    platform = await install_platform()
    with TemporaryDirectory() as name:
        folder = Path(name)
        build(platform, folder / "bundle")
        async with open_shop(
            platform, folder / "bundle", folder / "state", TEMPORAL_DO_EAGER=chosen.early
        ) as shop:
            await one_order(shop, "warm-up")
            singles = [await one_order(shop, f"single-{number}") for number in range(8)]
            signals = [await one_signal(shop, number) for number in range(8)]
            began = time.perf_counter()
            free = asyncio.Semaphore(AT_ONCE)

            async def next_order(number: int) -> float:
                async with free:
                    return await one_order(shop, f"many-{number}")

            before = stored_bytes(folder / "state")
            await asyncio.gather(*(next_order(number) for number in range(chosen.orders)))
            took = time.perf_counter() - began
            await shop.edge.stop()
            stored = stored_bytes(folder / "state") - before
    print(f"one order beside its waits: {median(singles) - WAITS_SECONDS:.3f} s")
    print(
        f"orders a second, {AT_ONCE} at once (waits of {WAITS_SECONDS:g} s each): {chosen.orders / took:.2f}"
    )
    print(f"a signal, until the result is here: {median(signals):.3f} s")
    print(f"stored for an order, all objects: {stored / chosen.orders / 1024:.0f} KiB")


if __name__ == "__main__":
    asyncio.run(main())
