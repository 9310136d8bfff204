"""Virtual time for ordinary code: `datetime.now()`, `time.time()` and their kin, through freezegun.

Owns: when freezegun is on, and that it follows the virtual clock. It is imported when first asked for,
because it looks through every loaded module; who does not ask pays nothing. This package itself reads no
clock, so the patching does not touch what it does. (Nothing is put on freezegun's list of ignored modules: it
looks a few frames up the stack for them, and below a test there is always pytest, or this package's loop.)

Must not import: the simulation.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_datetime(at_ns: int) -> datetime:
    """``at_ns`` (since the Unix epoch) as an aware datetime in UTC, to the microsecond."""
    return _EPOCH + timedelta(microseconds=at_ns // 1000)


class Freezer:
    """Makes the process see virtual time while it is started. May be started again inside itself."""

    __slots__ = ("_depth", "_freezer", "_frozen")

    def __init__(self) -> None:
        self._depth = 0
        self._freezer: Any = None
        self._frozen: Any = None

    def start(self, now_ns: int) -> None:
        """From here on ordinary clocks show ``now_ns``."""
        self._depth += 1
        if self._depth == 1:
            freeze_time = _prepared()
            self._freezer = freeze_time(as_datetime(now_ns), real_asyncio=True)
            self._frozen = self._freezer.start()

    def move(self, now_ns: int) -> None:
        """The virtual clock has moved."""
        if self._frozen is not None:
            self._frozen.move_to(as_datetime(now_ns))

    def stop(self) -> None:
        """Undo one ``start``."""
        self._depth -= 1
        if self._depth == 0:
            freezer, self._freezer, self._frozen = self._freezer, None, None
            freezer.stop()


def _prepared() -> Callable[..., Any]:
    """freezegun's ``freeze_time``, with the runtime made ready for it.

    A module of the runtime that is imported while time is frozen would keep freezegun's classes in its tables
    for good, so all of them are imported now. And annotations that are resolved while time is frozen name
    freezegun's classes, which have to decode like the real ones.
    """
    from importlib import import_module
    from pkgutil import walk_packages

    from freezegun import api, freeze_time

    from .. import runtime
    from ..runtime.type_shapes import SCALARS

    for module in walk_packages(runtime.__path__, f"{runtime.__name__}."):
        import_module(module.name)
    SCALARS.setdefault(api.FakeDatetime, SCALARS[api.real_datetime])
    SCALARS.setdefault(api.FakeDate, SCALARS[api.real_date])
    return freeze_time
