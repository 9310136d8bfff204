"""Payloads whose content was replaced, so that a history can be handed on.

Owns the mark they carry in their metadata and what it means to a reader: the bytes are not what the run was
about, so they say nothing of whether code has changed. Must not import: anything with behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .history import Failure, Payload

REDACTED: Final = "temporal-do-redacted"
"""The metadata's key; its value numbers the way in which contents are replaced."""


def is_redacted(payload: Payload | None) -> bool:
    """Was the content of this payload replaced?"""
    return payload is not None and REDACTED in payload.metadata


def is_redacted_failure(failure: Failure | None) -> bool:
    """Were the texts of this failure replaced?"""
    return failure is not None and is_redacted(failure.encoded_attributes)
