"""How long a run may take without a step: code that never gives control back must not hang whoever runs it.

Owns the ways out of a run: the processor's time, measured by the operating system, interrupts a loop that
awaits nothing; Ctrl-C is noticed also where Python drops it. Invariants: a run that takes steps is never
ended, however slow the machine; nothing of a run depends on the clock until it is ended. Where there is no
such clock (another thread than the first, Windows, a timer that is in use) a run is waited for.

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


@contextmanager
def ctrl_c() -> Iterator[Callable[[], None]]:
    """While this lasts, Ctrl-C raises KeyboardInterrupt as always; the function given raises it again.

    Python drops what is raised in a destructor or in the callback of a weak reference: whoever runs for long
    asks between two runs whether it was.
    """
    before = signal.getsignal(signal.SIGINT)
    pressed = False

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    def ask() -> None:
        if pressed:
            raise KeyboardInterrupt

    try:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, press)
    except ValueError:  # not the first thread
        before = None
    try:
        yield ask
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)
