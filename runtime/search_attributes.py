"""Search attributes: values by which executions are listed, with Temporal's types.

The type follows from the value: text is a Keyword, a list of texts a KeywordList; int, float, bool and
datetime are Int, Double, Bool and Datetime. The payload's metadata carries the type, as Temporal's does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from json import dumps, loads
from math import isfinite
from typing import Any

from .errors import InvalidArgumentError
from .history import Payload, SearchAttributes


def encode_search_attributes(values: Mapping[str, Any] | None) -> SearchAttributes | None:
    """``{"CustomerId": "c1", "Amount": 12}`` as history records it. Raises InvalidArgumentError."""
    if not values:
        return None
    if not isinstance(values, Mapping):
        raise InvalidArgumentError(f"search attributes are a mapping of names to values, not {values!r}")
    return SearchAttributes(indexed_fields={name: _encode(name, value) for name, value in values.items()})


def decode_search_attributes(attributes: SearchAttributes | None) -> dict[str, Any]:
    """The values of recorded search attributes."""
    if attributes is None:
        return {}
    return {name: decode_search_attribute(payload) for name, payload in attributes.indexed_fields.items()}


def decode_search_attribute(payload: Payload) -> Any:
    """One value; datetimes by their recorded type."""
    value = loads(payload.data) if payload.data else None
    if payload.metadata.get("type") == b"Datetime" and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value


def _encode(name: Any, value: Any) -> Payload:
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(f"the name of a search attribute is a text, not {name!r}")
    if isinstance(value, bool):
        kind = "Bool"
    elif isinstance(value, str):
        kind = "Keyword"
    elif isinstance(value, int):
        kind = "Int"
    elif isinstance(value, float) and isfinite(value):
        kind = "Double"
    elif isinstance(value, datetime) and value.tzinfo is not None:
        kind, value = "Datetime", value.isoformat()
    elif isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        kind, value = "KeywordList", list(value)
    else:
        raise InvalidArgumentError(
            f"search attribute {name!r} is {value!r}; accepted are text, int, finite float, bool, "
            "a datetime with a time zone and a list of texts"
        )
    return Payload(metadata={"encoding": b"json/plain", "type": kind.encode()}, data=dumps(value).encode())
