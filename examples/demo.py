"""`make demo`: three weeks of a small shop in the simulator, a crash, a recovery, a timeline, two replays.

Needs nothing but the package: no server, no network, no clock to wait for. `--seed` chooses another run of
the same weeks, `--colour always` keeps the colours in a pipe.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from examples.shop import changed  # noqa: E402
from examples.shop.app import temporal  # noqa: E402
from examples.shop.models import Approval, Order, OrderResult  # noqa: E402
from examples.shop.outside import Outside, use_outside  # noqa: E402
from examples.shop.worker import schedule_nightly_report, worker  # noqa: E402
from examples.shop.workflows import approval_workflow, order_workflow, user_onboarding  # noqa: E402
from examples.show import Screen  # noqa: E402
from temporal_do.runtime import History, NondeterminismError, WorkflowHandle  # noqa: E402
from temporal_do.runtime.history import write_history  # noqa: E402
from temporal_do.sim import Replayer, Simulation  # noqa: E402
from temporal_do.sim.timeline import render_timeline  # noqa: E402
from temporal_do.sim.timeline_text import duration_text  # noqa: E402

DAYS = 21
ORDERS = 42
CRASHED = "1007"
FOLDER = ROOT / "build" / "demo"
DAY_SECONDS = 86_400


class Business:
    """What happens in the shop: customers, clerks, and counts of what came of it."""

    def __init__(self) -> None:
        self.results: dict[str, int] = {}
        self.onboarded = 0
        self.approved = 0

    async def customer(self, number: int) -> OrderResult:
        """Order something at some time; a clerk looks at most orders a few hours later."""
        await asyncio.sleep((number % ORDERS) * (DAYS - 6) * DAY_SECONDS / ORDERS)
        who = f"broke-{number}" if number % 14 == 5 else f"customer-{number}"
        order = Order(str(1000 + number), who, "teapot" if number % 5 == 2 else "tea", 1 + number % 3, 450)
        handle = await start_order(order)
        if number % 7:  # every seventh is forgotten, and expires
            await asyncio.sleep(3_600 * (2 + number % 9))
            if (await handle.describe()).close_time is None:
                await handle.signal("approval", Approval(approved=number % 10 != 4, by="clerk"))
        result = await handle.result()
        self.results[result.status] = self.results.get(result.status, 0) + 1
        return result

    async def user(self, number: int) -> None:
        """Sign up, and be asked a week later."""
        await asyncio.sleep(number * DAY_SECONDS)
        await temporal.execute_workflow(
            user_onboarding, workflow_id=f"user-{number}", args=[f"user-{number}"]
        )
        self.onboarded += 1

    async def request(self, number: int) -> None:
        """Ask for something new; the boss answers after the reminder."""
        await asyncio.sleep(number * 3 * DAY_SECONDS)
        handle = await temporal.start_workflow(
            approval_workflow, workflow_id=f"request-{number}", args=["a new kettle", "boss"]
        )
        await asyncio.sleep(30 * 3_600)
        await handle.signal("approval", Approval(approved=True, by="boss"))
        self.approved += await handle.result() == "approved"

    def __str__(self) -> str:
        """The counts so far."""
        orders = ", ".join(f"{count} {status}" for status, count in sorted(self.results.items()))
        return f"{sum(self.results.values())} orders" + (f" ({orders})" if orders else "")


async def start_order(order: Order) -> WorkflowHandle[OrderResult]:
    """Start the workflow of an order."""
    return await temporal.start_workflow(order_workflow, workflow_id=f"order-{order.id}", args=[order])


async def weeks(sim: Simulation, screen: Screen, business: Business) -> None:
    """Chapter one: everything that happens in three weeks, at once."""
    sim.run(worker)
    await schedule_nightly_report()
    people: list[asyncio.Task[object]] = []
    people += [asyncio.create_task(business.customer(number)) for number in range(ORDERS) if number != 7]
    people += [asyncio.create_task(business.user(number)) for number in range(10)]
    people += [asyncio.create_task(business.request(number)) for number in range(5)]
    for day in range(1, DAYS + 1):
        await sim.sleep("1d")
        screen.progress(day, DAYS, f"day {day:>2} · {business}", milestone=day % 7 == 0)
    await asyncio.gather(*people)


async def crash(sim: Simulation, screen: Screen) -> History:
    """Chapter two: kill the order's object between its commit and what it meant to do next."""
    order = Order(CRASHED, "ada", "teapot", 1, 4900)
    key = f"WorkflowDO/shop/order-{CRASHED}"
    # What an object has to tell others is part of the commit; it dies before anything of that is sent.
    sim.place("crash_after_commit", key, occurrence=4)
    handle = await start_order(order)
    await sim.sleep("1h")
    deaths = [step for step in sim.trace.steps() if step["kind"] == "dead" and step.get("key") == key]
    screen.fact("killed", f"{key}, right after a commit", "31")
    for step in deaths[-1:]:
        screen.fact("lost", "its memory, and every call it was making: nobody was told of the commit")
        again = step["incarnation"] + 1
        screen.fact("back as", f"incarnation {again}, from its rows; the workflow from its history")
    screen.fact("status", str(await handle.query("status")))
    await handle.signal("approval", Approval(approved=True, by="clerk"))
    result = await handle.result()
    screen.fact("result", f"{result.status}, {result.shipment.tracking if result.shipment else '-'}", "32")
    return await handle.fetch_history()


def replay(screen: Screen, history: History, path: Path) -> None:
    """Chapters four and five: the history against the code that made it, and against a changed copy."""
    report = Replayer(worker).replay(path)
    verdict = "the code still does what it did" if report.ok else "the code does something else"
    screen.fact("verdict", f"{len(history.events)} events: {verdict}", "32")
    screen.heading("5  The same history against a workflow that somebody changed")
    screen.line("examples/shop/changed.py sends one more mail, and nobody thought of open orders.")
    screen.line()
    try:
        Replayer(changed.temporal).replay(path)
    except NondeterminismError as error:
        screen.block(
            str(error), {"Nondeterminism": "31", ">>": "31", "ok ": "2", "Probable": "33", "Fix:": "32"}
        )
    else:
        raise RuntimeError("the replay did not notice the change")


def run(screen: Screen, seed: str) -> None:
    """Everything, in order."""
    began = time.perf_counter()
    with use_outside(Outside()) as world, Simulation(int(seed) if seed.isdigit() else seed) as sim:
        screen.heading(f"1  {DAYS} days of a small shop")
        business = Business()
        start = sim.now()
        sim.execute(weeks(sim, screen, business))
        wall = time.perf_counter() - began
        virtual = (sim.now() - start).total_seconds()
        reports = sum(to == "owner" for to, _ in world.mails)
        screen.line()
        screen.fact("orders", str(business))
        screen.fact("users", f"{business.onboarded} onboarded, each in a week")
        screen.fact("besides", f"{business.approved} requests approved, {reports} nightly reports")
        passed = duration_text(round(virtual * 1e9))
        screen.fact("took", f"{passed} of business in {wall:.2f} s of your time", "32")

        screen.heading(f"2  Order {CRASHED}: its object is killed in the middle")
        before = world.charge_calls
        history = sim.execute(crash(sim, screen))
        calls = world.charge_calls - before
        times = "once" if calls == 1 else f"{calls} times"
        paid = world.balance("ada") / 100
        screen.fact("charged", f"ada paid {paid:.2f}; the payment provider was called {times}")

        screen.heading(f"3  The timeline of order {CRASHED}")
        screen.block(render_timeline(history, width=screen.width - 2, colour=screen.colour))

        path = export(history)
        screen.heading("4  Its history, replayed")
        screen.fact("exported", short(path))
        replay(screen, history, path)
        screen.heading("What to try next")
        for command, what in commands(path, seed):
            screen.line(f"{screen.paint(command, '1')}")
            screen.line(f"    {what}", "2")
    screen.line()


def export(history: History) -> Path:
    """Write the history where the commands at the end find it."""
    path = FOLDER / f"order-{CRASHED}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_history(history, indent=1), "utf-8")
    return path


def short(path: Path) -> str:
    """`path` as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def commands(path: Path, seed: str) -> list[tuple[str, str]]:
    """Commands that work from here, and what each shows."""
    binaries = Path(sys.executable).parent
    file = shlex.quote(short(path))
    program, python = (shlex.quote(short(binaries / name)) for name in ("temporal-do", "python"))
    return [
        (f"{program} history show {file}", "the timeline again; --events lists what was recorded"),
        (
            f"{program} replay {file} --workflows examples.shop.workflows",
            "the replay, as CI runs it: exit code 0",
        ),
        (f"{program} replay {file} --workflows examples.shop.changed", "the changed workflow: exit code 12"),
        (f"{python} -m pytest tests/examples --sim-seeds 5", "the shop's tests, under five seeds each"),
        (
            f"make demo ARGS='--seed {int(seed) + 1 if seed.isdigit() else 1}'",
            "another order of the same events",
        ),
        ("$EDITOR examples/shop/workflows.py", "change a workflow and run the second command again"),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; 0 if everything went as told."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--seed", default="0", help="names the run (default: 0)")
    parser.add_argument("--colour", choices=("auto", "always", "never"), default="auto")
    chosen = parser.parse_args(arguments)
    screen = Screen(chosen.colour)
    try:
        run(screen, chosen.seed)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        print(f"\nThe demo failed with seed {chosen.seed}: {type(error).__name__}: {error}", file=sys.stderr)
        command = [short(Path(sys.executable)), short(Path(__file__).resolve()), "--seed", chosen.seed]
        print(f"To repeat it: {shlex.join(command)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
