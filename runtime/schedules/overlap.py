"""What happens when a schedule fires while a run that it started is still open: one table, every row visible.

Owns the decision only. ``transitions.py`` carries it out.

``running``: a run of this schedule is open, or its start is on the way. ``waiting``: an earlier fire is
buffered. A fire can be waiting without a run only between two steps of one transition; those rows decide
as if a run were open, so that the earlier fire keeps its turn.

Must not import: anything but the standard library.
"""

from __future__ import annotations

from enum import StrEnum


class OverlapPolicy(StrEnum):
    """What to do with a fire while an earlier run is open. The default is to skip it."""

    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    BUFFER_ALL = "buffer_all"
    CANCEL_OTHER = "cancel_other"
    TERMINATE_OTHER = "terminate_other"
    ALLOW_ALL = "allow_all"


class Decision(StrEnum):
    """One outcome of the table."""

    START = "start"
    """Start a run now."""
    DROP = "drop"
    """Count the fire as skipped."""
    BUFFER = "buffer"
    """Queue the fire behind the open run and behind those that wait already."""
    CANCEL = "cancel"
    """Ask every open run to cancel; this fire replaces those that wait and starts when all have closed."""
    TERMINATE = "terminate"
    """The same with termination."""


_S, _D, _B, _C, _T = Decision.START, Decision.DROP, Decision.BUFFER, Decision.CANCEL, Decision.TERMINATE

DECISIONS: dict[tuple[OverlapPolicy, bool, bool], Decision] = {
    # policy                         running waiting
    (OverlapPolicy.SKIP,             False,  False): _S,
    (OverlapPolicy.SKIP,             False,  True):  _D,
    (OverlapPolicy.SKIP,             True,   False): _D,
    (OverlapPolicy.SKIP,             True,   True):  _D,
    (OverlapPolicy.BUFFER_ONE,       False,  False): _S,
    (OverlapPolicy.BUFFER_ONE,       False,  True):  _D,
    (OverlapPolicy.BUFFER_ONE,       True,   False): _B,
    (OverlapPolicy.BUFFER_ONE,       True,   True):  _D,
    (OverlapPolicy.BUFFER_ALL,       False,  False): _S,
    (OverlapPolicy.BUFFER_ALL,       False,  True):  _B,
    (OverlapPolicy.BUFFER_ALL,       True,   False): _B,
    (OverlapPolicy.BUFFER_ALL,       True,   True):  _B,
    (OverlapPolicy.CANCEL_OTHER,     False,  False): _S,
    (OverlapPolicy.CANCEL_OTHER,     False,  True):  _C,
    (OverlapPolicy.CANCEL_OTHER,     True,   False): _C,
    (OverlapPolicy.CANCEL_OTHER,     True,   True):  _C,
    (OverlapPolicy.TERMINATE_OTHER,  False,  False): _S,
    (OverlapPolicy.TERMINATE_OTHER,  False,  True):  _T,
    (OverlapPolicy.TERMINATE_OTHER,  True,   False): _T,
    (OverlapPolicy.TERMINATE_OTHER,  True,   True):  _T,
    (OverlapPolicy.ALLOW_ALL,        False,  False): _S,
    (OverlapPolicy.ALLOW_ALL,        False,  True):  _S,
    (OverlapPolicy.ALLOW_ALL,        True,   False): _S,
    (OverlapPolicy.ALLOW_ALL,        True,   True):  _S,
}  # fmt: skip


def decide(policy: OverlapPolicy, *, running: bool, waiting: bool) -> Decision:
    """Look the fire up in the table."""
    return DECISIONS[policy, running, waiting]
