"""What the deterministic loop refuses: the methods of an event loop that reach another thread or the outside.

Owns: the table of those methods with what to write instead, and the making of the methods that refuse.
Must not import: anything of this package but `errors` and `guard_frames` (lazily, to name the user's line).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

_USE_ACTIVITY = "an activity (await ctx.activity(...))"

# Methods of an event loop that reach outside of the process or into another thread -> what to write instead.
REFUSED_LOOP_METHODS: dict[str, str] = {
    **dict.fromkeys(
        (
            "run_in_executor",
            "getaddrinfo",
            "getnameinfo",
            "create_connection",
            "create_server",
            "create_unix_connection",
            "create_unix_server",
            "create_datagram_endpoint",
            "connect_accepted_socket",
            "connect_read_pipe",
            "connect_write_pipe",
            "start_tls",
            "sendfile",
            "sock_recv",
            "sock_recv_into",
            "sock_recvfrom",
            "sock_recvfrom_into",
            "sock_sendall",
            "sock_sendto",
            "sock_connect",
            "sock_accept",
            "sock_sendfile",
            "subprocess_exec",
            "subprocess_shell",
            "add_reader",
            "remove_reader",
            "add_writer",
            "remove_writer",
            "set_default_executor",
        ),
        _USE_ACTIVITY,
    ),
    "call_soon_threadsafe": "a signal or an update of the workflow",
    "add_signal_handler": "a signal of the workflow (await ctx.wait_for_signal(...))",
    "remove_signal_handler": "a signal of the workflow (await ctx.wait_for_signal(...))",
    "run_forever": "await",
    "run_until_complete": "await",
    "stop": "return from the workflow function",
    "set_task_factory": "asyncio.create_task",
    "set_exception_handler": "try and except around what is awaited",
}


def _refusal(name: str, replacement: str) -> Callable[..., NoReturn]:
    def refuse(self: object, *args: Any, **kwargs: Any) -> NoReturn:
        from .errors import NonDeterministicCallError
        from .guard_frames import user_frame

        where = user_frame(sys._getframe(1))
        raise NonDeterministicCallError(
            call=f"loop.{name}()", replacement=replacement, file=where.file, line=where.line
        )

    refuse.__name__ = name
    refuse.__qualname__ = f"DeterministicLoop.{name}"
    refuse.__doc__ = f"Refused: use {replacement} instead."
    return refuse


def refuse_loop_methods(cls: type) -> None:
    """Give a loop class the methods that refuse, for every name of the table."""
    for name, replacement in REFUSED_LOOP_METHODS.items():
        setattr(cls, name, _refusal(name, replacement))
