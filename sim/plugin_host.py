"""``--sim-host``: the same test file in another world than the simulator.

A package offers such a world as an entry point of the group ``temporal_do.test_hosts``: a function that makes
an `OtherWorld`. Owns the option, what a test gets as ``sim`` there, and what is looked at when it has passed.

Invariants: what is portable means the same in every world, as far as a real clock can mean it; what the
simulator alone can do skips the test with that reason, and is never ignored.

Must not import: a world; the loop and the clock are the world's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import pytest

from ..runtime.durations import DurationLike, parse_duration
from ..runtime.errors import InvalidArgumentError
from .freezing import as_datetime
from .plugin_run import async_function, marker_options

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ..runtime.definitions import Worker
    from ..runtime.host import Host

GROUP: Final = "temporal_do.test_hosts"
TITLE: Final = "temporal-do host"

_MEANINGLESS: Final = frozenset(
    ("seed", "strict", "step_budget", "time_budget", "trace_limit", "cache_size", "replay", "time_skipping")
)
"""Options of a simulation that change nothing in what a test may rely on."""


_SIMULATORS: Final = (
    "--sim-seed",
    "--sim-seeds",
    "--sim-strict",
    "--chaos-seeds",
    "--chaos-budget",
    "--chaos-tape",
)
"""Options of pytest that mean nothing elsewhere."""


class OtherWorld(Protocol):
    """A world in real time."""

    @property
    def host(self) -> Host:
        """What client calls run on."""
        ...

    def execute(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end, with ``host`` as the host of its context."""
        ...

    def crash(self) -> None:
        """Kill it without warning, and start it again on what was durable."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait, in real time."""
        ...

    def describe(self) -> str:
        """What to tell when a test has failed."""
        ...


class MakeWorld(Protocol):
    """What an entry point names."""

    def __call__(
        self, *, folder: Path, skip: Callable[[str], NoReturn], **options: Any
    ) -> AbstractContextManager[OtherWorld]:
        """A world with its state in ``folder``. ``options`` are those of the fixture ``sim_host_options``;
        ``skip`` is called with the reason where there can be no such world on this machine."""
        ...


class PortableSim:
    """What ``sim`` is in another world: the part of `Simulation` that has a meaning there.

    ``host``, ``run``, ``execute``, ``now``, ``sleep``, ``run_until`` and ``crash``. Time is real: ``sleep``
    takes as long as it says. Anything else of a Simulation skips the test.
    """

    def __init__(self, world: OtherWorld, name: str) -> None:
        self._world = world
        self._name = name
        self.workers: list[Worker] = []
        """The workers the test relies on."""

    @property
    def host(self) -> Host:
        """What client calls run on."""
        return self._world.host

    def run(self, worker: Worker) -> None:
        """Say that ``worker`` runs here. It does since the start: which ones do is part of a deployment."""
        if not hasattr(worker, "task_queue"):
            raise InvalidArgumentError(f"run takes a Worker(...), not {worker!r}")
        self.workers.append(worker)

    def execute(self, work: Coroutine[Any, Any, Any] | Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine, or an async function without arguments, to its end."""
        return self._world.execute(work() if callable(work) else work)

    def now(self) -> datetime:
        """The time: an aware datetime in UTC."""
        return as_datetime(self.host.now())

    async def sleep(self, duration: DurationLike) -> None:
        """Let ``duration`` pass, in real time."""
        await self._world.pause(parse_duration(duration) / 1e9)

    async def run_until(self, what: Callable[[], object] | datetime | DurationLike) -> None:
        """Go on until a condition (sync or async, asked again and again) holds, until an instant, or for a
        duration."""
        if isinstance(what, datetime):
            await self._world.pause(max((what - self.now()).total_seconds(), 0.0))
            return
        if not callable(what):
            await self.sleep(what)
            return
        while True:
            holds = what()
            if hasattr(holds, "__await__"):
                holds = await holds
            if holds:
                return
            await self._world.pause(0.05)

    def crash(self, what: str) -> bool:
        """Kill the world; ``what`` dies with everything else. True: it does so in any case."""
        self._world.crash()
        return True

    def describe(self) -> str:
        """What to tell when the test has failed."""
        return self._world.describe()

    def __getattr__(self, name: str) -> Any:
        from .simulation import Simulation

        model = None if name.startswith("_") else Simulation()  # some attributes are an instance's
        if not hasattr(model, name):
            raise AttributeError(f"sim has no attribute {name!r}")
        pytest.skip(f"sim.{name} is the simulator's alone; this is --sim-host={self._name}")


def check_option(config: pytest.Config) -> None:
    """Refuse an unknown world, and options that only the simulator understands. Raises UsageError."""
    name = config.getoption("--sim-host")
    _maker(name)
    for option in _SIMULATORS:
        if config.getoption(option):
            raise pytest.UsageError(f"{option} is the simulator's; it does not go with --sim-host={name}")


def _maker(name: str) -> MakeWorld:
    from importlib.metadata import entry_points

    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(["sim", *sorted(found)])
        raise pytest.UsageError(f"--sim-host: there is no host {name!r}; there are: {known}")
    made: MakeWorld = found[name].load()
    return made


@contextmanager
def other_world(request: pytest.FixtureRequest, name: str) -> Iterator[PortableSim]:
    """The world of one test."""
    item = request.node
    _skip_what_is_not_portable(item, name)
    options: Mapping[str, Any] = request.getfixturevalue("sim_host_options")
    folder = request.getfixturevalue("tmp_path_factory").mktemp(name)
    with _maker(name)(folder=folder, skip=pytest.skip, **options) as world:
        item.stash[OTHER] = sim = PortableSim(world, name)
        yield sim


OTHER: pytest.StashKey[PortableSim] = pytest.StashKey()
"""Where an item keeps what its tests get as ``sim``."""


def _skip_what_is_not_portable(item: Any, name: str) -> None:
    if item.get_closest_marker("chaos") is not None:
        pytest.skip(f"chaos is the simulator's alone; this is --sim-host={name}")
    options = marker_options(item)
    needed = [option for option, value in options.items() if value and option not in _MEANINGLESS]
    if needed:
        pytest.skip(f"sim({', '.join(needed)}=...) is the simulator's alone; this is --sim-host={name}")


@contextmanager
def run_in_other_world(item: pytest.Function) -> Iterator[None]:
    """While this lasts, calling the item's function runs it in its world if it has one; a test that passes is
    looked at afterwards."""
    sim = item.stash.get(OTHER, None)
    if sim is None:
        yield
        return
    with _on_real_time(item, sim):
        yield
    _check_afterwards(item, sim)


@contextmanager
def _on_real_time(item: pytest.Function, sim: PortableSim) -> Iterator[None]:
    original = item.obj
    function = async_function(original)
    if function is None:
        yield
        return

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return sim.execute(function(*args, **kwargs))

    item.obj = run
    try:
        yield
    finally:
        item.obj = original


def add_section(report: pytest.TestReport, item: pytest.Item) -> None:
    """Put at the end of a failed test's report what its world has to say."""
    sim = item.stash.get(OTHER, None)
    add_to_text = getattr(report.longrepr, "addsection", None)
    if sim is not None and add_to_text is not None:
        add_to_text(TITLE, sim.describe())


def _check_afterwards(item: pytest.Function, sim: PortableSim) -> None:
    """Replay every history that the test has left there, as after a test in the simulator."""
    __tracebackhide__ = True
    config = item.config
    wanted = marker_options(item).get("replay", config.getini("sim_replay"))
    if not wanted or config.getoption("--no-sim-replay"):
        return
    from .replayer import Replayer

    for worker in sim.workers:
        if not worker.workflows:
            continue
        histories = sim.execute(_histories(worker))
        report = Replayer(worker).replay_corpus(histories, allow_unregistered=True)
        for each in report.histories:
            if each.error is not None:
                told = "The test passed, but a history it has left does not replay"
                pytest.fail(f"{told}:\n{each.source}: {each.error}", pytrace=False)


async def _histories(worker: Worker) -> list[Any]:
    from ..runtime.application import Temporal

    temporal = Temporal(namespace=worker.namespace)
    found = []
    for each in await temporal.list_workflows():
        found.append(await temporal.get_handle(each.workflow_id, each.run_id).fetch_history())
    return found
