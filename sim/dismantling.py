"""Taking a closed world apart, so that it goes by itself and the garbage collector finds next to nothing.

In a world everything knows everything: an object its incarnation, a life its platform, the platform all of
them. A campaign makes such a world per seed, and for the collector, which comes when their memory is long
cold, taking one apart costs a tenth of what running it does. Whoever wants to look at a run afterwards keeps
it (``runner.run_and_keep``).

Invariant: the simulation is closed, so that none of its code runs any more; its own trace, digest and tape
stay as they are for whoever still holds it.

Must not import: the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .trace import Trace

if TYPE_CHECKING:
    from .simulation import Simulation


def dismantle(simulation: Simulation) -> None:
    """Cut what ties the parts of a closed world to each other."""
    platform: Any = simulation.platform
    for found in platform.objects.values():
        host, found.incarnation = found.incarnation, None
        if host is not None:
            host.calls.clear()
            host.shell = None
        found.alarm.dismantle()
    platform.objects.clear()
    platform.queues.dismantle()
    platform.scheduler.clear()
    platform.loop.dismantle()
    platform.trace = Trace()
    platform.choices = platform.faults = platform.executor = platform.on_crash = platform.cron = None
