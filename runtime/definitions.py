"""What a user defines: workflows, activities, workers. Immutable, and bound to no host.

Owns the registries of a :class:`Temporal` application and the way an activity is called: as the plain
function everywhere, except while a thunk given to ``ctx.activity`` is being captured, where the call becomes
a :class:`CapturedCall`. Imports no engine part, no clock, no host.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Generic, ParamSpec, TypeVar

import attrs

from .errors import InvalidArgumentError
from .texts import checked_text

P = ParamSpec("P")
R = TypeVar("R")

WorkflowFunction = Callable[..., Awaitable[Any]]

capturing: ContextVar[bool] = ContextVar("temporal_do_capturing", default=False)


@attrs.frozen
class CapturedCall:
    """A call of a defined activity, recorded instead of made."""

    activity: ActivityDefinition[Any, Any]
    args: tuple[Any, ...]


@attrs.frozen(eq=False)
class ActivityDefinition(Generic[P, R]):
    """An activity: called like its function.

    ``name`` is the activity type in history.
    """

    name: str
    fn: Callable[P, R]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if capturing.get():
            return CapturedCall(self, bind(self.fn, args, kwargs))  # type: ignore[return-value]
        return self.fn(*args, **kwargs)


@attrs.frozen(eq=False)
class WorkflowDefinition:
    """A workflow: its type name in history, and the ``async def (ctx, *args)`` that runs it."""

    name: str
    fn: WorkflowFunction

    def __call__(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        return self.fn(*args, **kwargs)


class ActivitySet(Mapping[str, ActivityDefinition[Any, Any]]):
    """Several activities by name; ``shop.charge_payment`` and ``shop["charge_payment"]`` are the same."""

    def __init__(self, definitions: Sequence[ActivityDefinition[Any, Any]]) -> None:
        self._by_name: dict[str, ActivityDefinition[Any, Any]] = {}
        for definition in definitions:
            known = self._by_name.setdefault(definition.name, definition)
            if known is not definition and known.fn != definition.fn:
                raise InvalidArgumentError(f"two activities here are named {definition.name!r}")

    def __getitem__(self, name: str) -> ActivityDefinition[Any, Any]:
        return self._by_name[name]

    def __iter__(self) -> Any:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __getattr__(self, name: str) -> ActivityDefinition[Any, Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(
                f"no activity named {name!r} here; there are: {', '.join(self._by_name)}"
            ) from None


def bind(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """The positional arguments that calling ``fn(*args, **kwargs)`` means; history knows no keywords."""
    if not kwargs:
        return args
    import inspect

    try:
        bound = inspect.signature(fn).bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidArgumentError(f"{getattr(fn, '__name__', fn)}: {error}") from None
    bound.apply_defaults()
    if bound.kwargs:
        raise InvalidArgumentError(
            f"{getattr(fn, '__name__', fn)} has keyword-only arguments ({', '.join(bound.kwargs)}); "
            "activities and workflows take positional ones"
        )
    return bound.args


def define_activity(fn: Callable[P, R], name: str | None = None) -> ActivityDefinition[P, R]:
    """Define one activity; its name is the function's unless given."""
    if isinstance(fn, ActivityDefinition):
        if name is None or name == fn.name:
            return fn
        return ActivityDefinition(_checked_name(name, "activity"), fn.fn)
    if not callable(fn):
        hint = "; write @temporal.activity(name=...)" if isinstance(fn, str) else ""
        raise InvalidArgumentError(f"an activity is a function, not {fn!r}{hint}")
    if name is None:
        name = getattr(fn, "__name__", "")
        if name in ("", "<lambda>"):
            raise InvalidArgumentError(f"an activity needs a name, and {fn!r} has none: give {{'name': it}}")
    checked = _checked_name(name, "activity")
    _refuse_keyword_only(f"activity {checked!r}", fn)
    return ActivityDefinition(checked, fn)


def _refuse_keyword_only(what: str, fn: Callable[..., Any]) -> None:
    """History records positional arguments, so nothing could ever be given to these."""
    code = getattr(fn, "__code__", None)
    if code is None or not code.co_kwonlyargcount:
        return
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    missing = [name for name in names if name not in (getattr(fn, "__kwdefaults__", None) or {})]
    if missing:
        raise InvalidArgumentError(
            f"{what} takes its arguments by position, but these are keyword-only: {', '.join(missing)}"
        )


def define_activity_set(source: Any) -> ActivitySet:
    """Activities from a mapping of names to functions, a sequence of functions, or the body of a class."""
    if isinstance(source, ActivitySet):
        return source
    if isinstance(source, ActivityDefinition):
        return ActivitySet([source])
    if isinstance(source, Mapping):
        return ActivitySet([define_activity(fn, name) for name, fn in source.items()])
    if isinstance(source, type):
        body = {name: fn for name, fn in vars(source).items() if not name.startswith("_")}
        return ActivitySet(
            [
                define_activity(fn.__func__ if isinstance(fn, staticmethod) else fn, name)
                for name, fn in body.items()
                if callable(fn) or isinstance(fn, staticmethod)
            ]
        )
    if isinstance(source, Sequence) and not isinstance(source, str):
        found: list[ActivityDefinition[Any, Any]] = []
        for item in source:
            found.extend(item.values() if isinstance(item, ActivitySet) else [define_activity(item)])
        return ActivitySet(found)
    if callable(source):
        return ActivitySet([define_activity(source)])
    raise InvalidArgumentError(
        "activities are a mapping of names to functions, a list of functions, or a decorated class, "
        f"not {source!r}"
    )


def define_workflow(name: str, fn: WorkflowFunction) -> WorkflowDefinition:
    """Define a workflow type. ``fn`` is ``async def (ctx, *args)``. Raises InvalidArgumentError."""
    _checked_name(name, "workflow")
    if isinstance(fn, WorkflowDefinition):
        fn = fn.fn
    if not callable(fn):
        raise InvalidArgumentError(f"workflow {name!r} must be an async function, not {fn!r}")
    code = getattr(fn, "__code__", None)
    if code is None or not code.co_flags & 0x80:  # CO_COROUTINE
        raise InvalidArgumentError(
            f"workflow {name!r} must be an async function: write "
            f"'async def {getattr(fn, '__name__', 'fn')}(ctx, ...)'"
        )
    _refuse_keyword_only(f"workflow {name!r}", fn)
    if not code.co_argcount and not code.co_flags & 0x04:
        raise InvalidArgumentError(
            f"workflow {name!r} must take the context first: 'async def {code.co_name}(ctx, ...)'"
        )
    return WorkflowDefinition(name, fn)


def check_arguments(definition: WorkflowDefinition, args: Sequence[Any]) -> tuple[Any, ...]:
    """``args`` as a tuple that the workflow's function takes. Raises InvalidArgumentError."""
    values = as_arguments(args, "args")
    code = definition.fn.__code__
    first = 2 if getattr(definition.fn, "__self__", None) is not None else 1  # after self, and the context
    most = code.co_argcount - first
    least = most - len(definition.fn.__defaults__ or ())
    variadic = bool(code.co_flags & 0x04)
    if len(values) < least or (len(values) > most and not variadic):
        takes = f"at least {least}" if variadic else f"{least}" if least == most else f"{least} to {most}"
        raise InvalidArgumentError(
            f"workflow {definition.name!r} takes {takes} argument(s) "
            f"after the context, not {len(values)}: ({', '.join(code.co_varnames[first : code.co_argcount])})"
        )
    return values


def as_arguments(args: Any, name: str) -> tuple[Any, ...]:
    """``args`` as a tuple; a text is no list of arguments. Raises InvalidArgumentError."""
    if isinstance(args, (str, bytes)) or not isinstance(args, Sequence):
        raise InvalidArgumentError(f"{name} is a list of arguments, not {args!r}; write {name}=[{args!r}]")
    return tuple(args)


def _checked_name(name: Any, what: str) -> str:
    return checked_text(name, f"the name of {'an' if what[0] in 'aeiou' else 'a'} {what}")


@attrs.frozen(eq=False, init=False)
class Worker:
    """Which workflows and activities run for one task queue. Holds no connection; deploy it with
    ``simulation.run(worker)`` or hand it to a host.

    Arguments: ``namespace``; ``task_queue``; ``workflows``, definitions; ``activities``, everything that
    ``define_activities`` takes. Raises InvalidArgumentError.
    """

    namespace: str
    task_queue: str
    workflows: Mapping[str, WorkflowDefinition]
    activities: Mapping[str, ActivityDefinition[Any, Any]]

    def __init__(
        self,
        *,
        task_queue: str,
        namespace: str = "default",
        workflows: Sequence[WorkflowDefinition] = (),
        activities: Any = (),
    ) -> None:
        by_name: dict[str, WorkflowDefinition] = {}
        if isinstance(workflows, (str, Mapping)) or not isinstance(workflows, Iterable):
            raise InvalidArgumentError(f"workflows is a list of workflows, not {workflows!r}")
        for definition in workflows:
            if not isinstance(definition, WorkflowDefinition):
                raise InvalidArgumentError(
                    f"{getattr(definition, '__name__', definition)!r} is not a workflow: "
                    "decorate it with @temporal.workflow(name)"
                )
            if by_name.setdefault(definition.name, definition) is not definition:
                raise InvalidArgumentError(f"two workflows of this worker are named {definition.name!r}")
        object.__setattr__(self, "namespace", _checked_name(namespace, "namespace"))
        object.__setattr__(self, "task_queue", _checked_name(task_queue, "task queue"))
        object.__setattr__(self, "workflows", by_name)
        object.__setattr__(self, "activities", dict(define_activity_set(activities)))
