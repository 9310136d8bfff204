"""Which message a worker process had in hand when it died.

Owns one rule: workers count up with the deliveries of messages, as long as each gets a single one. Once a
batch was made it says nothing more, nor of a trace whose beginning is gone. Must not import: the simulation.
"""

from __future__ import annotations

from .trace import Step


class Workers:
    """Learns from the steps of a run, every one, in order. ``whole``: the first of them is the first step."""

    __slots__ = ("_consumed", "_knows")

    def __init__(self, *, whole: bool) -> None:
        self._consumed: list[tuple[int, Step]] = []
        self._knows = whole

    def heard(self, number: int, step: Step) -> None:
        """Take note of a step."""
        if step[0] == "consume":
            self._consumed.append((number, step))
        elif step[0] == "fault" and step[2] == "batched_message":
            self._knows = False

    def in_hand(self, step: Step) -> tuple[int, Step] | None:
        """Number and step of the delivery to the worker that dies at ``step``; None: that is not known."""
        if not self._knows or step[0] != "dead" or step[2] != "worker":
            return None
        return self._consumed[step[3] - 1] if 0 < step[3] <= len(self._consumed) else None
