"""What to paste: the change guarded by ``ctx.patched``, made of the user's statement and the recorded step.

One builder per kind of cause. Recorded steps are written back as calls that this package accepts, with the
recorded names, durations and arguments.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from ..durations import format_duration, parse_duration
from ..errors import InvalidArgumentError
from .classify import Cause, Divergence
from .source import Statement, statement_mentioning
from .steps import Step


@attrs.frozen(kw_only=True)
class Fix:
    """``advice`` says where it goes, ``code`` is to be pasted ("" when there is nothing to paste)."""

    advice: str
    code: str = ""


def fix_for(
    cause: Cause, divergence: Divergence, statement: Statement | None, function: Callable[..., Any]
) -> Fix:
    """The fix for a cause; ``statement`` is the user's at the divergent line, ``function`` the workflow's."""
    if cause.kind == "reordered":
        return _reordered(divergence, statement, function)
    builder = _BUILDERS.get(cause.kind, _guarded)
    return builder(cause, divergence, statement)


def recorded_call(step: Step, statement: Statement | None = None) -> str:
    """A recorded step as a statement of workflow code; its result goes where ``statement``'s goes."""
    text = _call(step)
    if statement is not None and statement.assigns and text.startswith("await "):
        return f"{' = '.join(statement.assigns)} = {text}"
    return text


def _call(step: Step) -> str:
    values = "".join(f", {value!r}" for value in step.values)
    name = step.step or step.name
    if step.kind == "activity":
        return f"await ctx.activity({name!r}, {step.name!r}{values})"
    if step.kind == "local activity":
        return f"await ctx.activity({name!r}, ...)  # the local activity the history records"
    if step.kind == "timer":
        duration = format_duration(step.duration_ns or 0)
        return (
            f"await ctx.sleep({step.step!r}, {duration!r})" if step.step else f"await ctx.sleep({duration!r})"
        )
    if step.kind == "child":
        args = f", args={list(step.values)!r}" if step.values else ""
        return f"await ctx.execute_child({step.name!r}, workflow_id={step.target!r}{args})"
    if step.kind == "signal":
        return f"await ctx.signal_workflow({step.target!r}, {step.name!r}{values})"
    if step.kind == "cancel other":
        return f"await ctx.cancel_workflow({step.target!r})"
    if step.kind == "patch":
        return f"ctx.deprecate_patch({step.name!r})"
    if step.kind == "side effect":
        return "ctx.side_effect(...)"
    if step.kind == "continue as new":
        return f"ctx.continue_as_new({', '.join(repr(value) for value in step.values)})"
    if step.kind == "complete":
        return f"return {step.values[0]!r}" if step.values else "return"
    return f"...  # {step.text}, as the history records"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "step"


def _label(step: Step | None) -> str:
    if step is None:
        return "step"
    return _slug(step.step or step.name or step.kind)


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def _new_code(statement: Statement | None, step: Step | None) -> str:
    if statement is not None and "ctx" in statement.text:
        return statement.text
    return recorded_call(step) if step is not None else "...  # the new code"


def _if(patch_id: str, new: str, old: str = "", *, negated: bool = False) -> str:
    condition = f"not ctx.patched({patch_id!r})" if negated else f"ctx.patched({patch_id!r})"
    code = f"if {condition}:\n{_indent(new)}"
    return f"{code}\nelse:\n{_indent(old)}" if old else code


def _added(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    old = ""
    if statement is not None and statement.assigns:
        old = f"{' = '.join(statement.assigns)} = None  # what it was before the change"
    return Fix(
        advice="Let runs from before the change skip the new step:",
        code=_if(f"add-{_label(d.replayed)}", _new_code(statement, d.replayed), old),
    )


def _removed(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    if d.recorded is None:
        return _guarded(cause, d, statement)
    return Fix(
        advice="Keep the old step for runs that did it; put this back where it was:",
        code=_if(f"remove-{_label(d.recorded)}", recorded_call(d.recorded), negated=True),
    )


def _reordered(d: Divergence, statement: Statement | None, function: Callable[..., Any]) -> Fix:
    recorded = [] if d.recorded is None else [d.recorded]
    if d.replayed is not None:
        recorded += _until(d.recorded_rest, d.replayed)
    # The statements are in the code still, only elsewhere: take them from there.
    in_order = [_statement_of(step, function) for step in recorded]
    old = "\n".join(in_order)
    new = "\n".join([_new_code(statement, d.replayed), *in_order[:-1]])
    return Fix(
        advice="Keep the recorded order for runs that began with it; this replaces the moved statements:",
        code=_if(f"move-{_label(d.replayed)}", new, old),
    )


def _statement_of(step: Step, function: Callable[..., Any]) -> str:
    found = statement_mentioning(function, step.step) if step.step else None
    return found.text if found is not None else recorded_call(step)


def _until(steps: Sequence[Step], last: Step) -> list[Step]:
    found: list[Step] = []
    for step in steps:
        found.append(step)
        if step.same_as(last):
            break
    return found


def _changed(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    if d.recorded is None:
        return _guarded(cause, d, statement)
    return Fix(
        advice="Keep what the history records for runs from before the change:",
        code=_if(
            f"change-{_label(d.recorded)}",
            _new_code(statement, d.replayed),
            recorded_call(d.recorded, statement),
        ),
    )


def _changed_duration(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    """The user's own statement with the old duration, where the new one is written in it."""
    old = None
    if d.recorded is not None and d.replayed is not None and statement is not None:
        old = _with_duration(statement.text, d.replayed.duration_ns or 0, d.recorded.duration_ns or 0)
    if old is None:
        return _changed(cause, d, statement)
    return Fix(
        advice="Keep what the history records for runs from before the change:",
        code=_if(f"change-{_label(d.recorded)}", _new_code(statement, d.replayed), old),
    )


def _with_duration(text: str, new_ns: int, old_ns: int) -> str | None:
    """``text`` with its one constant that means ``new_ns`` replaced; None if there is not just one."""
    try:
        constants = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    except SyntaxError:  # a piece of a statement, such as a return outside of its function
        return None
    found = [node for node in constants if _means(node.value, new_ns)]
    if len(found) != 1 or found[0].lineno != found[0].end_lineno:
        return None
    lines = text.splitlines()
    line = lines[found[0].lineno - 1].encode()
    first, end = found[0].col_offset, found[0].end_col_offset
    quote = b'"' if line[first:end].startswith(b'"') else b"'"
    old = quote + format_duration(old_ns).encode() + quote
    lines[found[0].lineno - 1] = (line[:first] + old + line[end:]).decode()
    return "\n".join(lines)


def _means(value: object, duration_ns: int) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    try:
        return parse_duration(value) == duration_ns
    except InvalidArgumentError:
        return False


def _changed_result(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    if d.recorded is None or not d.recorded.closes:
        return _changed(cause, d, statement)
    new = statement.text if statement is not None and statement.returns else "return ...  # the new result"
    return Fix(
        advice="If the old result matters to somebody, keep it for runs from before the change:",
        code=_if("change-result", new, _call(d.recorded)),
    )


def _value(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    advice = (
        f"Make the value with {cause.hint}, which gives the same in every replay; anything else that comes "
        "from outside goes through ctx.side_effect or an activity."
    )
    return Fix(advice=advice, code=f"value = {cause.hint}\nother = ctx.side_effect(lambda: ...)")


def _patch_removed(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    return Fix(
        advice="While runs that passed the patch are replayed, keep its name in the place of the question:",
        code=f"ctx.deprecate_patch({cause.hint!r})",
    )


def _update_handler(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    return Fix(
        advice="Set the handler again, before the workflow waits for the first time:",
        code=f"ctx.set_update_handler({cause.hint!r}, handler)",
    )


def _waits(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    return Fix(
        advice="Let runs from before the change skip the new wait:",
        code=_if("add-wait", statement.text if statement is not None else "...  # the new wait"),
    )


def _no_longer_waits(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    return Fix(
        advice="Keep the old wait for runs from before the change:",
        code=_if(
            f"no-wait-before-{_label(d.replayed)}", "...  # what the code waited for here", negated=True
        ),
    )


def _raised(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    return Fix(
        advice="Guard the change that made it raise, so that runs from before keep the old code:",
        code=_if(
            "change-" + _label(d.recorded),
            statement.text if statement is not None else "...  # the new code",
            recorded_call(d.recorded, statement) if d.recorded is not None else "...  # the old code",
        ),
    )


def _guarded(cause: Cause, d: Divergence, statement: Statement | None) -> Fix:
    old = recorded_call(d.recorded, statement) if d.recorded is not None else "...  # the old code"
    return Fix(
        advice="Guard the change, so that runs from before keep the old code:",
        code=_if(f"change-{_label(d.replayed or d.recorded)}", _new_code(statement, d.replayed), old),
    )


_BUILDERS: dict[str, Callable[[Cause, Divergence, Statement | None], Fix]] = {
    "added": _added,
    "ran_past_the_end": _added,
    "removed": _removed,
    "ended_early": _removed,
    "changed_duration": _changed_duration,
    "changed_arguments": _changed,
    "changed_options": _changed,
    "renamed_step": _changed,
    "renamed": _changed,
    "replaced": _changed,
    "changed_result": _changed_result,
    "nondeterministic_value": _value,
    "patch_removed": _patch_removed,
    "update_handler_missing": _update_handler,
    "waits_longer": _waits,
    "no_longer_waits": _no_longer_waits,
    "raised": _raised,
}
