"""The part of the context about the run itself: facts, properties, randomness, side effects, versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ..commands import ModifyProperties, UpsertSearchAttributes
from ..errors import Evicted, InvalidArgumentError
from ..search_attributes import encode_search_attributes
from . import activities
from .info import WorkflowInfo
from .location import caller
from .machines.marker import MarkerMachine, patch_command, side_effect_command
from .machines.properties import PropertiesMachine
from .options import checked_function, checked_name, memo_record
from .shield import Shield

if TYPE_CHECKING:
    from uuid import UUID

    from ..history import Payload, SearchAttributes
    from ..workflow_random import WorkflowRandom
    from .instance import WorkflowRun
    from .logs import WorkflowLogger

T = TypeVar("T")


class FactMethods:
    """Methods of the context; the class itself is :class:`~.context.WorkflowContext`."""

    __slots__ = ()

    _run: WorkflowRun

    @property
    def info(self) -> WorkflowInfo:
        """Ids, type, task queue, attempt, parent, length of the history ..."""
        return WorkflowInfo(self._run)

    @property
    def logger(self) -> WorkflowLogger:
        """A standard logger that is silent while the code is replayed."""
        from .logs import WorkflowLogger

        return WorkflowLogger(self._run)

    @property
    def is_cancelled(self) -> bool:
        """Was the workflow asked to cancel?"""
        return self._run.cancel_requested

    def shielded(self) -> Shield:
        """``async with ctx.shielded():`` -- a cancellation of the workflow is delivered after the block."""
        return Shield(self._run)

    def upsert_search_attributes(self, values: Mapping[str, Any]) -> None:
        """Set search attributes: bool, int, float, str, aware datetime, list of str; None removes one."""
        run = self._run
        record = _search_attributes(run, values)
        PropertiesMachine(run, UpsertSearchAttributes(search_attributes=record), caller())
        self._remember("search", record.indexed_fields)

    def upsert_memo(self, values: Mapping[str, Any]) -> None:
        """Set memo values; None removes one."""
        run = self._run
        memo = memo_record(run, values)
        PropertiesMachine(run, ModifyProperties(upserted_memo=memo), caller())
        self._remember("memo", memo.fields)

    def _remember(self, kind: str, fields: Mapping[str, Payload]) -> None:
        run = self._run
        if run.memo is None:
            run.memo = {}
        run.memo.setdefault(kind, {}).update(fields)

    # --- deterministic randomness, side effects, versions -------------------------------------------------

    @property
    def random(self) -> WorkflowRandom:
        """A ``random.Random`` that gives the same numbers in every replay."""
        made: WorkflowRandom | None = (self._run.random_streams or {}).get("random")
        if made is None:
            from ..prng import workflow_random

            made = workflow_random(self._stream("random"))
            self._run.random_streams["random"] = made  # type: ignore[index]
        return made

    def uuid4(self) -> UUID:
        """A version 4 UUID, the same in every replay."""
        from ..prng import uuid4_from

        streams = self._run.random_streams
        stream = None if streams is None else streams.get("uuid")
        if stream is None:
            stream = self._stream("uuid")
            self._run.random_streams["uuid"] = stream  # type: ignore[index]
        return uuid4_from(stream)

    def _stream(self, label: str) -> Any:
        from ..prng import Stream

        run = self._run
        if run.random_streams is None:
            run.random_streams = {}
        return Stream(run.seed(), f"workflow {label}")

    def side_effect(self, fn: Callable[[], T]) -> T:
        """Call ``fn()`` once and record what it returns; a replay gives the recorded value.

        The value is shaped by ``fn``'s annotation; a lambda has none, and gives what JSON gives.
        """
        run = self._run
        run.check_writable("side_effect")
        where = caller()
        checked_function(fn)
        lookahead = run.lookahead
        if lookahead is not None and lookahead.side_effects:
            payload = lookahead.side_effects.pop(0)
        else:
            kind, value = activities.capture(run, fn, ())
            if kind == "error":
                raise value
            if kind == "coroutine":
                value.close()
            if kind != "value":
                raise InvalidArgumentError(
                    "ctx.side_effect takes a function that is not async and calls no activity; "
                    "use ctx.activity"
                )
            payload = run.converter.to_payload(value, where="the result of ctx.side_effect")
        number = run.side_effect_count + 1
        MarkerMachine(run, side_effect_command(run, number, payload), where)
        run.side_effect_count = number
        from ..type_hints import hints_of

        result: T = run.converter.from_payload(
            payload, hints_of(fn)[1], where="the result of ctx.side_effect"
        )
        return result

    def patched(self, patch_id: str) -> bool:
        """Guards a change of workflow code: False for runs that passed here before the change, else True.

        Write ``if ctx.patched('my-change'): new code, else: old code``; when no run needs the old code any
        more, replace the question by ``ctx.deprecate_patch('my-change')``.
        """
        return self._patch(patch_id, caller(), deprecated=False)

    def deprecate_patch(self, patch_id: str) -> None:
        """Says that no run needs the code from before ``patch_id`` any more."""
        self._patch(patch_id, caller(), deprecated=True)

    def _patch(self, patch_id: str, where: Any, *, deprecated: bool) -> bool:
        run = self._run
        if not run.alive:
            raise Evicted
        checked_name(patch_id, "patch")
        known = None if run.patches is None else run.patches.get(patch_id)
        if known is not None:
            return known
        if run.read_only is not None:
            return not run.replaying
        lookahead = run.lookahead
        use = lookahead is None or (lookahead.patches is not None and patch_id in lookahead.patches)
        if use:
            MarkerMachine(run, patch_command(run, patch_id, deprecated), where)
        if run.patches is None:
            run.patches = {}
        run.patches[patch_id] = use
        return use


def _search_attributes(run: WorkflowRun, values: Mapping[str, Any]) -> SearchAttributes:
    from ..history import SearchAttributes

    if not isinstance(values, Mapping) or not values:
        raise InvalidArgumentError(f"search attributes are a mapping of names to values, not {values!r}")
    kept = encode_search_attributes({name: value for name, value in values.items() if value is not None})
    fields = dict(kept.indexed_fields) if kept is not None else {}
    removed = run.converter.to_payload(None)
    fields.update(
        {checked_name(name, "search attribute"): removed for name in values if values[name] is None}
    )
    return SearchAttributes(indexed_fields=fields)
