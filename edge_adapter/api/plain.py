"""Payloads as the values they hold, for people who read answers.

Owns one function over the JSON of an answer. It is not reversible: a client that has to be exact asks for
payloads as they are. Must not import: a host, the operations.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Any

from .http import parse_json
from .problems import Problem
from .temporal_kinds import is_payload


def plain_payloads(value: Any) -> Any:
    """``value`` with every payload that holds JSON or nothing replaced by what it holds; what is
    JSON to no strict reader, or too deep for an answer, stays as it is."""
    if type(value) is list:
        return [plain_payloads(item) for item in value]
    if type(value) is not dict:
        return value
    if is_payload(value):
        return _held(value)
    return {name: plain_payloads(item) for name, item in value.items()}


def _held(payload: dict[str, Any]) -> Any:
    try:
        encoding = a2b_base64(payload["metadata"].get("encoding", ""))
        if encoding == b"binary/null":
            return None
        if encoding in (b"json/plain", b"json/protobuf"):
            return parse_json(a2b_base64(payload.get("data", "")))
    except (Base64Error, ValueError, Problem):
        pass
    return payload
