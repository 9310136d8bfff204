"""The check that a name, an id or a reason is a text. Imports nothing but the errors."""

from __future__ import annotations

from typing import Any

from .errors import InvalidArgumentError


def checked_text(value: Any, name: str, *, may_be_empty: bool = False) -> str:
    """``value`` if it is a text. ``name`` is what errors call it. Raises InvalidArgumentError."""
    if isinstance(value, str) and (value or may_be_empty):
        return value
    raise InvalidArgumentError(f"{name} is a {'' if may_be_empty else 'non-empty '}text, not {value!r}")
