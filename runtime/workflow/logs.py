"""``ctx.logger``: the standard logger, silent while the code is replayed."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .instance import WorkflowRun

    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter

NAME = "temporal_do.workflow"


class WorkflowLogger(_Adapter):
    """Logs under ``temporal_do.workflow`` with the ids of the run in ``record.workflow``."""

    def __init__(self, run: WorkflowRun) -> None:
        super().__init__(logging.getLogger(NAME), {})
        self._run = run

    def isEnabledFor(self, level: int) -> bool:
        """Nothing is logged twice: a replay is silent, and so is a run that is being dropped."""
        return not self._run.replaying and self._run.alive and super().isEnabledFor(level)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the ids of the run."""
        run = self._run
        workflow = {
            "namespace": run.namespace,
            "workflow_id": run.workflow_id,
            "run_id": run.run_id,
            "workflow_type": run.definition.name,
        }
        extra = {**(kwargs.get("extra") or {}), "workflow": workflow}
        return msg, {**kwargs, "extra": extra}
