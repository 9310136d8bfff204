"""Changes of search attributes and of the memo.

======  ======  ========
state   event   next
======  ======  ========
issued  record  recorded
======  ======  ========

They have no outcome: what was asked for is so. Imports nothing but the frame and the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Machine

if TYPE_CHECKING:
    from ...commands import ModifyProperties, UpsertSearchAttributes
    from ..instance import WorkflowRun
    from ..location import Location


class PropertiesMachine(Machine):
    """One change."""

    __slots__ = ()

    transitions = {("issued", "record"): "recorded"}

    def __init__(
        self, run: WorkflowRun, command: UpsertSearchAttributes | ModifyProperties, where: Location
    ) -> None:
        self.state = "issued"
        run.issue(command, self, where)
