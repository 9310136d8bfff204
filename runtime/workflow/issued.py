"""A command between the code that asked for it and the event that records it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..commands import Command
    from .location import Location
    from .machines.base import Machine


class Issued:
    """A command the code asked for, its machine, and the place in the user's code."""

    __slots__ = ("command", "machine", "where")

    def __init__(self, command: Command, machine: Machine, where: Location) -> None:
        self.command: Command | None = command
        self.machine = machine
        self.where = where

    def withdraw(self) -> None:
        """Take it back: it was cancelled before it went out."""
        self.command = None
