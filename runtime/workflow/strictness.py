"""How much a replay may differ from its history before it is an error. Owns the two standard settings."""

from __future__ import annotations

from typing import Literal

import attrs

Level = Literal["error", "warning", "ignore"]


@attrs.frozen(kw_only=True)
class Strictness:
    """What to make of a difference in each aspect of a command.

    Kinds of commands, their order, and what they are (activity type, child workflow id, signal name, patch id
    ...) are always errors. The rest is a choice:

    ``arguments`` of activities, children, signals and continue-as-new; ``durations`` of timers; ``results``
    of the workflow and of its updates; ``options`` (task queue, timeouts, policies); ``step_names``;
    ``properties`` (memo and search attributes). Temporal's replayer accepts a difference in any of them
    silently.
    """

    arguments: Level = "error"
    durations: Level = "error"
    results: Level = "error"
    options: Level = "warning"
    step_names: Level = "warning"
    properties: Level = "warning"

    def level(self, aspect: str) -> Level:
        """The level of one aspect; what is not a choice is an error."""
        found: Level = getattr(self, aspect, "error")
        return found


STRICT = Strictness()
"""For tests and replay: whatever changes what a workflow does is an error."""

PRODUCTION = Strictness(
    arguments="ignore",
    durations="ignore",
    results="ignore",
    options="ignore",
    step_names="ignore",
    properties="ignore",
)
"""For running workflows: only what makes the history impossible to follow stops a workflow."""
