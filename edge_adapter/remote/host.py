"""The host of a client that talks to an application over its HTTP API.

Owns the translation of a call into a request and of the answer into a reply, by the API's table; so whatever
speaks to a host - handles, schedules, external workers - works over HTTP as it does elsewhere. Invariants: a
refusal comes back as the same refusal; what may be over soon, or may have taken effect, is a HostError, and
what cannot be helped by asking again is an ApiError; a call that waits asks again until it has its answer.

Must not import: another adapter (the API's table aside).
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from ...runtime.actor import Refusal
from ...runtime.errors import HostError
from ...runtime.history.scalars import Bad
from ..api.http import write_json
from ..api.operations import operation_of
from ..api.problems import ACCESS, ARGUMENT, REFUSAL
from ..api.table import PREFIX, Operation, Place, write_segment
from ..machine import Machine
from .errors import ApiError, UnauthorizedError
from .wire import Answer, Wire

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

AGAIN_SECONDS: Final = 0.5
"""A server that says "not yet" without having waited is not asked more often."""
_SHOWN: Final = 200


class RemoteHost(Machine):
    """An application behind ``url``; implements runtime.host.Host for clients and external workers.

    ``token``: the API's bearer token. ``transport`` replaces the network, for tests. Connections are opened
    when they are needed and kept; close them with ``close``, or use ``async with``. Raises
    InvalidArgumentError, and NoHostError where httpx is not installed.
    """

    def __init__(self, url: str, *, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._wire = Wire(url, token, transport)

    def __repr__(self) -> str:
        return f"RemoteHost({self._wire.url!r})"

    async def __aenter__(self) -> RemoteHost:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        await self._wire.close()

    # --- the port ---

    async def call(self, receiver: str, message: Any) -> Any:
        """Make the request that carries ``message`` to ``receiver``; its reply. Raises HostError."""
        operation = operation_of(message)
        parameters = None if operation is None else operation.receiver.read_key(receiver)
        if operation is None or parameters is None:
            raise ApiError(f"the HTTP API has no operation for {type(message).__name__} to {receiver}")
        parameters.update(operation.take_parameters(message))
        target, body = write_request(operation, parameters)
        while True:
            began_ns = self.now()
            answer = await self._wire.send(operation.method, target, body)
            if answer.status != 202 or not operation.long_poll:
                return self._read(operation, answer)
            if self.now() - began_ns < AGAIN_SECONDS * 1e9:
                await asyncio.sleep(AGAIN_SECONDS)

    async def enqueue(self, queue: str, body: Any, delay_ns: int = 0) -> None:
        """Not offered over HTTP. Raises ApiError."""
        raise ApiError("queues cannot be reached over the HTTP API")

    async def put_blob(self, key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """Not offered over HTTP. Raises ApiError."""
        raise ApiError("the object store cannot be reached over the HTTP API")

    async def get_blob(self, key: str) -> bytes | None:
        """Not offered over HTTP. Raises ApiError."""
        raise ApiError("the object store cannot be reached over the HTTP API")

    # --- answers ---

    def _read(self, operation: Operation, answer: Answer) -> Any:
        found = _parse(answer)
        if answer.status == 200 and type(found) is dict:
            try:
                return operation.reply.read(found)
            except Bad as bad:
                raise ApiError(
                    f"the answer to {operation.name} is not understood ({bad.position()}: {bad.reason}); "
                    "the server may be of another version",
                    status=answer.status,
                ) from None
        error = found.get("error") if type(found) is dict else None
        if type(error) is dict and type(error.get("code")) is str:
            return self._read_error(operation, answer, error)
        return self._no_answer_of_the_api(answer)

    def _read_error(self, operation: Operation, answer: Answer, error: dict[str, Any]) -> Refusal:
        code, kind = error["code"], error.get("kind")
        message = str(error.get("message", ""))
        if kind == REFUSAL:
            fields = error.get("fields")
            return Refusal(
                code=code,
                message=message,
                retryable=error.get("retryable") is True,
                fields=fields if type(fields) is dict else {},
            )
        if kind == ARGUMENT:
            return Refusal(code="invalid", message=message)
        if kind == ACCESS:
            cls = UnauthorizedError if answer.status == 401 else ApiError
            raise cls(
                f"{self._wire.url} refuses {operation.name}: {message}", code=code, status=answer.status
            )
        raise HostError(f"{operation.name}: {message}", code=code, incident=str(error.get("incident", "")))

    def _no_answer_of_the_api(self, answer: Answer) -> Refusal:
        """Somebody else has answered: a proxy, or a server that is not this API."""
        what = f"status {answer.status}, {answer.content_type or 'no content type'}"
        if answer.status >= 500 or answer.status in (408, 425, 429):
            raise HostError(f"{self._wire.url} does not serve the API right now ({what})")
        if answer.location:
            raise ApiError(
                f"{self._wire.url} redirects to {answer.location[:_SHOWN]!r}; give the url that "
                "serves the API, since redirects are not followed",
                status=answer.status,
            )
        text = answer.body[:_SHOWN].decode("utf-8", "replace")
        raise ApiError(
            f"{self._wire.url} does not answer as the API does ({what}); is the url right? It says: {text!r}",
            status=answer.status,
        )


def connect(url: str, token: str) -> RemoteHost:
    """The host behind ``url``: what ``Temporal(url=..., token=...)`` calls run on."""
    return RemoteHost(url, token=token)


def write_request(operation: Operation, parameters: dict[str, Any]) -> tuple[str, bytes | None]:
    """The target and the body of the request with these parameters."""
    path = {}
    query = {}
    body = {}
    for field in operation.fields:
        value = parameters.get(field.attribute)
        if value is None and not field.null_counts:
            continue
        if field.place is Place.PATH:
            path["{" + field.name + "}"] = write_segment(str(field.kind.write(value)))
        elif value == field.default and type(value) is type(field.default):
            continue
        elif field.place is Place.QUERY:
            query[field.name] = field.kind.write(value)
        elif field.place is Place.BODY:
            body[field.name] = None if value is None else field.kind.write(value)
    target = PREFIX + "".join(f"/{path.get(segment, segment)}" for segment in operation.segments)
    if query:
        target += "?" + urlencode(query)
    return target, write_json(body) if operation.has_body else None


def _parse(answer: Answer) -> Any:
    if not answer.content_type.startswith("application/json"):
        return None
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
