"""11. One writer at a time: a superseded incarnation never commits, a superseded attempt is never believed.

Source: the platform keeps at most one incarnation that can commit, so versions of an object count up one by
one and never come from an older incarnation than the last that loaded or committed. What carries the token of
another attempt than the one that runs changes nothing.
"""

from __future__ import annotations

from typing import Any

from ...runtime.actor import Ok
from ...runtime.messages.activity import CompleteActivity, FailActivity, ReportActivityCanceled
from ..trace import Step
from .base import Checker

OUTCOMES: dict[type, str] = {
    CompleteActivity: "completed",
    FailActivity: "failed",
    ReportActivityCanceled: "canceled",
}


class OneWriter(Checker):
    """Follows the incarnations of every object and the tokens of every activity."""

    number = 11
    name = "one-writer"
    kinds = ("load", "commit", "dead", "call", "reply")
    tables = ("ActivityDO.activity",)

    def __init__(self) -> None:
        super().__init__()
        self._newest: dict[str, int] = {}
        self._dead: dict[tuple[str, int], int] = {}
        self._calls: dict[int, Any] = {}
        self._tokens: dict[str, dict[str, int]] = {}

    def step(self, number: int, step: Step) -> None:
        kind = step[0]
        if kind == "call":
            if type(step[5]) in OUTCOMES:
                self._calls[step[4]] = step[5]
        elif kind == "reply":
            message = self._calls.get(step[4])
            if message is not None and type(step[5]) is Ok:
                self._accepted(number, step[2], message)
        elif kind == "dead":
            self._dead.setdefault((step[2], step[3]), number)
        else:
            self._storage(number, step)

    def _storage(self, number: int, step: Step) -> None:
        kind, _, key, incarnation, version = step[:5]
        newest = self._newest.get(key, 0)
        if incarnation < newest:
            self.violated(
                f"incarnation {incarnation} of {key} makes a {kind} after incarnation {newest}", number
            )
        self._newest[key] = max(newest, incarnation)
        died = self._dead.get((key, incarnation))
        if died is not None:
            self.violated(f"incarnation {incarnation} of {key} makes a {kind} after its death", died, number)
        known = self.ledger.versions.get(key, 0)
        expected = known if kind == "load" else known + 1
        if version != expected:
            self.violated(f"{key}: a {kind} of version {version} where {expected} was due", number)

    def row(self, number: int, step: Step, table: str, key: Any, row: Any) -> None:
        if key == "attempt" and row is not None and row.phase in ("started", "deferred"):
            self._tokens.setdefault(step[2], {}).setdefault(row.token, row.number)

    def _accepted(self, number: int, key: str, message: Any) -> None:
        leased = self._tokens.get(key, {})
        if message.token not in leased:
            self.violated(f"{key} accepted {type(message).__name__} of an attempt that nobody leased", number)
            return
        if type(message) is FailActivity:
            return  # it may have been followed by the next attempt already
        tombstone = self.ledger.get(key, "activity", "tombstone")
        attempt = self.ledger.get(key, "activity", "attempt")
        if attempt is not None or (tombstone is not None and tombstone.token != message.token):
            self.violated(f"{key} accepted {type(message).__name__} of an attempt that was over", number)
