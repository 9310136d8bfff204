"""``WorkflowContext``: everything workflow code may ask for.

Every method checks its arguments when it is called and raises InvalidArgumentError there, before anything is
issued; what is awaited happens when it is awaited. Methods remember the calling line for reports. Durations
are written as ``'5m'``, ``'1h30m'``, seconds or timedelta. The work itself is in `activities`, `children`,
`timers` and `updates`. Imports no executor.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack, overload

from ..definitions import ActivityDefinition
from ..durations import DurationLike, parse_duration
from ..errors import Evicted, InvalidArgumentError
from ..instants import from_datetime, to_datetime
from . import activities, timers
from .context_facts import FactMethods
from .context_workflows import WorkflowMethods
from .location import caller
from .options import ActivityCallOptions, checked_function, checked_name, checked_plain_function

if TYPE_CHECKING:
    from .instance import WorkflowRun

R = TypeVar("R")
ONLY: Final = object()
"""Stands for a second argument that was not given: the first is then not the step's name."""


class WorkflowContext(WorkflowMethods, FactMethods):
    """The first argument of every workflow function."""

    __slots__ = ("_run",)

    def __init__(self, run: WorkflowRun) -> None:
        self._run = run

    if not TYPE_CHECKING:  # a checker must see only the names that exist

        def __getattr__(self, name: str) -> Any:
            from .misnamed import told

            raise AttributeError(told(name, dir(type(self))), name=name, obj=self)

    # --- activities ---------------------------------------------------------------------------------------

    @overload
    def activity(
        self,
        name: str,
        fn: Callable[..., Awaitable[R]],
        /,
        *args: Any,
        **options: Unpack[ActivityCallOptions],
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def activity(
        self, name: str, fn: Callable[..., R], /, *args: Any, **options: Unpack[ActivityCallOptions]
    ) -> Coroutine[Any, Any, R]: ...

    @overload
    def activity(
        self, name: str, fn: str, /, *args: Any, **options: Unpack[ActivityCallOptions]
    ) -> Coroutine[Any, Any, Any]: ...

    def activity(
        self, name: str, fn: Any, /, *args: Any, **options: Unpack[ActivityCallOptions]
    ) -> Coroutine[Any, Any, Any]:
        """Run an activity and await its result.

        ``name`` is the name of the step. ``fn`` is a defined activity (with ``args``), the type name of an
        activity that another worker runs, or a function without arguments: if it just calls a defined
        activity that call goes to the task queue, otherwise it runs right here as a local activity, once.
        ``options``: retry policy, timeouts, task queue, cancellation type; see `ActivityCallOptions`.

        Raises ActivityError, its cause says why; asyncio.CancelledError when the awaiting task is cancelled.
        """
        run = self._run
        if not run.alive:
            raise Evicted
        frame = sys._getframe(1)
        where = (frame.f_code, frame.f_lasti)
        if type(name) is not str or not name:
            raise InvalidArgumentError(
                f"ctx.activity takes the step's name first, then the activity: "
                f"ctx.activity('charge', shop.charge, amount); got {name!r}"
            )
        checked = activities.checked_options(options) if options else activities.default_options()
        if type(fn) is ActivityDefinition:
            payloads = activities.payloads_for(run, fn, args)
            return activities.run_remote(run, name, fn.name, fn.fn, payloads, checked, where)
        if type(fn) is str:
            activity_type = checked_name(fn, "activity")
            payloads = run.converter.to_payloads(args)
            return activities.run_remote(run, name, activity_type, None, payloads, checked, where)
        if not callable(fn):
            raise InvalidArgumentError(
                f"ctx.activity({name!r}, ...) takes an activity or a function, not {fn!r}"
                + ("; write `lambda:` before the call" if hasattr(fn, "__await__") else "")
            )
        return activities.run_thunk(run, name, fn, args, checked, where)

    # --- time ---------------------------------------------------------------------------------------------

    @overload
    def sleep(self, name: str, duration: DurationLike, /) -> Coroutine[Any, Any, None]: ...

    @overload
    def sleep(self, duration: DurationLike, /) -> Coroutine[Any, Any, None]: ...

    def sleep(self, name: Any, duration: Any = ONLY, /) -> Coroutine[Any, Any, None]:
        """Sleep durably: ``sleep('wait-for-payment', '5m')`` or ``sleep('5m')``. Blocks no worker."""
        run = self._run
        if duration is ONLY:
            name, duration = "", name
        elif type(name) is not str:
            raise InvalidArgumentError(f"ctx.sleep takes a name and then a duration; got {name!r}")
        return timers.sleep_for(run, parse_duration(duration), name, caller())

    @overload
    def sleep_until(self, name: str, when: datetime, /) -> Coroutine[Any, Any, None]: ...

    @overload
    def sleep_until(self, when: datetime, /) -> Coroutine[Any, Any, None]: ...

    def sleep_until(self, name: Any, when: Any = ONLY, /) -> Coroutine[Any, Any, None]:
        """Sleep durably until a point in time (an aware datetime); one that has passed does not wait."""
        if when is ONLY:
            name, when = "", name
        elif type(name) is not str:
            raise InvalidArgumentError(f"ctx.sleep_until takes a name and then a datetime; got {name!r}")
        run = self._run
        left_ns = -(-(from_datetime(when, name="when") - run.now_ns) // 1_000_000) * 1_000_000
        return timers.sleep_for(run, left_ns, name, caller())

    def now(self) -> datetime:
        """The current time in UTC. It moves only from one workflow task to the next."""
        return to_datetime(self._run.now_ns)

    # --- signals, conditions ------------------------------------------------------------------------------

    def wait_for_signal(
        self, name: str, timeout: DurationLike | None = None, type: Any = Any
    ) -> Coroutine[Any, Any, Any]:
        """Await the next signal ``name`` and return its argument; None when ``timeout`` passes first.

        Signals that came before are taken first, in order. ``type`` shapes the argument. A signal with no or
        several arguments gives a tuple of them.
        """
        checked_name(name, "signal")
        timeout_ns = None if timeout is None else parse_duration(timeout, name="timeout")
        return self._signal_value(name, timeout_ns, type, caller())

    async def _signal_value(self, name: str, timeout_ns: int | None, kind: Any, where: Any) -> Any:
        run = self._run
        run.check_writable("wait_for_signal")
        event = await timers.next_signal(run, name, timeout_ns, where)
        if event is None:
            return None
        payloads = event.attributes.input or ()
        values = run.converter.from_payloads(payloads, (kind,) * len(payloads), where=f"signal {name!r}")
        return values[0] if len(values) == 1 else values

    def on_signal(self, name: str, handler: Callable[..., Any] | None) -> None:
        """Call ``handler(*args)`` for every signal ``name``, those that came before first.

        It may be async, and then runs as a task. None removes the handler.
        """
        from .signals import SignalInbox
        from .updates import Handler, start_signal_handler

        run = self._run
        run.check_writable("on_signal")
        checked_name(name, "signal")
        if run.inbox is None:
            run.inbox = SignalInbox()
        if handler is None:
            run.inbox.handle(name, None)
            return
        made = Handler(checked_function(handler), caller())
        run.inbox.handle(name, lambda event: start_signal_handler(run, made, event))

    def wait_condition(
        self, fn: Callable[[], Any], timeout: DurationLike | None = None
    ) -> Coroutine[Any, Any, bool]:
        """Await that ``fn()`` is true, and return True; False when ``timeout`` passes first.

        ``fn`` is called whenever something happened; it must only look.
        """
        timeout_ns = None if timeout is None else parse_duration(timeout, name="timeout")
        function = checked_plain_function(fn, "the condition")
        return timers.condition(self._run, function, timeout_ns, caller())

    # --- queries and updates ------------------------------------------------------------------------------

    def set_query_handler(self, name: str, handler: Callable[..., Any] | None) -> None:
        """Answer query ``name`` with ``handler(*args)``, which must not be async and must only look."""
        from .updates import Handler

        run = self._run
        run.check_writable("set_query_handler")
        checked_name(name, "query")
        if run.queries is None:
            run.queries = {}
        if handler is None:
            run.queries.pop(name, None)
            return
        function = checked_plain_function(handler, f"the handler of query {name!r}")
        run.queries[name] = Handler(function, caller())

    def set_update_handler(
        self, name: str, handler: Callable[..., Any] | None, validator: Callable[..., Any] | None = None
    ) -> None:
        """Carry out update ``name`` with ``handler(*args)``, which may be async; its result is the outcome.

        ``validator(*args)`` may raise to reject an update before it is recorded; it must only look.
        """
        from .updates import Handler

        run = self._run
        run.check_writable("set_update_handler")
        checked_name(name, "update")
        if run.updates is None:
            run.updates = {}
        if handler is None:
            run.updates.pop(name, None)
            return
        if validator is not None:
            checked_plain_function(validator, f"the validator of update {name!r}")
        run.updates[name] = Handler(checked_function(handler), caller(), validator)


# What Python says was never awaited, when somebody forgets to.
activities.run_remote.__qualname__ = activities.run_thunk.__qualname__ = "ctx.activity"
timers.sleep_for.__qualname__ = "ctx.sleep"
timers.condition.__qualname__ = "ctx.wait_condition"
WorkflowContext._signal_value.__qualname__ = "ctx.wait_for_signal"
