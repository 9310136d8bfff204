"""Lives: what runs together and dies together - one incarnation of an object, one consumer's worker process.

Fault model. A life can be killed at any moment between two of its steps, or by one of its own calls to the
host. Then none of its code runs ever again, `finally` blocks included: that is what a crash means. A life may
also become a zombie (a superseded instance that has not noticed yet): its code goes on, it may call and
reply, but nothing it tries to commit becomes durable, and the attempt kills it.

How: every coroutine of a life is driven through `Guarded`, which parks it for good as soon as the life is
dead; so is every task that its code starts by itself (the loop asks ``current_life``). What is parked is
unwound when the simulation is closed, in the order of creation, with every door shut.

Must not import: the platform (it is handed in).
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from .platform import Platform

DEAD = 0
ZOMBIE = 1
LIVE = 2


current_life: ContextVar[Life | None] = ContextVar("temporal_do_life", default=None)
"""Whose code is running: tasks started by it die with it."""


class Life:
    """Something that runs until it is killed. ``name`` is its address, ``number`` tells its incarnations
    apart."""

    __slots__ = ("name", "number", "platform", "state")

    def __init__(self, platform: Platform, name: str, number: int) -> None:
        self.platform = platform
        self.name = name
        self.number = number
        self.state = LIVE

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run ``work`` as a task of this life; what it raises is the simulation's business."""
        if self.state == DEAD:
            work.close()
            return
        context = self.platform.context.copy()
        context.run(current_life.set, self)
        self.platform.unstarted[work] = None
        self.platform.loop.create_free_task(self._run(work, None), name=self.name, context=context)

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run ``work`` from this very moment, as a task only if it has to wait. Not for user code."""
        try:
            awaited = work.send(None)
        except StopIteration:
            return
        except Exception as error:
            self.platform.crashed(self, error)
        else:
            self.platform.loop.create_task(self._run(work, awaited), name=self.name)

    def guard(self, work: Any) -> GuardedCoroutine:
        """``work``, a coroutine, as one that ends with this life."""
        return GuardedCoroutine(self, work)

    async def never(self) -> NoReturn:
        """Wait for good: what a dead life does."""
        while True:
            await self.platform.loop.create_future()

    def resume(self, work: Coroutine[Any, Any, Any], awaited: Any) -> Guarded:
        """Something to await: ``work``, which has already begun and waits for ``awaited``."""
        return Guarded(self, work, awaited)

    async def _run(self, work: Coroutine[Any, Any, Any], awaited: Any) -> None:
        self.platform.unstarted.pop(work, None)
        try:
            await Guarded(self, work, awaited)
        except Exception as error:
            self.platform.crashed(self, error)


class Guarded:
    """Drives a coroutine as long as its life lasts; then never touches it again."""

    __slots__ = ("_awaited", "_life", "_work")

    def __init__(self, life: Life, work: Coroutine[Any, Any, Any], awaited: Any) -> None:
        self._life = life
        self._work = work
        self._awaited = awaited

    def __await__(self) -> Generator[Any, None, Any]:
        life = self._life
        platform = life.platform
        work = self._work
        awaited = self._awaited
        try:
            if awaited is None:
                if life.state == DEAD:
                    try:
                        error = yield from self._park()
                    except GeneratorExit:
                        work.close()  # it has not begun, so none of its code runs
                        raise
                    awaited = work.throw(error)
                else:
                    awaited = work.send(None)
            while True:
                try:
                    yield awaited
                except GeneratorExit:
                    # Nobody drives this any more: the simulation was dropped without being closed.
                    raise
                except BaseException as error:
                    if life.state == DEAD and not platform.closed:
                        awaited = work.throw((yield from self._park()))
                    else:
                        awaited = work.throw(error)
                else:
                    if life.state == DEAD and not platform.closed:
                        awaited = work.throw((yield from self._park()))
                    else:
                        awaited = work.send(None)
        except StopIteration as stop:
            return stop.value

    def _park(self) -> Generator[Any, None, BaseException]:
        """Wait until the simulation is closed; returns what the closing throws."""
        platform = self._life.platform
        while True:
            try:
                yield from platform.loop.create_future().__await__()
            except GeneratorExit:
                raise
            except BaseException as error:
                if platform.closed:
                    return error


class GuardedCoroutine(Coroutine[Any, Any, Any]):
    """A coroutine driven by `Guarded`, for a task of its own."""

    __slots__ = ("_begun", "_steps", "_work")

    def __init__(self, life: Life, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self._begun = False
        self._steps = Guarded(life, work, None).__await__()

    def send(self, value: Any) -> Any:
        """Go on to where it waits next."""
        self._begun = True
        return self._steps.send(value)

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
        """Raise ``error`` where it waits; before it has begun it ends at once, and none of its code runs."""
        if not self._begun:
            self._work.close()
        return self._steps.throw(error)

    def close(self) -> None:
        """End it where it waits."""
        if not self._begun:
            self._work.close()
        self._steps.close()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._steps
