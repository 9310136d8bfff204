"""10. At most one run of a workflow id is open at any time.

Source: Temporal's uniqueness of workflow ids; the id is what signals, queries and starts are addressed to.
"""

from __future__ import annotations

from ...runtime.keys import WORKFLOW, kind_of
from ..trace import Step
from .base import Checker
from .facts import RUNNING


class OneOpenRun(Checker):
    """Looks at the runs of a workflow object after each of its commits."""

    number = 10
    name = "one-open-run"
    kinds = ("commit",)

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[str, dict[str, int]] = {}

    def step(self, number: int, step: Step) -> None:
        key = step[2]
        if kind_of(key) != WORKFLOW:
            return
        open_runs = self._open.setdefault(key, {})
        changed = False
        for table, run_id, row in step[5]:
            if table == "run":
                if row is not None and row.status == RUNNING:
                    changed = changed or run_id not in open_runs
                    open_runs.setdefault(run_id, number)
                else:
                    open_runs.pop(run_id, None)
        if changed and len(open_runs) > 1:
            self.violated(
                f"{key} has {len(open_runs)} open runs: {', '.join(open_runs)}", *open_runs.values()
            )
