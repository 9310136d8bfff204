"""A durable object as the platform sees it: two entries, ``deliver`` and ``alarm``, over the engine's shell.

A call carries the object's key and one encoded message, and is answered with one encoded reply, or with a
text that says why there is none. The key is stored with the first commit, because an alarm wakes an object
that knows only the hash of its name.

Invariants
- One shell at a time; when it dies, the next event makes another one from the committed rows.
- What an idle object holds in memory is dropped; see ``memory``.
- The alarm's handler raises only when the database itself does: after a few failures the platform would
  forget the alarm for good. When the life that handled it ended, it is set again, later each time.

Must not import: the SDK, anything of JavaScript.
"""

from __future__ import annotations

import logging
from typing import Any, ClassVar, Final

from ...runtime.errors import HostError
from ...runtime.records import decode, encode
from .deployed import deployed
from .eager import start_early
from .host import FAILED, now_ns
from .incarnation import Incarnation
from .memory import Memory
from .names import EAGER_VARIABLE
from .storage import Storage

logger = logging.getLogger("temporal_do.cloudflare")

ALARM_RETRY_MS: Final = 2_000
ALARM_RETRY_DOUBLINGS_MAX: Final = 8
_MILLISECOND: Final = 1_000_000

memory: Final = Memory()
"""That of this isolate."""


class DurableShell:
    """Everything about a durable object but the SDK's base class."""

    kind: ClassVar[str] = ""
    """The engine's kind of object, which is also the name of the class."""

    def open(self, ctx: Any, env: Any) -> None:
        """Take over what the platform gives to a new object: its raw context and bindings."""
        self._ctx = ctx
        self._env = env
        self._incarnation: Incarnation | None = None
        self._alarm_failures = 0
        self._owed_ms = 0
        """The moment of an alarm whose handler did not come to its end; 0: none."""

    async def deliver(self, key: str, text: str) -> str:
        """Deliver one message: RPC only. Never raises for what the engine does."""
        try:
            incarnation = self._living(key)
            reply = await incarnation.handle(decode(text))
        except HostError as error:
            return f"{FAILED}{error}"
        return str(encode(reply), "ascii")

    async def alarm(self, info: Any = None) -> None:
        """The alarm went off."""
        scheduled_ms = _scheduled_ms(info)
        found = self._incarnation
        if found is not None and found.alive:
            incarnation = self._living(found.key)
        else:
            opened = Storage(self._ctx.storage)
            if not opened.identity:
                return  # nothing was ever committed here
            incarnation = self._living(opened.identity, opened)
        storage = incarnation.storage
        if storage.rung(scheduled_ms, may_be_early=incarnation.rings_early):
            return
        owed_ms = self._owed_ms or scheduled_ms
        await incarnation.ring(owed_ms * _MILLISECOND)
        if incarnation.alive:
            self._alarm_failures = self._owed_ms = 0
            return
        self._owed_ms = owed_ms
        delay_ms = ALARM_RETRY_MS << min(self._alarm_failures, ALARM_RETRY_DOUBLINGS_MAX)
        self._alarm_failures += 1
        logger.warning("the alarm of %s failed and rings again: %s", incarnation.key, incarnation.reason)
        storage.arm(now_ns() // _MILLISECOND + delay_ms)

    def forget(self) -> bool:
        """Let go of what is in memory. False: something is under way."""
        incarnation = self._incarnation
        if incarnation is not None and incarnation.alive:
            if incarnation.calls or incarnation.tasks:
                return False
            incarnation.kill("idle")
        self._incarnation = None
        return True

    def _living(self, key: str, opened: Storage | None = None) -> Incarnation:
        memory.use(self, now_ns())
        incarnation = self._incarnation
        if incarnation is not None and incarnation.alive:
            if incarnation.key != key:
                raise HostError(f"this object is {incarnation.key}, not {key}", key=key)
            return incarnation
        if not key.startswith(f"{self.kind}/"):
            raise HostError(f"{key!r} addresses no {self.kind}", key=key)
        try:
            storage = opened or Storage(self._ctx.storage)
        except Exception as error:
            raise HostError(f"the storage of {key} failed: {error}", key=key) from error
        if storage.identity not in ("", key):
            raise HostError(f"this object is {storage.identity}, not {key}", key=key)
        incarnation = self._incarnation = Incarnation(
            self._env,
            storage,
            key,
            deployed.actors[self.kind],
            deployed.executor,
            None if getattr(self._env, EAGER_VARIABLE, "") == "off" else start_early(self._ctx),
        )
        return incarnation


def _scheduled_ms(info: Any) -> int:
    """The moment an alarm was set for; now, when the platform does not tell."""
    scheduled = getattr(info, "scheduledTime", None)
    if scheduled is None:
        return now_ns() // _MILLISECOND
    return int(scheduled if isinstance(scheduled, int | float) else scheduled.valueOf())
