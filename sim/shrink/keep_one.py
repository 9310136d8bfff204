"""Keeping one: a single fault instead of several, a little sooner or later than it was.

Faults are counted where they may strike, and a fault that goes makes others count differently: what needs
one at its third place may need it at the second when an earlier one is gone. Deleting alone never finds that.

Must not import: another pass.
"""

from __future__ import annotations

import attrs

from .candidate import Candidate, Deviation, Group
from .trial import Trial

KEPT_MAX = 4
"""Of more faults than these, each is taken to be needed."""
_NEAR = (0, -1, -2, -3, -4, 1, 2, 3, 4)


def keep_one(trial: Trial) -> bool:
    """Try each fault alone, at its place and near it; true if one of them is enough."""
    faults = [item for item in trial.best.within(Group.FAULT) if isinstance(item, Deviation)]
    if len(trial.best.items) < 2 or len(faults) > KEPT_MAX:
        return False
    for fault in reversed(faults):
        for near in _NEAR:
            if fault.n + near >= 0:
                moved = attrs.evolve(fault, n=fault.n + near)
                if trial.attempt(Candidate.made_of((moved,))):
                    return True
    return False
