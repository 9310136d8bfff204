"""The API over any host: from an HTTP request to the engine's message, and from its reply to a response.

Owns the order of a request's life: limits, token, route, parameters, the operation, the answer. Invariants:
without a configured token nothing is served; tokens are compared in constant time; a request that fails in a
way nobody foresaw is answered with an incident's number, which the log explains; nothing is kept between
requests.

Pure Python over records, so that the same code serves ASGI and a Worker. Must not import: a host, a server, a
framework, a clock.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from ...runtime.actor import Refusal
from ...runtime.connection import request as make_request
from ...runtime.durations import SECOND
from ...runtime.errors import HostError, InvalidArgumentError
from ...runtime.history.scalars import Bad
from .http import (
    BODY_BYTES_MAX,
    Request,
    Response,
    check_limits,
    read_json,
    read_query,
    split_target,
    write_json,
)
from .kinds import DURATION
from .operations import find_operations
from .problems import REFUSAL, Problem, error_body, refusal_status
from .shapes import unknown_member
from .table import FRESH, HEALTH_PATH, OPENAPI_PATH, PREFIX, REQUIRED, Place, read_segment

if TYPE_CHECKING:
    from ...runtime.host import Host
    from .table import Field, Operation

logger = logging.getLogger("temporal_do.api")

WAIT_SECONDS_MAX: Final = 25.0
"""Below the half minute after which many proxies give up on a silent request."""
WAIT_SECONDS_MIN: Final = 1.0
"""So that who does not want to wait still learns what is so."""
RETRY_FOR_NS: Final = 5 * SECOND
MARGIN_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 5.0
"""So long for telling an object that a client has gone."""
REASON_LENGTH_MAX: Final = 1_000
"""A reason may quote what was sent, which may be long."""

_HEADERS: Final = (
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
)


def _tokens(token: str | Iterable[str] | None) -> tuple[bytes, ...]:
    found = () if token is None else (token,) if isinstance(token, str) else token
    if not isinstance(found, Iterable) or not all(isinstance(one, str) for one in found):
        raise InvalidArgumentError("token is a text, or several, so that one can take another's place")
    found = tuple(found)
    for one in found:
        if one and (not one.isascii() or not one.isprintable() or " " in one):
            raise InvalidArgumentError("a token consists of ASCII characters without spaces")
    return tuple(one.encode() for one in found if one)


@attrs.frozen
class Api:
    """The HTTP API with its settings; serves any host, and any number of requests at once.

    ``token``: the bearer token, or several of which each is good; none: every request is refused.
    ``body_bytes_max``: larger requests are refused. ``wait_seconds_max``: a request that waits for something
    is answered "not yet" after so long. ``answer_seconds_max``: the outcome of any other one is unknown then.
    """

    _tokens: tuple[bytes, ...] = attrs.field(
        default=None, alias="token", converter=_tokens, repr=False, kw_only=True
    )
    body_bytes_max: int = attrs.field(default=BODY_BYTES_MAX, kw_only=True)
    wait_seconds_max: float = attrs.field(default=WAIT_SECONDS_MAX, kw_only=True)
    answer_seconds_max: float = attrs.field(default=WAIT_SECONDS_MAX, kw_only=True)

    async def handle(self, host: Host, request: Request) -> Response:
        """Answer one request on ``host``. Never raises, except when it is cancelled."""
        try:
            response = await self._handle(host, request)
        except Problem as problem:
            response = _answer(problem)
        except HostError as error:
            incident = _report(host, "the outcome of a request is unknown", error)
            response = _answer(
                Problem(
                    "outcome_unknown",
                    "whether the request took effect is unknown; make it again with the same request id",
                    ("retry-after", "1"),
                    incident=incident,
                )
            )
        except Exception as error:
            incident = _report(host, "a request failed", error)
            said = f"something failed here; the log has it as {incident}"
            response = _answer(Problem("internal_error", said, incident=incident))
        if request.method == "HEAD":
            response = attrs.evolve(response, body=b"")
        return response

    async def _handle(self, host: Host, request: Request) -> Response:
        check_limits(request)
        path, query = split_target(request.target)
        if path == HEALTH_PATH:
            return self._health(request)
        self._authorize(request)
        if path == OPENAPI_PATH:
            _check_method(request, ("GET",))
            if request.method == "OPTIONS":
                return _options(("GET",))
            from .openapi_description import openapi

            return _respond(200, openapi())
        prefix, *segments = path.removeprefix(PREFIX).split("/") if path.startswith(PREFIX) else ["?"]
        found = {} if prefix else find_operations(segments)
        if not found:
            raise Problem(
                "no_such_route", f"there is nothing at this path; {OPENAPI_PATH} lists what there is"
            )
        _check_method(request, found)
        if request.method == "OPTIONS":
            return _options(found)
        operation = found["GET" if request.method == "HEAD" else request.method]
        return await self._operate(host, operation, segments, query, request)

    # --- who asks -----------------------------------------------------------------------------------------

    def _health(self, request: Request) -> Response:
        _check_method(request, ("GET",))
        if request.method == "OPTIONS":
            return _options(("GET",))
        self._must_have_token()
        return _respond(200, {"status": "ok"})

    def _must_have_token(self) -> None:
        if not self._tokens:
            raise Problem(
                "no_token_configured",
                "no API token is configured here, so every request is refused; configure one",
            )

    def _authorize(self, request: Request) -> None:
        self._must_have_token()
        scheme, _, given = (request.header("authorization") or "").partition(" ")
        offered = given.strip(" \t").encode("utf-8", "surrogateescape")
        accepted = False
        for token in self._tokens:  # all of them, so that the time does not tell which one was near
            accepted |= hmac.compare_digest(token, offered)
        if scheme.lower() != "bearer" or not accepted:
            challenge = 'Bearer realm="temporal-do"' + (', error="invalid_token"' if given else "")
            raise Problem(
                "unauthorized",
                "this token is not accepted" if given else "send the header Authorization: Bearer <token>",
                ("www-authenticate", challenge),
            )

    # --- what is asked ------------------------------------------------------------------------------------

    async def _operate(
        self, host: Host, operation: Operation, segments: list[str], query: str, request: Request
    ) -> Response:
        given = read_query(query)
        plain = _read_choice(given, "payloads", ("exact", "plain")) == "plain"
        patience = self.answer_seconds_max
        if operation.long_poll:
            longest = self.wait_seconds_max
            patience = min(longest, max(_read_wait(given, longest), WAIT_SECONDS_MIN))
        body = await read_json(request, self.body_bytes_max) if operation.has_body else {}
        parameters = read_parameters(host, operation, segments, given, body)
        if operation.waits_ns:
            waits_ns = min(parameters[operation.waits_ns], round(self.wait_seconds_max * SECOND))
            parameters[operation.waits_ns] = waits_ns
            patience = waits_ns / SECOND + MARGIN_SECONDS
        try:
            async with asyncio.timeout(patience):
                reply = await _perform(host, operation, parameters)
        except TimeoutError:
            if operation.long_poll:
                return _respond(202, {"pending": True})
            raise HostError(f"{operation.name} was not answered in {patience:g} s") from None
        if isinstance(reply, Refusal):
            return _refuse(reply)
        written = operation.reply.write(reply)
        if plain:
            from .plain import plain_payloads

            written = plain_payloads(written)
        return _respond(200, written)


def asgi_settings(api: Api | None, token: str | Iterable[str] | None) -> Api:
    """The API meant by a server's arguments. Raises InvalidArgumentError."""
    if api is not None and token is not None:
        raise InvalidArgumentError("give either api= or token=")
    return api if api is not None else Api(token=token)


async def _perform(host: Host, operation: Operation, parameters: dict[str, Any]) -> Any:
    if operation.perform is not None:
        return await operation.perform(host, parameters)
    key = operation.receiver.key(parameters)
    if key is None:
        return Refusal(code="not_found", message="no object of this namespace has such a key")
    try:
        return await make_request(host, key, operation.make_message(parameters), retry_for_ns=RETRY_FOR_NS)
    except asyncio.CancelledError:
        if operation.farewell is not None:
            await _say_farewell(host, key, operation.farewell(parameters))
        raise


async def _say_farewell(host: Host, key: str, message: Any) -> None:
    """The object gets over it if it is not told."""
    try:
        async with asyncio.timeout(FAREWELL_SECONDS):
            await host.call(key, message)
    except (HostError, TimeoutError) as error:
        logger.debug("%s could not be told that a client has gone: %s", key, error)


# --- parameters -------------------------------------------------------------------------------------------


def read_parameters(
    host: Host, operation: Operation, segments: list[str], query: Mapping[str, str], body: Any
) -> dict[str, Any]:
    """The values of every field, by attribute; what is absent has its default. Raises Problem."""
    if type(body) is not dict:
        raise Problem("bad_request", "the body must be a JSON object")
    from_path = dict(zip(operation.segments, segments, strict=True))
    by_place = {place: {f.name: f for f in operation.fields if f.place is place} for place in Place}
    answer = ("payloads", "wait") if operation.long_poll else ("payloads",)
    try:
        for given, place in ((query, Place.QUERY), (body, Place.BODY)):
            for name in given:
                if name not in by_place[place] and (place is Place.BODY or name not in answer):
                    raise unknown_member(name, [*by_place[place], *(answer if place is Place.QUERY else ())])
        return {
            field.attribute: _read_field(host, field, from_path, query, body) for field in operation.fields
        }
    except Bad as bad:
        where = bad.position().rstrip(".")[:REASON_LENGTH_MAX]
        reason = (
            bad.reason if len(bad.reason) <= REASON_LENGTH_MAX else f"{bad.reason[:REASON_LENGTH_MAX]}..."
        )
        raise Problem("bad_request", f"{where}: {reason}" if where else reason, field=where) from None


def _read_field(
    host: Host, field: Field, path: Mapping[str, str], query: Mapping[str, str], body: Mapping[str, Any]
) -> Any:
    name = field.name
    try:
        if field.place is Place.PATH:
            try:
                value: Any = read_segment(path["{" + name + "}"])
            except UnicodeDecodeError:
                raise Bad("is not percent-encoded UTF-8") from None
        elif field.place is Place.QUERY and name in query:
            value = field.kind.from_text(query[name])
        elif field.place is Place.BODY and (
            body.get(name) is not None or (field.null_counts and name in body)
        ):
            value = body[name]
        elif field.default is FRESH:
            from ...runtime.handles import new_id

            return new_id(host)
        elif field.default is REQUIRED:
            raise Bad("is missing")
        else:
            return field.default
        return None if value is None else field.kind.read(value)
    except Bad as bad:
        bad.path.append(name)
        raise


def _read_choice(query: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    value = query.get(name, words[0])
    if value not in words:
        raise Problem("bad_request", f"{name}: must be one of {', '.join(words)}", field=name)
    return value


def _read_wait(query: Mapping[str, str], longest: float) -> float:
    if "wait" not in query:
        return longest
    try:
        return int(DURATION.read(query["wait"])) / SECOND
    except Bad as bad:
        raise Problem("bad_request", f"wait: {bad.reason}", field="wait") from None


# --- answers ----------------------------------------------------------------------------------------------


def _check_method(request: Request, methods: Iterable[str]) -> None:
    allowed = _allowed(methods)
    if request.method not in allowed:
        raise Problem(
            "method_not_allowed",
            f"this path takes {', '.join(allowed)}",
            ("allow", ", ".join(allowed)),
        )


def _allowed(methods: Iterable[str]) -> list[str]:
    found = list(methods)
    return [*found, *(["HEAD"] if "GET" in found else []), "OPTIONS"]


def _options(methods: Iterable[str]) -> Response:
    return Response(status=204, headers=(("allow", ", ".join(_allowed(methods))), *_HEADERS[1:]))


def _respond(status: int, value: Any, *headers: tuple[str, str]) -> Response:
    return Response(status=status, headers=(*_HEADERS, *headers), body=write_json(value))


def _answer(problem: Problem) -> Response:
    return _respond(problem.row.status, problem.body(), *problem.headers)


def _refuse(refusal: Refusal) -> Response:
    body = error_body(
        refusal.code,
        REFUSAL,
        refusal.message,
        retryable=refusal.retryable,
        fields=dict(refusal.fields),
    )
    return _respond(refusal_status(refusal.code), body)


def _report(host: Host, what: str, error: BaseException) -> str:
    """Log what a stranger is not told, and return the number under which it is found."""
    try:
        incident = host.entropy(8).hex()
    except Exception:
        incident = "unnumbered"
    logger.error("incident %s: %s", incident, what, exc_info=error)
    return incident
