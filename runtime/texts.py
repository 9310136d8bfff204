"""The check that a name, an id or a reason is a text, and the spellings of names. Imports nothing but the
errors."""

from __future__ import annotations

from typing import Any

from .errors import InvalidArgumentError


def checked_text(value: Any, name: str, *, may_be_empty: bool = False) -> str:
    """``value`` if it is a text. ``name`` is what errors call it. Raises InvalidArgumentError."""
    if isinstance(value, str) and (value or may_be_empty):
        return value
    raise InvalidArgumentError(f"{name} is a {'' if may_be_empty else 'non-empty '}text, not {value!r}")


def pascal_case(name: str) -> str:
    """``TIMED_OUT`` as ``TimedOut``."""
    return "".join([word.capitalize() for word in name.split("_")])


def event_kind(event_type: str) -> str:
    """``EVENT_TYPE_TIMER_FIRED`` as ``TimerFired``."""
    return pascal_case(event_type.removeprefix("EVENT_TYPE_"))


def camel_case(name: str) -> str:
    """``run_timeout`` as ``runTimeout``."""
    first, *rest = name.split("_")
    return first + "".join([word.capitalize() for word in rest])
