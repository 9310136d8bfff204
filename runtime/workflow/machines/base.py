"""The frame of a command machine: a state, and a table ``(state, event) -> next state``.

Invariant: what the table does not list is refused, before anything changes. Imports no machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ...errors import HistoryReadError

if TYPE_CHECKING:
    from ...history import HistoryEvent

Transitions = Mapping[tuple[str, str], str]


class UnexpectedEventError(HistoryReadError):
    """An event that its machine can't take in the state it is in: the history contradicts itself."""


class Machine:
    """One command's way through history."""

    __slots__ = ("state",)

    transitions: ClassVar[Transitions]
    state: str

    def to(self, event: str) -> None:
        """Move on by the table; raises UnexpectedEventError for what it does not list."""
        following = self.transitions.get((self.state, event))
        if following is None:
            raise UnexpectedEventError(
                f"a {type(self).__name__} that is {self.state!r} can't take {event!r}",
                machine=type(self).__name__,
                state=self.state,
                event=event,
            )
        self.state = following

    def recorded(self, event: HistoryEvent) -> None:
        """The machine's command is in the history, as ``event``."""
        self.to("record")

    def resolve(self, attributes: Any) -> None:
        """The outcome is in the history."""
        raise UnexpectedEventError(f"a {type(self).__name__} has no outcome")


class Cancellable(Protocol):
    """A machine whose command can be followed by a cancellation."""

    def cancel_recorded(self, event: HistoryEvent) -> None:
        """The cancellation is in the history, as ``event``."""


class Cancellation(Machine):
    """The second command of a timer or activity: it was asked to stop."""

    __slots__ = ("target",)

    transitions = {("issued", "record"): "recorded"}

    def __init__(self, target: Cancellable) -> None:
        self.state = "issued"
        self.target = target

    def recorded(self, event: HistoryEvent) -> None:
        """Tell the machine that its cancellation is in the history."""
        self.to("record")
        self.target.cancel_recorded(event)
