"""The OpenAPI description of the API, made from the table of operations.

Owns how a row becomes a path item, and the schemas of errors. Invariants: everything that the handler
accepts or answers is described, and nothing else; the description is the same in every process.

Must not import: a host, a server.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from .kinds import DURATION, Kind, every_part
from .operations import every_operation
from .problems import CODES, KINDS, refusal_status
from .shapes import nullable
from .table import FRESH, HEALTH_PATH, OPENAPI_PATH, PREFIX, REQUIRED, Field, Operation, Place

VERSION: Final = "1"

_DESCRIPTION: Final = """\
Durable workflows over HTTP. Every request but the one for health needs a bearer token.

Payloads are any JSON value, or payloads as Temporal writes them; answers hold the latter, and with
`payloads=plain` the values themselves. A request that changes something takes an id (`requestId`,
`updateId`): made again with the same one it acts once. Where the outcome is unknown (an error of kind
`unknown`, a broken connection) make the request again with that id. A parameter in a path is
percent-encoded; one that begins with `~`, and the parameters `.` and `..`, are written with a `~` before
them."""

_QUERY_PAYLOADS: Final[dict[str, Any]] = {
    "name": "payloads",
    "in": "query",
    "description": "How payloads of the answer are written: as they are, or as the values they hold.",
    "schema": {"type": "string", "enum": ["exact", "plain"], "default": "exact"},
}
_QUERY_WAIT: Final[dict[str, Any]] = {
    "name": "wait",
    "in": "query",
    "description": "How long to wait for the answer, a duration; the server may wait less. 202: not yet.",
    "schema": {"type": "string", "examples": ["20s"], "pattern": "^[0-9]{1,6}(ms|s|m|h)$"},
}
_PENDING: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["pending"],
    "properties": {"pending": {"const": True}},
}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "kind", "message"],
            "properties": {
                "code": {"type": "string", "description": "Stable; for machines."},
                "kind": {
                    "type": "string",
                    "enum": list(KINDS),
                    "description": "refusal: turned down, nothing changed. argument: not acceptable. access: "
                    "it reached no operation. unknown: whether it took effect is unknown.",
                },
                "message": {"type": "string"},
                "retryable": {"type": "boolean"},
                "fields": {"type": "object"},
                "field": {"type": "string", "description": "Which part of the request is not acceptable."},
                "incident": {"type": "string", "description": "The number under which the log has it."},
            },
        }
    },
}


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


_ERROR_REFERENCE: Final = {"$ref": "#/components/schemas/Error"}


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": _json(_ERROR_REFERENCE)}


def _described(schema: Any, field: Field) -> dict[str, Any]:
    found = dict(schema)
    if field.says:
        found["description"] = field.says
    if field.default not in (FRESH, REQUIRED, None, ()) and field.kind is not DURATION:
        found["default"] = field.default
    return found


def _parameter(field: Field) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": field.name,
        "in": field.place.value,
        "required": field.place is Place.PATH or field.default is REQUIRED,
        "schema": _described(field.kind.reference, field),
    }
    if field.says:
        found["description"] = field.says
    return found


def _body(operation: Operation) -> dict[str, Any] | None:
    fields = [field for field in operation.fields if field.place is Place.BODY]
    if not fields:
        return None
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            field.name: _described(
                field.kind.reference if field.default is REQUIRED else nullable(field.kind), field
            )
            for field in fields
        },
        "additionalProperties": False,
    }
    required = [field.name for field in fields if field.default is REQUIRED]
    if required:
        schema["required"] = required
    return {"required": bool(required), "content": _json(schema)}


def _codes_by_status(operation: Operation) -> dict[int, list[str]]:
    """The error codes an operation may answer with, by status."""
    found: dict[int, list[str]] = {}
    for row in CODES.values():
        if row.code == "method_not_allowed":
            continue
        if operation.has_body or row.code not in ("unsupported_media_type", "body_too_large", "bad_json"):
            found.setdefault(row.status, []).append(row.code)
    for code in operation.refusals:
        found.setdefault(refusal_status(code), []).append(code)
    return found


def _operation(operation: Operation) -> dict[str, Any]:
    parameters = [_parameter(field) for field in operation.fields if field.place in (Place.PATH, Place.QUERY)]
    parameters.append(_QUERY_PAYLOADS)
    responses: dict[str, Any] = {"200": {"description": "Done.", "content": _json(operation.reply.reference)}}
    if operation.long_poll:
        parameters.append(_QUERY_WAIT)
        responses["202"] = {"description": "Not yet; ask again.", "content": _json(_PENDING)}
    for status, codes in sorted(_codes_by_status(operation).items()):
        responses[str(status)] = _error(", ".join(codes))
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": parameters,
        "responses": responses,
    }
    body = _body(operation)
    if body is not None:
        found["requestBody"] = body
    return found


def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = {"Error": _ERROR}
    kinds: list[Kind] = []
    for operation in every_operation():
        kinds += [field.kind for field in operation.fields]
        kinds.append(operation.reply)
    for kind in kinds:
        for part in every_part(kind):
            if part.component:
                found[part.component] = part.schema
    return dict(sorted(found.items()))


def _health() -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"const": "ok"}},
    }
    return {
        "get": {
            "operationId": "health",
            "summary": "Is the API served?",
            "tags": ["service"],
            "security": [],
            "responses": {
                "200": {"description": "It is.", "content": _json(schema)},
                "503": _error("no_token_configured"),
                "414": _error("target_too_long"),
                "431": _error("headers_too_large"),
            },
        }
    }


def _itself() -> dict[str, Any]:
    return {
        "get": {
            "operationId": "openapi",
            "summary": "This description.",
            "tags": ["service"],
            "responses": {
                "200": {"description": "OpenAPI 3.1.", "content": _json({"type": "object"})},
                "401": _error("unauthorized"),
                "503": _error("no_token_configured"),
                "414": _error("target_too_long"),
                "431": _error("headers_too_large"),
            },
        }
    }


@lru_cache(maxsize=1)
def openapi() -> dict[str, Any]:
    """The description, as `json.dumps` takes it. Not to be changed."""
    paths: dict[str, Any] = {HEALTH_PATH: _health(), OPENAPI_PATH: _itself()}
    for operation in every_operation():
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "temporal-do", "version": VERSION, "description": _DESCRIPTION},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
