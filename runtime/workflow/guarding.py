"""Which guard runs are stepped under: one per workflow definition, made of the one that was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..definitions import WorkflowDefinition
    from ..guard import Guard


class Guards:
    """Guards by definition. ``base`` None: the production guard, made when it is first needed."""

    __slots__ = ("_base", "_by_definition")

    def __init__(self, base: Guard | None) -> None:
        self._base = base
        self._by_definition: dict[WorkflowDefinition, Guard] = {}

    def of(self, definition: WorkflowDefinition) -> Guard:
        """The guard to enter around the code of ``definition``."""
        guard = self._by_definition.get(definition)
        if guard is None:
            if self._base is None:
                from ..guard import production_guard

                self._base = production_guard()
            guard = self._by_definition[definition] = self._base.for_workflow(definition.fn)
        return guard
