"""When a run can't go on, or goes in circles: deciding so, and saying why.

Owns: the budgets of one simulation (events without news, virtual time, events without progress), the errors
they end in, and what is to be raised into the test at the next opportunity. Invariants: deciding changes
nothing in the simulated world; after an error was raised its budget starts anew, so that a test which expects
it can go on.

Must not import: the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime.durations import format_duration
from .errors import BudgetExceeded, SimulationDeadlock, TimeStandsStill
from .freezing import as_datetime
from .trace import describe_step

if TYPE_CHECKING:
    from ..runtime.deployment import Deployment
    from .platform import Platform

HOUSEKEEPING_MAX = 20_000
"""So many events without progress of any workflow or client, and there will be none: an activity fails for
ever, say. Not while the test sleeps: that ends by itself."""

_CHECK_EVERY = 1000
_LAST_STEPS = 15


class Stuck:
    """Watches one run. ``step_budget`` events may pass without news, until ``end_ns`` (None: no bound)."""

    __slots__ = (
        "_alert",
        "_deployment",
        "_end_ns",
        "_platform",
        "_seed",
        "_start_ns",
        "_step_budget",
        "sleeping",
    )

    def __init__(
        self,
        platform: Platform,
        deployment: Deployment,
        *,
        seed: int | str,
        step_budget: int | None,
        end_ns: int | None,
    ) -> None:
        self._platform = platform
        self._deployment = deployment
        self._seed = seed
        self._step_budget = step_budget
        self._start_ns = platform.now()
        self._end_ns = end_ns
        self._alert: BaseException | None = None
        self.sleeping = 0
        """How many sleeps of the test are under way."""

    def raise_in_test(self, error: BaseException) -> None:
        """Raise ``error`` where the test waits, now or as soon as it waits again."""
        loop = self._platform.loop
        main = loop.main
        if main is None or not main.throw(error):
            self._alert = self._alert or error
            loop.check_at = 0

    def take_alert(self) -> BaseException | None:
        """What could not be raised yet because nobody waited; told once."""
        alert, self._alert = self._alert, None
        return alert

    def news(self) -> None:
        """The test has heard something."""
        platform = self._platform
        platform.news_at = platform.progress_at = platform.loop.events

    def check(self) -> BaseException | None:
        """The error to raise now, if any. Says at which event it wants to be asked again."""
        alert = self.take_alert()
        if alert is not None:
            return alert
        platform = self._platform
        loop = platform.loop
        silence = loop.events - platform.news_at
        next_check = _CHECK_EVERY
        if self._step_budget is not None:
            if silence >= self._step_budget:
                platform.news_at = loop.events
                return BudgetExceeded(
                    self.why(
                        f"{silence} events have passed without news for the test; if that is as it should "
                        "be, give Simulation(step_budget=...) a higher number"
                    )
                    + self._last_steps()
                )
            next_check = min(next_check, self._step_budget - silence)
        if self._end_ns is not None and platform.now() >= self._end_ns:
            end_ns, self._end_ns = self._end_ns, None
            return BudgetExceeded(
                self.why(
                    f"{format_duration(end_ns - self._start_ns)} of virtual time are over; if that is as it "
                    "should be, give Simulation(time_budget=...) a longer duration"
                )
                + self._last_steps()
            )
        if loop.events - platform.progress_at >= HOUSEKEEPING_MAX and not self.sleeping:
            platform.progress_at = loop.events
            return SimulationDeadlock(
                self.why(f"for {HOUSEKEEPING_MAX} events neither a workflow nor a client has made progress")
                + self._last_steps()
            )
        loop.check_at = loop.events + next_check
        return None

    def blocked(self) -> BaseException:
        """The error to raise when the test waits and no event is left within the limit of time."""
        scheduler = self._platform.scheduler
        next_ns = scheduler.next_ns()
        if next_ns is None:
            return SimulationDeadlock(self.why("nothing is left that could happen"))
        wait = format_duration(next_ns - scheduler.now())
        return TimeStandsStill(
            self.why(
                f"time skipping is off and the next event is {wait} away; let time pass with "
                "'await simulation.sleep(...)' or 'await simulation.run_until(...)'"
            )
        )

    def why(self, text: str) -> str:
        """``text``, where the test waits, what every open workflow waits for, the time and the seed."""
        from .waiting import open_workflows

        platform = self._platform
        lines = [text]
        main = platform.loop.main
        where = "" if main is None else main.where()
        if where:
            lines.append(f"  the test waits at {where}")
        lines += [f"  workflow {line}" for line in open_workflows(platform, self._deployment)]
        lines.append(f"  virtual time {as_datetime(platform.now()).isoformat()}, seed {self._seed!r}")
        return "\n".join(lines)

    def _last_steps(self) -> str:
        steps = self._platform.trace.tail(_LAST_STEPS)
        lines = [f"    {as_datetime(step[1]).isoformat()} {describe_step(step)}" for step in steps]
        return "\n  the last steps:\n" + "\n".join(lines)
