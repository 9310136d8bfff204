"""Which objects hold something in this isolate's memory, and when they let go of it.

The platform takes an idle object out of memory after ten seconds, but what Python keeps for it stays until
the garbage collector of JavaScript comes by, which may be never. So an object that has been idle for as long
is emptied here: its next event, if it is still there, starts from the committed rows.

Invariant: only what has no call, no alarm and no work under way is emptied, and that is done without any I/O,
because it happens during some other object's event.

Must not import: the SDK, anything of JavaScript.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Protocol

from ...runtime.durations import SECOND

IDLE_NS: Final = 10 * SECOND
LOOKS_MAX: Final = 3
"""So many objects are looked at per event: more than come, so that they cannot pile up."""


class Holder(Protocol):
    """An object that may hold something."""

    def forget(self) -> bool:
        """Let go of what is in memory. False: not now."""
        ...


class Memory:
    """The objects of an isolate, the least recently used first."""

    def __init__(self) -> None:
        self._used: OrderedDict[Holder, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    def use(self, holder: Holder, now_ns: int) -> None:
        """``holder`` has an event; some that have had none for long let go."""
        used = self._used
        used[holder] = now_ns
        used.move_to_end(holder)
        for _ in range(LOOKS_MAX):
            oldest = next(iter(used))
            if now_ns - used[oldest] < IDLE_NS:
                return
            del used[oldest]
            if not oldest.forget():
                used[oldest] = now_ns
