"""How long a run may take without a step: code that never gives control back must not hang whoever runs it.

Owns the one way out of a loop that awaits nothing: the processor's time, measured by the operating system,
interrupts it. Invariants: a run that takes steps is never ended, however slow the machine; nothing of a run
depends on the clock until it is ended. Where there is no such clock (another thread than the first, Windows,
a timer that is in use) a run is waited for.

Must not import: anything of this package.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

LOOKS = 3
"""So many times in a row there must have been no step."""


class OutOfPatience(KeyboardInterrupt):
    """Raised in the middle of the code that does not come back; no error, so that nothing catches it."""


@contextmanager
def patience(seconds: float, steps: Callable[[], int]) -> Iterator[None]:
    """Interrupt what is inside after about ``seconds`` of the processor's time in which ``steps()`` stayed
    what it was."""
    timer = getattr(signal, "ITIMER_VIRTUAL", None)
    if timer is None or signal.getitimer(timer)[0] or signal.getsignal(signal.SIGVTALRM) is None:
        yield
        return
    seen, looks = -1, 0

    def look(number: int, frame: FrameType | None) -> None:
        nonlocal seen, looks
        now = steps()
        looks = looks + 1 if now == seen else 0
        seen = now
        if looks >= LOOKS:
            raise OutOfPatience

    try:
        before = signal.signal(signal.SIGVTALRM, look)
    except ValueError:  # not the first thread
        yield
        return
    signal.setitimer(timer, seconds / LOOKS, seconds / LOOKS)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(signal.SIGVTALRM, before)
