"""Why did code and history part? Small classifiers in a table, asked one after another.

Owns :class:`Divergence` (the facts) and `CLASSIFIERS`. A classifier looks at the facts and returns a probable
cause or None; the first answer counts. They guess: a name that the code no longer mentions was removed or
renamed, one that comes later in the history was moved, a value that looks like a clock reading is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

from ..durations import format_duration
from .matching import Difference
from .source import Mentions
from .steps import Step, shorten


@attrs.frozen(kw_only=True)
class Divergence:
    """Where they part. ``recorded``, ``replayed``: the two steps that do not fit (None: nothing more there).

    ``recorded_rest``: what the history records after it, later tasks included; ``replayed_rest``: what the
    replay issued after it. ``differences``: set when both are the same kind of step. ``raised``: what the
    code raised.
    """

    recorded: Step | None
    replayed: Step | None
    recorded_rest: Sequence[Step]
    replayed_rest: Sequence[Step]
    differences: Sequence[Difference]
    mentions: Mentions
    raised: BaseException | None = None
    waits_at: str = ""


@attrs.frozen(kw_only=True)
class Cause:
    """``kind`` is stable and for machines; ``text`` says it; ``hint`` names what to write instead, if one
    thing.
    """

    kind: str
    text: str
    hint: str = ""


Classifier = Callable[[Divergence], Cause | None]


def classify(divergence: Divergence) -> Cause:
    """The probable cause."""
    for classifier in CLASSIFIERS:
        cause = classifier(divergence)
        if cause is not None:
            return cause
    return Cause(kind="changed", text="The code issues other commands than the history records.")


# --- helpers ----------------------------------------------------------------------------------------------


def _mentioned(divergence: Divergence, step: Step) -> bool:
    """Does the code still contain this step?"""
    mentions = divergence.mentions
    if step.step:
        return mentions.name(step.step)
    if step.kind == "timer":
        return mentions.duration(step.duration_ns or 0)
    if step.name:
        return mentions.name(step.name)
    return step.closes


def _among(step: Step, steps: Sequence[Step]) -> bool:
    return any(step.same_as(other) for other in steps)


_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_EPOCH_SECONDS = (1_000_000_000, 10_000_000_000)


def _leaves(recorded: Any, replayed: Any) -> Iterator[tuple[Any, Any]]:
    """The pairs of values in which two structures of the same shape differ."""
    if isinstance(recorded, dict) and isinstance(replayed, dict) and list(recorded) == list(replayed):
        for key in recorded:
            yield from _leaves(recorded[key], replayed[key])
    elif (
        isinstance(recorded, (list, tuple))
        and isinstance(replayed, (list, tuple))
        and len(recorded) == len(replayed)
    ):
        for one, other in zip(recorded, replayed, strict=True):
            yield from _leaves(one, other)
    elif recorded != replayed:
        yield recorded, replayed


def _looks_random(recorded: Any, replayed: Any) -> str:
    """What to write instead, if the two values look like two draws from outside; else ""."""
    if isinstance(recorded, str) and isinstance(replayed, str):
        if _UUID.search(recorded) and _UUID.search(replayed):
            return "ctx.uuid4()"
        if _TIME.search(recorded) and _TIME.search(replayed):
            return "ctx.now()"
        return ""
    if isinstance(recorded, bool) or isinstance(replayed, bool):
        return ""
    if isinstance(recorded, (int, float)) and isinstance(replayed, (int, float)):
        for scale in (1, 1000, 1_000_000, 1_000_000_000):
            low, high = _EPOCH_SECONDS[0] * scale, _EPOCH_SECONDS[1] * scale
            if low <= recorded < high and low <= replayed < high:
                return "ctx.now().timestamp()"
        if isinstance(recorded, float) and isinstance(replayed, float):
            if 0 < recorded < 1 and 0 < replayed < 1 and min(len(repr(recorded)), len(repr(replayed))) > 8:
                return "ctx.random.random()"
    return ""


# --- the classifiers --------------------------------------------------------------------------------------


def _raised(d: Divergence) -> Cause | None:
    if d.raised is None:
        return None
    goes_on = f"records {d.recorded.text}" if d.recorded is not None else "goes on"
    return Cause(
        kind="raised",
        text=f"The code raises {type(d.raised).__name__}: {d.raised} where the history {goes_on}.",
    )


def _patch_removed(d: Divergence) -> Cause | None:
    step = d.recorded
    if step is None or step.kind != "patch" or _mentioned(d, step):
        return None
    return Cause(
        kind="patch_removed",
        text=f"The history passed patch {step.name!r}, which the code does not ask about any more.",
        hint=step.name,
    )


def _update_handler(d: Divergence) -> Cause | None:
    step = d.recorded
    if step is None or step.kind != "accept update" or (d.replayed and d.replayed.kind == "accept update"):
        return None
    return Cause(
        kind="update_handler_missing",
        text=f"The history accepted update {step.name!r} here, but the code has no handler for it "
        "at this point.",
        hint=step.name,
    )


def _random_value(d: Divergence) -> Cause | None:
    if d.recorded is None or d.replayed is None or not d.differences:
        return None
    pairs = list(_leaves(d.recorded.values, d.replayed.values))
    if d.recorded.target != d.replayed.target:
        pairs.append((d.recorded.target, d.replayed.target))
    for recorded, replayed in pairs:
        instead = _looks_random(recorded, replayed)
        if instead:
            return Cause(
                kind="nondeterministic_value",
                text=f"A value differs in every run: {shorten(recorded)} was recorded, now it is "
                f"{shorten(replayed)}. It was not made with {instead}.",
                hint=instead,
            )
    return None


_CHANGES = {
    "durations": "changed_duration",
    "arguments": "changed_arguments",
    "results": "changed_result",
    "options": "changed_options",
    "step_names": "renamed_step",
    "properties": "changed_properties",
}


def _changed_aspect(d: Divergence) -> Cause | None:
    if not d.differences or d.recorded is None or d.replayed is None:
        return None
    if any(difference.aspect == "identity" for difference in d.differences):
        return None
    difference = d.differences[0]
    kind = _CHANGES.get(difference.aspect, "changed")
    if kind == "changed_duration":
        before, after = format_duration(difference.recorded), format_duration(difference.replayed)
        return Cause(
            kind=kind,
            text=f"The duration of {_short(attrs.evolve(d.replayed, duration_ns=None))} changed from "
            f"{before} to {after}.",
        )
    if kind in ("changed_arguments", "changed_result") and d.recorded.values != d.replayed.values:
        what = "arguments" if kind == "changed_arguments" else "result"
        before = ", ".join(shorten(value) for value in d.recorded.values) or "nothing"
        after = ", ".join(shorten(value) for value in d.replayed.values) or "nothing"
        return Cause(kind=kind, text=f"The {what} of {_short(d.replayed)} changed from {before} to {after}.")
    return Cause(
        kind=kind,
        text=f"The {difference.name} of {_short(d.replayed)} changed from {shorten(difference.recorded)} to "
        f"{shorten(difference.replayed)}.",
    )


def _nothing_recorded(d: Divergence) -> Cause | None:
    if d.recorded is not None or d.replayed is None:
        return None
    step = d.replayed
    following = d.recorded_rest[0] if d.recorded_rest else None
    if following is not None and step.same_as(following):
        return Cause(
            kind="no_longer_waits",
            text=f"The code goes on to {_short(step)} at once; the history waits for something before it.",
        )
    if step.closes:
        after = f", which goes on with {_short(following)}" if following is not None else ""
        return Cause(kind="ended_early", text=f"The workflow ends here, earlier than in its history{after}.")
    return Cause(kind="added", text=f"The code has a step here that the history does not: {_short(step)}.")


def _nothing_replayed(d: Divergence) -> Cause | None:
    if d.replayed is not None or d.recorded is None:
        return None
    step = d.recorded
    waits = f"the code waits at {d.waits_at}" if d.waits_at else "the code wants nothing more"
    if step.closes:
        return Cause(kind="waits_longer", text=f"The history ends here ({_short(step)}), but {waits}.")
    if _mentioned(d, step):
        return Cause(
            kind="waits_longer",
            text=f"The history goes on with {_short(step)}, but {waits}: a new wait stands before it.",
        )
    return Cause(
        kind="removed", text=f"The history records {_short(step)} here, which is gone from the code."
    )


def _past_the_end(d: Divergence) -> Cause | None:
    if d.recorded is None or d.replayed is None or not d.recorded.closes or d.replayed.closes:
        return None
    return Cause(
        kind="ran_past_the_end",
        text=f"The history ends here ({_short(d.recorded)}), but the code goes on with {_short(d.replayed)}.",
    )


def _ended_early(d: Divergence) -> Cause | None:
    if d.recorded is None or d.replayed is None or d.recorded.closes or not d.replayed.closes:
        return None
    text = (
        f"The workflow ends here ({_short(d.replayed)}), but its history goes on with {_short(d.recorded)}."
    )
    return Cause(kind="ended_early", text=text)


def _other_end(d: Divergence) -> Cause | None:
    if d.recorded is None or d.replayed is None or not (d.recorded.closes and d.replayed.closes):
        return None
    return Cause(
        kind="changed_result",
        text=f"The workflow ended with {_short(d.recorded)} and now ends with {_short(d.replayed)}.",
    )


def _reordered(d: Divergence) -> Cause | None:
    if d.recorded is None or d.replayed is None or not _among(d.replayed, d.recorded_rest):
        return None
    if not _among(d.recorded, d.replayed_rest) and not _mentioned(d, d.recorded):
        return None
    return Cause(
        kind="reordered",
        text=f"{_short(d.replayed)} now comes before {_short(d.recorded)}; the history has them the other "
        "way round.",
    )


def _removed(d: Divergence) -> Cause | None:
    if d.recorded is None or d.replayed is None or not _among(d.replayed, d.recorded_rest):
        return None
    return Cause(
        kind="removed", text=f"The history records {_short(d.recorded)}, which is gone from the code."
    )


def _added(d: Divergence) -> Cause | None:
    if d.recorded is None or d.replayed is None:
        return None
    if not _among(d.recorded, d.replayed_rest) and not _mentioned(d, d.recorded):
        return None
    return Cause(
        kind="added", text=f"The code has a new step before {_short(d.recorded)}: {_short(d.replayed)}."
    )


def _renamed_in_place(d: Divergence) -> Cause | None:
    """The same step by one of its names, under another by the other."""
    if d.recorded is None or d.replayed is None or d.recorded.kind != d.replayed.kind:
        return None
    same_step = bool(d.recorded.step) and d.recorded.step == d.replayed.step
    same_name = bool(d.recorded.name) and d.recorded.name == d.replayed.name
    if same_step == same_name and d.recorded.target == d.replayed.target:
        return None
    if not (same_step or same_name) or d.recorded.values != d.replayed.values:
        return None
    return None if _among(d.replayed, d.recorded_rest) else _rename(d.recorded, d.replayed)


def _renamed(d: Divergence) -> Cause | None:
    if d.recorded is None or d.replayed is None or d.recorded.kind != d.replayed.kind:
        return None
    if d.recorded.values != d.replayed.values:
        return None
    return _rename(d.recorded, d.replayed)


def _rename(recorded: Step, replayed: Step) -> Cause | None:
    for before, after in (
        (recorded.name, replayed.name),
        (recorded.target, replayed.target),
        (recorded.step, replayed.step),
    ):
        if before != after:
            return Cause(kind="renamed", text=f"{before!r} is called {after!r} now.")
    return None


def _replaced(d: Divergence) -> Cause | None:
    if d.recorded is None or d.replayed is None:
        return None
    return Cause(
        kind="replaced", text=f"The code does {_short(d.replayed)} where it used to do {_short(d.recorded)}."
    )


def _short(step: Step) -> str:
    return attrs.evolve(step, values=()).text


CLASSIFIERS: tuple[Classifier, ...] = (
    _raised,
    _patch_removed,
    _update_handler,
    _random_value,
    _changed_aspect,
    _nothing_recorded,
    _nothing_replayed,
    _past_the_end,
    _ended_early,
    _other_end,
    _renamed_in_place,
    _reordered,
    _removed,
    _added,
    _renamed,
    _replaced,
)
