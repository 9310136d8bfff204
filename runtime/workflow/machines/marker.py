"""Markers: patches and side effects.

======  ======  ========
state   event   next
======  ======  ========
issued  record  recorded
======  ======  ========

Owns the names and details of these markers: patches as Temporal's Core writes them, side effects as its Go
SDK does. Imports nothing but the frame and the commands.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...commands import RecordMarker
from .base import Machine

if TYPE_CHECKING:
    from ...history import Payload
    from ...history.marker import MarkerRecorded
    from ..instance import WorkflowRun
    from ..location import Location

PATCH = "core_patch"
SIDE_EFFECT = "SideEffect"


class MarkerMachine(Machine):
    """One marker."""

    __slots__ = ()

    transitions = {("issued", "record"): "recorded"}

    def __init__(self, run: WorkflowRun, command: RecordMarker, where: Location) -> None:
        self.state = "issued"
        run.issue(command, self, where)


def patch_command(run: WorkflowRun, patch_id: str, deprecated: bool) -> RecordMarker:
    """The marker of ``ctx.patched`` (or ``ctx.deprecate_patch``)."""
    data = run.converter.to_payload({"id": patch_id, "deprecated": deprecated})
    return RecordMarker(marker_name=PATCH, details={"patch-data": (data,)}, summary=patch_id)


def patch_of(marker: MarkerRecorded | RecordMarker) -> tuple[str, bool] | None:
    """(patch id, deprecated) of a patch marker; None for any other marker."""
    if marker.marker_name != PATCH:
        return None
    data = read_json(marker, "patch-data")
    if isinstance(data, dict):
        return str(data.get("id", "")), bool(data.get("deprecated", False))
    return None


def side_effect_command(run: WorkflowRun, number: int, result: Payload) -> RecordMarker:
    """The marker of ``ctx.side_effect``; ``number`` counts from 1."""
    return RecordMarker(
        marker_name=SIDE_EFFECT,
        details={"side-effect-id": (run.converter.to_payload(number),), "data": (result,)},
    )


def read_json(marker: MarkerRecorded | RecordMarker, key: str) -> Any:
    """The JSON value under ``key`` of a marker's details, or None."""
    payloads = marker.details.get(key)
    if not payloads:
        return None
    try:
        return json.loads(payloads[0].data)
    except ValueError:
        return None
