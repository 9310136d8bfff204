"""Makes asyncio's composite primitives the same on every Python, for code that runs on a deterministic loop.

Stock asyncio is not deterministic: `TaskGroup` and `as_completed` visit sets ordered by address, and
`wait_for`, `gather`, `TaskGroup`, `Condition` and `Semaphore` behave differently from one Python to the next.
`install()` (once, when the first deterministic loop is made) replaces the *code* of those stock functions
by a dispatcher that looks at the running loop, so that `from asyncio import gather` in a module imported
earlier is covered too. On any other loop the stock code runs, unchanged.

Owns: the table of what is owned and the dispatch; the functions are in `loop_waiting` and `loop_sync`.
Must not import: anything of this package but those two.
"""

from __future__ import annotations

from asyncio import _get_running_loop
from asyncio import locks as _locks
from asyncio import taskgroups as _taskgroups
from asyncio import tasks as _tasks
from asyncio import timeouts as _timeouts
from types import CodeType, FunctionType, ModuleType
from typing import Any

from .loop_sync import (
    abort_group,
    acquire_semaphore,
    create_group_task,
    enter_timeout,
    exit_group,
    exit_timeout,
    notify_condition,
    on_group_task_done,
    release_semaphore,
    semaphore_locked,
    wait_condition,
)
from .loop_waiting import all_tasks, as_completed, gather, wait, wait_for

# (where the stock function lives, its name) -> what runs instead on a deterministic loop.
_OWNED: tuple[tuple[ModuleType | type, str, Any], ...] = (
    (_tasks, "wait_for", wait_for),
    (_tasks, "wait", wait),
    (_tasks, "gather", gather),
    (_tasks, "as_completed", as_completed),
    (_tasks, "all_tasks", all_tasks),
    (_taskgroups.TaskGroup, "__aexit__", exit_group),
    (_taskgroups.TaskGroup, "create_task", create_group_task),
    (_taskgroups.TaskGroup, "_abort", abort_group),
    (_taskgroups.TaskGroup, "_on_task_done", on_group_task_done),
    (_timeouts.Timeout, "__aenter__", enter_timeout),
    (_timeouts.Timeout, "__aexit__", exit_timeout),
    (_locks.Condition, "wait", wait_condition),
    (_locks.Condition, "notify", notify_condition),
    (_locks.Semaphore, "locked", semaphore_locked),
    (_locks.Semaphore, "acquire", acquire_semaphore),
    (_locks.Semaphore, "release", release_semaphore),
)
OWNED: dict[str, Any] = {}
STOCK: dict[str, Any] = {}
_KEY = "the key of the function to call"


def _temporal_do_choose(key: str) -> Any:
    if getattr(_get_running_loop(), "owns_asyncio_primitives", False):
        return OWNED[key]
    return STOCK[key]


def _dispatch(*args: Any, **kwargs: Any) -> Any:
    return _temporal_do_choose("the key of the function to call")(*args, **kwargs)


async def _dispatch_async(*args: Any, **kwargs: Any) -> Any:
    return await _temporal_do_choose("the key of the function to call")(*args, **kwargs)


def _code_for(stock: FunctionType, key: str) -> CodeType:
    is_async = bool(stock.__code__.co_flags & 0x80)  # inspect.CO_COROUTINE
    template: Any = _dispatch_async if is_async else _dispatch
    code: CodeType = template.__code__
    return code.replace(
        co_consts=tuple(key if const == _KEY else const for const in code.co_consts),
        co_name=stock.__code__.co_name,
        co_qualname=stock.__code__.co_qualname,
    )


def install() -> None:
    """Make the stock functions dispatch on the running loop. Idempotent."""
    if OWNED:
        return
    for place, name, owned in _OWNED:
        function: Any = getattr(place, name, None)
        if not isinstance(function, FunctionType) or function.__code__.co_freevars:
            continue  # 3.14 has `all_tasks` in C, where tasks of a loop are a list in creation order
        key = name if isinstance(place, ModuleType) else f"{place.__name__}.{name}"
        stock = FunctionType(
            function.__code__, function.__globals__, name, function.__defaults__, function.__closure__
        )
        stock.__kwdefaults__ = function.__kwdefaults__
        stock.__qualname__ = function.__qualname__
        stock.__annotations__ = function.__annotations__
        OWNED[key], STOCK[key] = owned, stock
        function.__globals__["_temporal_do_choose"] = _temporal_do_choose
        function.__code__ = _code_for(stock, key)
        function.__wrapped__ = stock  # type: ignore[attr-defined]  # keeps inspect.signature() right
