"""What can be wrong with a request, and how an answer says so.

Owns the table of error codes with their statuses, and the JSON form of an error. Invariants: a code, once
published, keeps its meaning; an answer says nothing of the server's insides; ``kind`` tells a client what it
may do next.

Must not import: a host, the operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

# What a client may conclude.
REFUSAL: Final = "refusal"
"""The object understood and turned the request down; nothing changed."""
ARGUMENT: Final = "argument"
"""The request's content is not acceptable; nothing was done."""
ACCESS: Final = "access"
"""The request did not reach an operation; nothing was done, and the same request again is of no use."""
UNKNOWN: Final = "unknown"
"""Whether the request took effect is unknown: make it again with the same request id."""
KINDS: Final = (REFUSAL, ARGUMENT, ACCESS, UNKNOWN)


@attrs.frozen
class ErrorCode:
    """One row: a stable code, the status it comes with, and what a client may conclude."""

    code: str
    status: int
    kind: str


CODES: Final[Mapping[str, ErrorCode]] = {
    code: ErrorCode(code, status, kind)
    for code, status, kind in (
        ("no_token_configured", 503, ACCESS),
        ("unauthorized", 401, ACCESS),
        ("no_such_route", 404, ACCESS),
        ("method_not_allowed", 405, ACCESS),
        ("target_too_long", 414, ARGUMENT),
        ("headers_too_large", 431, ACCESS),
        ("unsupported_media_type", 415, ARGUMENT),
        ("body_too_large", 413, ARGUMENT),
        ("body_too_slow", 408, UNKNOWN),
        ("bad_json", 400, ARGUMENT),
        ("bad_request", 400, ARGUMENT),
        ("outcome_unknown", 503, UNKNOWN),
        ("internal_error", 500, UNKNOWN),
    )
}

# The engine's own codes; any other refusal is a conflict with what is there.
REFUSAL_STATUS: Final[Mapping[str, int]] = {
    "not_found": 404,
    "invalid": 400,
    "invalid_query": 400,
    "too_many_polls": 429,
    "already_started": 409,
    "already_exists": 409,
    "already_leased": 409,
    "closed": 409,
    "conflict": 409,
    "no_worker": 409,
    "stale_token": 409,
    "cancel_not_requested": 409,
}
REFUSAL_STATUS_DEFAULT: Final = HTTPStatus.CONFLICT.value


def refusal_status(code: str) -> int:
    """The status that a refusal with this code comes with."""
    return REFUSAL_STATUS.get(code, REFUSAL_STATUS_DEFAULT)


class Problem(Exception):
    """A request that is answered with an error. ``headers`` go into the answer."""

    def __init__(self, code: str, message: str, *headers: tuple[str, str], **facts: Any) -> None:
        super().__init__(message)
        self.row = CODES[code]
        self.message = message
        self.headers = headers
        self.facts = facts

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return error_body(self.row.code, self.row.kind, self.message, **self.facts)


def error_body(code: str, kind: str, message: str, **facts: Any) -> dict[str, Any]:
    """The JSON of every error; ``facts`` are members beside the three that are always there."""
    return {"error": {"code": code, "kind": kind, "message": message, **facts}}
