"""Completing an activity from outside its worker, by its task token.

Owns the handle that whoever holds ``activity.info().task_token`` uses. Invariants: a call that lost the
attempt (it timed out, was retried, or its workflow closed) raises, and nothing is recorded twice. Must not
import a host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .activity import split_task_token
from .actor import Refusal
from .errors import Fault, HostError, TemporalError
from .messages.activity import (
    CompleteActivity,
    FailActivity,
    RecordHeartbeat,
    ReportActivityCanceled,
)

if TYPE_CHECKING:
    from .host import Host
    from .payloads import DataConverter


class ActivityNotRunningError(TemporalError):
    """The attempt that the task token names is over, or cannot end this way. Field: ``code``."""

    fault: ClassVar[Fault] = "user"


class AsyncActivityHandle:
    """One open attempt, to be ended from outside."""

    __slots__ = ("_converter", "_host", "_identity", "_key", "_token")

    def __init__(
        self, host: Host, task_token: bytes, converter: DataConverter, *, identity: str = ""
    ) -> None:
        """Raises InvalidArgumentError if ``task_token`` is not one."""
        self._host = host
        self._key, self._token = split_task_token(task_token)
        self._converter = converter
        self._identity = identity

    async def complete(self, result: Any = None) -> None:
        """End the activity with ``result``. Repeating it is harmless. Raises ActivityNotRunningError."""
        payloads = (self._converter.to_payload(result, where="result"),)
        await self._call(CompleteActivity(token=self._token, result=payloads, identity=self._identity))

    async def fail(self, error: BaseException) -> None:
        """End this attempt with ``error``; the retry policy decides what follows."""
        from .failures import failure_from_exception

        failure = failure_from_exception(error, self._converter)
        await self._call(FailActivity(token=self._token, failure=failure, identity=self._identity))

    async def report_cancellation(self, *details: Any) -> None:
        """End the activity as cancelled; only after a heartbeat said that this is asked for."""
        payloads = tuple(self._converter.to_payloads(details))
        await self._call(ReportActivityCanceled(token=self._token, details=payloads, identity=self._identity))

    async def heartbeat(self, *details: Any) -> bool:
        """Report progress; True if the activity has been asked to stop."""
        payloads = tuple(self._converter.to_payloads(details))
        reply = await self._call(RecordHeartbeat(token=self._token, details=payloads))
        return bool(reply.cancel_requested)

    async def _call(self, message: Any) -> Any:
        reply = await self._host.call(self._key, message)
        if isinstance(reply, Refusal):
            if reply.retryable:
                raise HostError(reply.message, code=reply.code)
            raise ActivityNotRunningError(f"the activity cannot take this: {reply.message}", code=reply.code)
        return reply
