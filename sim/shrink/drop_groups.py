"""First pass: all at once. Is the schedule needed at all, are the faults, is anything?"""

from __future__ import annotations

from .candidate import Candidate, Group
from .trial import Trial


def drop_groups(trial: Trial) -> None:
    """Try to do without everything, then without each group."""
    if trial.attempt(Candidate((), ())):
        return
    for groups in (
        (Group.SCHEDULE, Group.INPUT),
        (Group.SCHEDULE,),
        (Group.INPUT,),
        (Group.FAULT, Group.DETAIL),
        (Group.DETAIL,),
    ):
        trial.attempt(trial.best.without(trial.best.within(*groups)))
